package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/fault"
	stream "github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/live"
)

// source is a stream in memory.
type source struct {
	mu      sync.Mutex
	entries []stream.Entry
	failing bool
	more    chan struct{}
}

func newSource() *source {
	return &source{entries: []stream.Entry{{ID: stream.ID{Milliseconds: 1}}}, more: make(chan struct{})}
}

// add publishes samples, the CO2 of each its name.
func (s *source) add(gap bool, node int32, ppm ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := stream.Entry{ID: stream.ID{Milliseconds: s.entries[len(s.entries)-1].ID.Milliseconds + 1}, Gap: gap}
	for _, v := range ppm {
		e.Samples = append(e.Samples, stream.Sample{NodeNo: node, Sample: measurement.Sample{Time: noon, CO2PPM: v, Status: 'M'}})
	}
	s.entries = append(s.entries, e)
	close(s.more)
	s.more = make(chan struct{})
}

func (s *source) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.more)
	s.more = make(chan struct{})
}

var errAway = errors.New("no Redis")

func (s *source) Bounds(context.Context) (first, last stream.ID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		return first, last, errAway
	}
	return s.entries[0].ID, s.entries[len(s.entries)-1].ID, nil
}

func (s *source) Read(ctx context.Context, after stream.ID, count int64, wait time.Duration) ([]stream.Entry, error) {
	timeout := time.After(wait)
	for {
		s.mu.Lock()
		var found []stream.Entry
		for _, e := range s.entries {
			if e.ID.Compare(after) > 0 && int64(len(found)) < count {
				found = append(found, e)
			}
		}
		failing, more := s.failing, s.more
		s.mu.Unlock()
		switch {
		case failing:
			return nil, errAway
		case len(found) > 0 || wait <= 0:
			return found, nil
		}
		select {
		case <-more:
		case <-timeout:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// store has rooms with installations; user 0 sees room 1 only.
type store struct {
	mu      sync.Mutex
	rooms   map[int64][]live.Installation
	ended   map[live.Login]bool
	changed chan live.Change
}

func newStore() *store {
	return &store{
		rooms: map[int64][]live.Installation{
			1: {{ID: 10, NodeNo: 1}},
			2: {{ID: 20, NodeNo: 2, From: noon}, {ID: 21, NodeNo: 3, To: noon.Add(-time.Second)}},
		},
		ended:   map[live.Login]bool{},
		changed: make(chan live.Change, 1),
	}
}

func (s *store) LiveInstallations(_ context.Context, caller access.Caller, targets live.Targets) ([]live.Installation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []live.Installation
	seen := false
	for room := int64(1); room <= 2; room++ { // by id, as the database
		target := live.Target{Room: room}
		if !slices.Contains(targets, target) {
			continue
		}
		if in, ok := s.rooms[target.Room]; ok && (!caller.Anonymous() || target.Room == 1) {
			found, seen = append(found, in...), true
		}
	}
	if !seen {
		return nil, fault.New(fault.NotFound, "no such room")
	}
	return found, nil
}

func (s *store) LastingLogins(_ context.Context, logins []live.Login) ([]live.Login, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(logins), func(l live.Login) bool { return s.ended[l] }), nil
}

func (s *store) WaitForChanges(ctx context.Context, changed func(live.Change)) error {
	changed(live.Logins)
	what := live.Inventory
	for {
		changed(what)
		select {
		case what = <-s.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *store) change(room int64, installations []live.Installation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if installations == nil {
		delete(s.rooms, room)
	} else {
		s.rooms[room] = installations
	}
	s.changed <- live.Inventory
}

// logOut ends a log-in; nobody is told of one that ends by time.
func (s *store) logOut(l live.Login, told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[l] = true
	if told {
		s.changed <- live.Logins
	}
}

// stage is a hub in a synctest bubble.
type stage struct {
	t      *testing.T
	hub    *live.Hub
	source *source
	store  *store
}

func play(t *testing.T, listeners int, test func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, source: newSource(), store: newStore()}
		s.hub = live.New(live.Config{MaxListeners: listeners, MaxPerAccount: 2, MaxPerPlace: 3}, slog.New(slog.DiscardHandler), s.source, s.store,
			func(dst []byte, installation int64, m measurement.Sample) []byte {
				return fmt.Appendf(dst, "%d:%d", installation, m.CO2PPM)
			}, prometheus.NewRegistry())
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.hub.Run(ctx) })
		synctest.Wait()
		test(s)
		cancel()
		running.Wait()
	})
}

// ear is a listener and what they have heard.
type ear struct {
	s    *stage
	l    *live.Listener
	last *stream.ID
}

func (s *stage) listen(user, room int64, last *stream.ID) *ear {
	s.t.Helper()
	l, err := s.hub.Subscribe(s.t.Context(), live.Client{Caller: access.Caller{UserID: user}}, live.Targets{{Room: room}}, live.Since{Last: last})
	if err != nil {
		s.t.Fatal(err)
	}
	return &ear{s: s, l: l, last: last}
}

// hear returns events in short, and the reason at the end.
func (e *ear) hear(do func(write func(*live.Event) error) (live.End, error)) []string {
	e.s.t.Helper()
	var heard []string
	end, err := do(func(event *live.Event) error {
		var name, data, id string
		for line := range strings.SplitSeq(string(event.Text()), "\n") {
			switch field, value, _ := strings.Cut(line, ": "); field {
			case "event":
				name = value
			case "data":
				data = value
			case "id":
				id = value
			}
		}
		if id != "" {
			parsed, err := stream.ParseID(id)
			if err != nil {
				e.s.t.Error(err)
			}
			e.last = &parsed
			id = "@" + strconv.FormatUint(parsed.Milliseconds, 10)
		}
		heard = append(heard, strings.TrimSpace(name+" "+data+" "+id))
		return nil
	})
	if err != nil {
		e.s.t.Error(err)
	}
	if end != "" {
		heard = append(heard, "end "+string(end))
	}
	return heard
}

func (e *ear) begin() []string {
	e.s.t.Helper()
	return e.hear(func(write func(*live.Event) error) (live.End, error) { return "", e.l.Begin(e.s.t.Context(), write) })
}

// next waits for the next events, a heartbeat at the latest.
func (e *ear) next() []string {
	e.s.t.Helper()
	return e.hear(func(write func(*live.Event) error) (live.End, error) {
		return e.l.Next(e.s.t.Context(), 15*time.Second, write)
	})
}

func (s *stage) expect(got []string, want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("want(-) got(+):\n%s", diff)
	}
}

func TestListenersHearWhatTheyMaySee(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		one, two := s.listen(0, 1, nil), s.listen(7, 2, nil)
		s.expect(one.begin(), `ready {"installations":["10"]} @1`)
		s.expect(two.begin(), `ready {"installations":["20","21"]} @1`)
		s.source.add(false, 1, 400, 410)
		s.expect(one.next(), `sample [10:400,10:410] @2`)
		s.source.add(false, 2, 500)
		s.expect(two.next(), `sample [20:500] @3`)
		s.source.add(false, 3, 600)                         // after the end of its installation
		s.source.add(false, 4, 700)                         // not installed
		s.expect(one.next(), `beat {"now_s":946684815} @5`) // a heartbeat tells how far it is
		one.l.Close()
		two.l.Close()
		if _, err := s.hub.Subscribe(s.t.Context(), live.Client{}, live.Targets{{Room: 2}}, live.Since{}); !fault.Is(err, fault.NotFound) {
			s.t.Errorf("anonymous in room 2: %v", err)
		}
	})
}

// One connection of a browser is for all that its pages show.
func TestAListenerHearsSeveralTargets(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		subscribe := func(user int64, rooms ...int64) *ear {
			var targets live.Targets
			for _, room := range rooms {
				targets = append(targets, live.Target{Room: room})
			}
			l, err := s.hub.Subscribe(s.t.Context(), live.Client{Caller: access.Caller{UserID: user}}, targets, live.Since{})
			if err != nil {
				s.t.Fatal(err)
			}
			return &ear{s: s, l: l}
		}
		both, turned, outside := subscribe(7, 1, 2), subscribe(7, 2, 1, 1), subscribe(0, 2, 1)
		s.expect(both.begin(), `ready {"installations":["10","20","21"]} @1`)
		s.expect(turned.begin(), `ready {"installations":["10","20","21"]} @1`)
		s.expect(outside.begin(), `ready {"installations":["10"]} @1`) // room 2 is not for everyone
		s.source.add(false, 1, 400)
		s.expect(both.next(), `sample [10:400] @2`)
		s.expect(turned.next(), `sample [10:400] @2`)
		s.expect(outside.next(), `sample [10:400] @2`)
		s.source.add(false, 2, 500)
		s.expect(both.next(), `sample [20:500] @3`)
		s.expect(outside.next(), `beat {"now_s":946684815} @3`)
		for _, e := range []*ear{both, turned, outside} {
			e.l.Close()
		}
	})
}

func TestAListenerGoesOnWhereHeWas(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		e := s.listen(0, 1, nil)
		e.begin()
		s.source.add(false, 1, 400)
		s.expect(e.next(), `sample [10:400] @2`)
		e.l.Close()
		for ppm := range 100 { // more than is read at once
			s.source.add(false, 1+int32(ppm%2), ppm)
		}
		time.Sleep(time.Second)
		again := s.listen(0, 1, e.last)
		s.source.add(false, 1, 999)
		var want []string
		heard := strings.Join(again.begin(), " ")
		heard += strings.Join(again.next(), " ")
		for ppm := 0; ppm < 100; ppm += 2 {
			want = append(want, fmt.Sprint("10:", ppm))
		}
		want = append(want, "10:999")
		var got []string
		for _, word := range strings.FieldsFunc(heard, func(r rune) bool { return strings.ContainsRune(" ,[]", r) }) {
			if strings.HasPrefix(word, "10:") {
				got = append(got, word)
			}
		}
		s.expect(got, want...)
		if again.last.Milliseconds != 103 {
			s.t.Errorf("at %v", again.last)
		}
		again.l.Close()
	})
}

// A page fetches, and listens a moment later: what was committed between the two it hears.
func TestWhatIsRecentIsHeardFirst(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		now := time.Now().UnixMilli()
		add := func(ago time.Duration, ppm int) {
			s.source.set(func() {
				s.source.entries = append(s.source.entries, stream.Entry{
					ID:      stream.ID{Milliseconds: uint64(now - ago.Milliseconds())},
					Samples: []stream.Sample{{NodeNo: 1, Sample: measurement.Sample{Time: noon, CO2PPM: ppm, Status: 'M'}}},
				})
			})
			synctest.Wait()
		}
		add(time.Minute, 400)
		add(10*time.Second, 500)
		add(time.Second, 600)
		time.Sleep(100 * time.Millisecond) // until what came is handed out
		recent := func(last *stream.ID, ago time.Duration) []string {
			l, err := s.hub.Subscribe(s.t.Context(), live.Client{}, live.Targets{{Room: 1}}, live.Since{Last: last, Recent: ago})
			if err != nil {
				s.t.Fatal(err)
			}
			defer l.Close()
			e := &ear{s: s, l: l}
			var samples []string
			for _, heard := range e.begin() {
				if strings.HasPrefix(heard, "sample") || strings.HasPrefix(heard, "reset") {
					samples = append(samples, strings.Fields(heard)[1])
				}
			}
			return samples
		}
		s.expect(recent(nil, 0))
		s.expect(recent(nil, 15*time.Second), "[10:500,10:600]")
		s.expect(recent(nil, 5*time.Second), "[10:600]")
		// Of both the earlier one counts.
		s.expect(recent(&stream.ID{Milliseconds: uint64(now - 61_000)}, 5*time.Second), "[10:400,10:500,10:600]")
		s.expect(recent(&stream.ID{Milliseconds: uint64(now - 1_000)}, 15*time.Second), "[10:500,10:600]")
		// In a quiet house there is nothing, and that is no reason to fetch again.
		time.Sleep(5 * time.Minute)
		s.expect(recent(nil, 15*time.Second))
	})
}

func TestResetWhenSomethingMayBeMissing(t *testing.T) {
	t.Parallel()
	reset := []string{`ready {"installations":["10"]}`, `reset {} @4`}
	cases := []struct {
		name string
		last stream.ID
		do   func(s *source)
	}{
		{"trimmed", stream.ID{Milliseconds: 1}, func(s *source) { s.entries = s.entries[2:] }},
		{"a gap in between", stream.ID{Milliseconds: 1}, func(s *source) { s.entries[1].Gap = true }},
		{"no id of ours", stream.ID{}, func(*source) {}},
		{"an id that is ahead and stays so", stream.ID{Milliseconds: 99}, func(*source) {}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			play(t, 10, func(s *stage) {
				for range 3 {
					s.source.add(false, 1, 400)
				}
				time.Sleep(time.Second)
				s.source.set(func() { c.do(s.source) })
				e := s.listen(0, 1, &c.last)
				s.expect(e.begin(), reset...)
				e.l.Close()
			})
		})
	}
}

func TestGapsAreToldToEveryone(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		one, two := s.listen(0, 1, nil), s.listen(7, 2, nil)
		one.begin()
		two.begin()
		s.source.add(true, 1, 400)
		// No id before the reset: whoever loses the connection between them needs it.
		s.expect(one.next(), `sample [10:400]`, `reset {} @2`)
		s.expect(two.next(), `reset {} @2`)
		one.l.Close()
		two.l.Close()
	})
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		e := s.listen(0, 1, nil)
		e.begin()
		s.source.set(func() { s.source.failing = true })
		time.Sleep(5 * time.Second)
		during := s.listen(0, 1, e.last) // is not sent away
		s.expect(during.begin(), `ready {"installations":["10"]}`, `reset {}`)
		s.expect(e.next(), `beat {"now_s":946684822}`) // where it stands has not changed
		s.source.add(false, 1, 400)                    // nobody could read that
		s.source.set(func() { s.source.failing = false })
		s.expect(e.next(), `reset {} @2`)
		s.expect(during.next(), `reset {} @2`)
		s.source.add(false, 1, 410)
		s.expect(e.next(), `sample [10:410] @3`)
		e.l.Close()
		during.l.Close()
	})
}

func TestSlowListenersAreDroppedAndOthersNot(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		slow, quick := s.listen(0, 1, nil), s.listen(0, 1, nil)
		slow.begin()
		quick.begin()
		for n := range 400 {
			s.source.add(false, 1, n)
			time.Sleep(time.Second)
			if got := quick.next(); len(got) != 1 {
				s.t.Fatalf("%d: %q", n, got)
			}
		}
		var last []string
		for range 300 {
			if last = slow.next(); last[len(last)-1] == "end slow" {
				break
			}
		}
		s.expect(last[len(last)-1:], "end slow")
		// They come back and have missed nothing.
		again := s.listen(0, 1, slow.last)
		if got := strings.Join(again.begin(), " "); !strings.Contains(got, "10:399]") {
			s.t.Error(got)
		}
		again.l.Close()
		quick.l.Close()
		slow.l.Close()
	})
}

func TestPermissionsAreLookedAtWhenTheInventoryChanges(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		e := s.listen(0, 1, nil)
		e.begin()
		s.store.change(1, []live.Installation{{ID: 10, NodeNo: 1, To: noon.Add(-time.Hour)}, {ID: 11, NodeNo: 2}})
		s.expect(e.next(), `installations ["10","11"]`)
		s.source.add(false, 1, 400)
		s.source.add(false, 2, 500)
		s.expect(e.next(), `sample [11:500] @3`)
		s.store.change(1, nil)
		s.expect(e.next(), "end gone")
		e.l.Close()
	})
}

func TestTheServerStops(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		e := s.listen(0, 1, nil)
		e.begin()
		s.hub.Close()
		s.expect(e.next(), "end restart")
		if _, err := s.hub.Subscribe(s.t.Context(), live.Client{}, live.Targets{{Room: 1}}, live.Since{}); !fault.Is(err, fault.Unavailable) {
			s.t.Errorf("after the stop: %v", err)
		}
		e.l.Close()
	})
}

func TestListenersAreBounded(t *testing.T) {
	t.Parallel()
	play(t, 2, func(s *stage) {
		one, two := s.listen(0, 1, nil), s.listen(0, 1, nil)
		if _, err := s.hub.Subscribe(s.t.Context(), live.Client{}, live.Targets{{Room: 1}}, live.Since{}); !fault.Is(err, fault.Unavailable) {
			s.t.Errorf("the third of two: %v", err)
		}
		one.l.Close()
		one.l.Close() // twice is once
		s.listen(0, 1, nil).l.Close()
		two.l.Close()
	})
}

// Neither an account nor a place takes all the listeners there may be.
func TestListenersOfOneClientAreBounded(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		subscribe := func(user int64, place string) (*live.Listener, error) {
			return s.hub.Subscribe(s.t.Context(), live.Client{Caller: access.Caller{UserID: user}, Place: place},
				live.Targets{{Room: 1}}, live.Since{})
		}
		var all []*live.Listener
		for _, one := range []struct {
			name  string
			user  int64
			place string
			ok    bool
		}{
			{"the first of an account", 7, "192.0.2.1", true},
			{"the second of an account, elsewhere", 7, "192.0.2.2", true},
			{"the third of an account", 7, "192.0.2.3", false},
			{"another account in the same place", 8, "192.0.2.1", true},
			{"nobody in the same place", 0, "192.0.2.1", true},
			{"the fourth in a place", 0, "192.0.2.1", false},
			{"the fourth in a place, logged in", 9, "192.0.2.1", false},
			{"the account refused before", 9, "192.0.2.4", true},
		} {
			l, err := subscribe(one.user, one.place)
			if one.ok != (err == nil) || !one.ok && !errors.Is(err, live.ErrTooMany) {
				s.t.Errorf("%s: %v", one.name, err)
			}
			if l != nil {
				all = append(all, l)
			}
		}
		for _, l := range all {
			l.Close()
			l.Close() // twice is once
		}
		for range 3 { // all places are free again
			l, err := subscribe(0, "192.0.2.1")
			if err != nil {
				s.t.Fatal(err)
			}
			defer l.Close()
		}
	})
}

// Whoever logs out hears nothing more, by that log-in.
func TestListenersEndWithTheirLogin(t *testing.T) {
	t.Parallel()
	play(t, 10, func(s *stage) {
		subscribe := func(login live.Login) (*ear, error) {
			l, err := s.hub.Subscribe(s.t.Context(), live.Client{Caller: access.Caller{UserID: 7}, Login: login},
				live.Targets{{Room: 1}}, live.Since{})
			return &ear{s: s, l: l}, err
		}
		gone, told, stays := live.Login{Session: 1}, live.Login{Token: 1}, live.Login{Token: 2}
		for _, ending := range []struct {
			login live.Login
			told  bool
		}{{gone, true}, {told, false}} {
			one, err := subscribe(ending.login)
			if err != nil {
				s.t.Fatal(err)
			}
			other, err := subscribe(stays)
			if err != nil {
				s.t.Fatal(err)
			}
			one.begin()
			other.begin()
			s.store.logOut(ending.login, ending.told)
			if !ending.told {
				time.Sleep(time.Minute) // of the bubble
			}
			s.expect(one.next(), "end login")
			if _, err := subscribe(ending.login); !fault.Is(err, fault.Unauthenticated) {
				s.t.Errorf("listening after the log-out: %v", err)
			}
			s.source.add(false, 1, 400)
			if got := other.next(); len(got) != 1 || !strings.HasPrefix(got[0], "sample [10:400]") {
				s.t.Errorf("the other log-in hears %q", got)
			}
			one.l.Close()
			other.l.Close()
		}
	})
}
