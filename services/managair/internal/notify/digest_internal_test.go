package notify

import "testing"

// A digest leads to what it is about: to the one thing, else to where all of it is seen.
func TestDigestsLeadToTheirMessages(t *testing.T) {
	t.Parallel()
	one := Notice{Link: "/dashboard/3/alerts/episodes/1", Overview: "/dashboard/3/alerts"}
	two := Notice{Link: "/dashboard/3/alerts/episodes/2", Overview: "/dashboard/3/alerts"}
	for _, tt := range []struct {
		name    string
		notices []Notice
		want    string
	}{
		{"twice the same", []Notice{one, one}, one.Link},
		{"two of an organization", []Notice{one, two}, "/dashboard/3/alerts"},
		{"of two organizations", []Notice{one, two, {Link: "/dashboard/4/alerts/episodes/5", Overview: "/dashboard/4/alerts"}}, "/"},
		{"with one that has none", []Notice{one, {}}, "/"},
	} {
		if got := digestOf(tt.notices, "en").Link; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
