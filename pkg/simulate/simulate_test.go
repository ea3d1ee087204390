package simulate_test

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/codec/clairchen"
	"github.com/clairberlin/clair-stack/pkg/codec/elsys"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

var monday = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Over many messages, each node's samples have the number and the interval that the
// tables of its codec say, without a gap between messages.
func TestSampleGroupsFollowTheTables(t *testing.T) {
	t.Parallel()
	for _, n := range simulate.Nodes(14, berlin(t)) {
		var last time.Time
		for u := range n.Uplinks(monday, monday.Add(24*time.Hour)) {
			_, message := u.Message(ttn.Application{ID: "app", Tenant: "ttn"})
			uplink, err := ttn.ParseUplink(message, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if uplink.DataRate != n.Rate {
				t.Fatalf("%s: got data rate %s, want %s", n.DeviceID(), uplink.DataRate, n.Rate)
			}
			m, err := n.Decoder().Decode(&uplink)
			if err != nil {
				t.Fatal(err)
			}
			count, interval := tables(t, n)
			if len(m.Samples) != count {
				t.Fatalf("%s at %s: got %d samples, want %d", n.DeviceID(), n.Rate, len(m.Samples), count)
			}
			for _, s := range m.Samples {
				if fault := s.Check(monday.AddDate(0, 0, 2)); fault != nil {
					t.Errorf("%s: %v", n.DeviceID(), fault)
				}
				if !last.IsZero() && s.Time.Sub(last) != interval {
					t.Fatalf("%s at %s: got %v between samples, want %v", n.DeviceID(), n.Rate, s.Time.Sub(last), interval)
				}
				last = s.Time
			}
		}
	}
}

func tables(t *testing.T, n *simulate.Node) (int, time.Duration) {
	t.Helper()
	if n.Model == simulate.Clairchen {
		s, ok := clairchen.ScheduleAt(n.Rate)
		if !ok {
			t.Fatalf("%s is no data rate of the Clairchen", n.Rate)
		}
		return s.Samples, s.Interval
	}
	s, ok := elsys.SettingsAt(n.Rate)
	if !ok {
		t.Fatalf("%s is no data rate of the ERS", n.Rate)
	}
	return int(s.SendPeriod), s.SamplePeriod
}

// Any way to cut a stretch of time gives the same uplinks.
func TestUplinksDoNotDependOnTheStart(t *testing.T) {
	t.Parallel()
	nodes := simulate.Nodes(6, berlin(t))
	collect := func(from, to time.Time) (all []simulate.Uplink) {
		return slices.Collect(simulate.Uplinks(nodes, from, to))
	}
	end := monday.Add(36 * time.Hour)
	want := collect(monday, end)
	var got []simulate.Uplink
	for from := monday; from.Before(end); from = from.Add(7 * time.Hour) {
		to := from.Add(7 * time.Hour)
		if to.After(end) {
			to = end
		}
		got = append(got, collect(from, to)...)
	}
	if len(want) < 500 {
		t.Fatalf("only %d uplinks in 36 hours", len(want))
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *simulate.Node) bool { return a == b })); diff != "" {
		t.Errorf("in one piece and in many (-one +many):\n%s", diff)
	}
	if !slices.IsSortedFunc(want, func(a, b simulate.Uplink) int { return a.ReceivedAt.Compare(b.ReceivedAt) }) {
		t.Error("not in the order of reception")
	}
}

// A classroom's air is bad in the lessons, and good at night and on Sundays.
func TestAirFollowsPeople(t *testing.T) {
	t.Parallel()
	n := simulate.Nodes(1, berlin(t))[0]
	if n.Room.Kind != "classroom" {
		t.Fatalf("the first room is a %s", n.Room.Kind)
	}
	mean := func(from, to time.Time) int {
		sum, count := 0, 0
		for u := range n.Uplinks(from, to) {
			m, err := n.Decoder().Decode(&u.Uplink)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range m.Samples {
				sum += s.CO2PPM
				count++
			}
		}
		return sum / count
	}
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, berlin(t)) }
	lessons, night, sunday := mean(at(17, 9), at(17, 12)), mean(at(17, 4), at(17, 7)), mean(at(22, 9), at(22, 12))
	if lessons < 900 || night > 600 || sunday > 600 {
		t.Errorf("got %d ppm in lessons, %d at night, %d on Sunday; want over 900, and under 600", lessons, night, sunday)
	}
}

func TestNodesHaveTheirOwnIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, n := range simulate.Nodes(1000, time.UTC) {
		if id := n.ID().String(); seen[id] || id != measurement.NodeID(n.Decoder().Protocol(), n.DevEUI).String() {
			t.Fatalf("%s: id %s", n.DeviceID(), id)
		}
		seen[n.ID().String()] = true
	}
}

func BenchmarkUplinks(b *testing.B) {
	app := ttn.Application{ID: "app", Tenant: "ttn"}
	count := 0
	for b.Loop() {
		for u := range simulate.Uplinks(simulate.Nodes(10, time.UTC), monday, monday.Add(time.Hour)) {
			u.Message(app)
			count++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(count), "ns/uplink")
}
