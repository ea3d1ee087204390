package hostile

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

const media = "application/vnd.api+json"

// A member of another school asks which addresses have accounts, and draws people into
// an organization of their own.
func TestMemberOfAnotherSchoolCollectsPeople(t *testing.T) {
	t.Parallel()
	s := newScore(t, "member of another school, people")
	running := stacktest.Start(t, stacktest.Options{})
	running.Load(t, house())
	evil, olga := logIn(t, running, mallory), logIn(t, running, "olga")
	theirs := olga.do(t.Context(), http.MethodGet, "/api/v1/memberships/?filter[username]=olga", "", http.NoBody)
	left := olga.do(t.Context(), http.MethodDelete, "/api/v1/memberships/"+idIn(t, theirs)+"/", "", http.NoBody)
	if left.status != http.StatusNoContent {
		t.Fatalf("leave: %d %s", left.status, left.body)
	}
	send := func(method, path, body string) answer {
		return evil.do(t.Context(), method, "/api/v1/"+path, media, strings.NewReader(body))
	}
	own := send(http.MethodPost, "organizations/", `{"data":{"type":"Organization","attributes":{"name":"Evil Corp"}}}`)
	organization := regexp.MustCompile(`"id":"(\d+)"`).FindSubmatch(own.body)
	if own.status != http.StatusCreated || organization == nil {
		t.Fatalf("%d %s", own.status, own.body)
	}
	ref := fmt.Sprintf(`"organization":{"data":{"type":"Organization","id":"%s"}}`, organization[1])
	add := func(user string) answer {
		return send(http.MethodPost, "memberships/", `{"data":{"type":"Membership","attributes":{"role":"O"},"relationships":{`+ref+`,"user":{"data":{"type":"User","id":"`+user+`"}}}}}`)
	}
	shape := func(a answer, email string) string {
		return fmt.Sprint(a.status, regexp.MustCompile(`\d+`).ReplaceAllString(strings.NewReplacer(email, "@", url.QueryEscape(email), "@").Replace(string(a.body)), "0"))
	}
	const known, unknown = "olga@school.example", "nobody@school.example"
	for name, door := range map[string]func(email string) answer{
		"search":     func(email string) answer { return send(http.MethodGet, "users/?filter[search]="+email, "") },
		"membership": func(email string) answer { return add(email) },
		"invitation": func(email string) answer {
			return send(http.MethodPost, "invitations/", `{"data":{"type":"Invitation","attributes":{"email":"`+email+`"},"relationships":{`+ref+`}}}`)
		},
	} {
		a, b := shape(door(known), known), shape(door(unknown), unknown)
		s.check(t, a == b, "%s tells who has an account: %s / %s", name, a, b)
	}
	for id := range 10 {
		got := add(fmt.Sprint(id))
		s.check(t, got.status == http.StatusBadRequest || got.status == http.StatusAccepted, "account %d: %d %s", id, got.status, got.body)
	}
	for _, odd := range []string{"", "-1", "99999999999999999999", "a@b@c", "\\u0000@x.example", strings.Repeat("x", 300) + "@x.example", "x@x\\r\\nBcc: y@y.example"} {
		got := add(odd)
		s.check(t, got.status == http.StatusBadRequest, "user %q: %d %s", odd, got.status, got.body)
	}
	mine := olga.do(t.Context(), http.MethodGet, "/api/v1/memberships/", "", http.NoBody)
	s.check(t, mine.status == http.StatusOK && strings.Contains(string(mine.body), `"count":0`), "olga was made a member: %s", mine.body)
	members := send(http.MethodGet, "memberships/?filter[organization]="+string(organization[1]), "")
	s.check(t, strings.Contains(string(members.body), `"count":1`), "members of Evil Corp: %s", members.body)
}
