package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

var (
	theSite   = timetable.Holder{ID: 1}
	theRoom   = timetable.Holder{Room: true, ID: 1}
	owner     = access.Caller{UserID: 1}
	inspector = access.Caller{UserID: 2}
	stranger  = access.Caller{UserID: 3}
)

// school is a house with an OWNER, an INSPECTOR, and somebody of another organization.
func school(t testing.TB) (house, postgres.Timetables) {
	t.Helper()
	h := newHouse(t, pgtest.New(t))
	h.exec(t, `INSERT INTO user_account (id, username, email, password_hash) SELECT i, 'user' || i, i || '@example.com', '' FROM generate_series(1, 3) i`)
	h.exec(t, `INSERT INTO organization (id, name) VALUES (2, 'Others')`)
	h.exec(t, `INSERT INTO membership (organization_id, user_id, role) VALUES (1, 1, 'O'), (1, 2, 'I'), (2, 3, 'O')`)
	return h, postgres.Timetables{Pool: h.as}
}

func occupied(t testing.TB, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func lessons(from, to civil.Clock) *occupancy.Weekly {
	h := []occupancy.Hours{{From: from * 60, To: to * 60}}
	return &occupancy.Weekly{1: h, 2: h, 3: h, 4: h, 5: h}
}

func set(t testing.TB, s postgres.Timetables, h timetable.Holder, again *civil.Date, change func(*timetable.Timetable)) timetable.Timetable {
	t.Helper()
	got, err := s.Change(t.Context(), owner, h, again, func(table *timetable.Timetable) error {
		change(table)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTimetableIsKept(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	read := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	want := timetable.Timetable{
		Weekly: lessons(8, 14), Region: "DE-BE", CalendarURL: "https://example.com/a.ics",
		Exceptions: []timetable.Exception{{
			Range: timetable.Range{From: occupied(t, "2026-12-22"), To: occupied(t, "2026-12-22"), Name: "Open day"},
			Hours: []occupancy.Hours{{From: 18 * 60, To: 2 * 60}},
		}},
		Calendar: timetable.Calendar{
			Days: []timetable.Range{{From: occupied(t, "2026-10-19"), To: occupied(t, "2026-10-31"), Name: "Ferien"}}, LeftOut: 2, ReadAt: &read,
		},
	}
	got := set(t, s, theSite, nil, func(table *timetable.Timetable) { *table = want })
	for range 2 {
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
		var err error
		if got, err = s.Timetable(t.Context(), owner, theSite); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Timetable(t.Context(), inspector, theSite); err != nil || got.CalendarURL != "https://example.com" {
		t.Errorf("an inspector reads %q, %v", got.CalendarURL, err)
	}
	set(t, s, theRoom, nil, func(table *timetable.Timetable) { table.Weekly = lessons(14, 18) })
	plan, err := s.Plan(t.Context(), inspector, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]timetable.Timetable{want, {Weekly: lessons(14, 18)}}, []timetable.Timetable{plan.Site, plan.Room}, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if plan.Zone.String() != "Europe/Berlin" {
		t.Errorf("in %s", plan.Zone)
	}
	if n := h.count(t, `SELECT count(*) FROM audit_log WHERE subject = 'timetable' AND actor_id IS NULL`); n != 2 {
		t.Errorf("%d entries in the log of changes, want 2", n)
	}
	if got = set(t, s, theSite, nil, func(table *timetable.Timetable) { *table = timetable.Timetable{} }); got.Weekly != nil || got.Region != "" {
		t.Errorf("taken away: %+v", got)
	}
}

// The log of changes stays for a week at least, and others read it: it has no long values of
// timetables, and no addresses by which whoever knows them reads calendars.
func TestChangesOfTimetablesAreLoggedInShort(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	full := func(table *timetable.Timetable) {
		table.Weekly, table.CalendarURL = lessons(8, 14), "https://example.com/secret.ics"
		table.Exceptions, table.Calendar.Days = nil, nil
		// The longest exceptions, in the longest form of the database.
		for i := 0; ; i++ {
			hours := []occupancy.Hours{{From: civil.Clock(i), To: 60 * 20}}
			e := timetable.Exception{Range: timetable.Range{From: occupied(t, "2026-12-22"), To: occupied(t, "2026-12-22")}, Hours: hours}
			table.Exceptions = append(table.Exceptions, e)
			if table.Check(theSite) != nil {
				table.Exceptions = table.Exceptions[:i]
				break
			}
		}
		for range timetable.MaxCalendarDays {
			table.Calendar.Days = append(table.Calendar.Days, timetable.Range{From: occupied(t, "2026-10-19"), To: occupied(t, "2026-10-31"), Name: "Ferien"})
		}
	}
	set(t, s, theSite, nil, full)
	set(t, s, theSite, nil, full) // changes nothing
	set(t, s, theSite, nil, func(table *timetable.Timetable) {
		table.CalendarURL, table.Exceptions, table.Region = "https://example.com/other.ics", nil, "DE-BE"
	})
	h.exec(t, `DELETE FROM site`)
	var actions []string
	rows, err := h.Query(t.Context(), `SELECT action, changes::text FROM audit_log WHERE subject = 'timetable' ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Action, Changes string }])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		actions = append(actions, e.Action)
		if len(e.Changes) > 2000 || strings.Contains(e.Changes, "example.com") {
			t.Errorf("%s: %d bytes: %.500s", e.Action, len(e.Changes), e.Changes)
		}
		if e.Action == "change" && (!strings.Contains(e.Changes, `"calendar_url": ["***", "***"]`) || !strings.Contains(e.Changes, `"region": [null, "DE-BE"]`) ||
			strings.Contains(e.Changes, "weekly")) {
			t.Errorf("changed: %s", e.Changes)
		}
	}
	if diff := cmp.Diff([]string{"create", "change", "delete"}, actions); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

func TestTimetablesAreNobodyElses(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	id, _ := h.node(t, 1)
	// A public installation shows room and site to everyone, and not when people are there.
	h.exec(t, `INSERT INTO installation (node_id, room_id, from_time, is_public) VALUES ($1, 1, '2026-01-01', true)`, id)
	set(t, s, theSite, nil, func(table *timetable.Timetable) { table.Weekly = lessons(8, 14) })
	for name, tt := range map[string]struct {
		caller      access.Caller
		see, change bool
	}{
		"owner": {owner, true, true}, "inspector": {inspector, true, false}, "another organization": {stranger, false, false},
		"nobody": {access.Caller{}, false, false},
	} {
		for _, holder := range []timetable.Holder{theSite, theRoom} {
			_, err := s.Timetable(t.Context(), tt.caller, holder)
			if got := err == nil; got != tt.see || !tt.see && !fault.Is(err, fault.NotFound) {
				t.Errorf("%s sees %+v: %v", name, holder, err)
			}
			want := fault.NotFound
			if tt.see {
				want = fault.Forbidden
			}
			_, err = s.Change(t.Context(), tt.caller, holder, nil, func(*timetable.Timetable) error { return nil })
			for _, err := range []error{err, s.MayChange(t.Context(), tt.caller, holder)} {
				if got := err == nil; got != tt.change || !tt.change && !fault.Is(err, want) {
					t.Errorf("%s changes %+v: %v", name, holder, err)
				}
			}
		}
		if _, err := s.Plan(t.Context(), tt.caller, 1); (err == nil) != tt.see {
			t.Errorf("%s asks for the plan: %v", name, err)
		}
	}
}

// Whoever may not change a timetable does not wait for those who do.
func TestOthersDoNotWait(t *testing.T) {
	t.Parallel()
	_, s := school(t)
	set(t, s, theSite, nil, func(*timetable.Timetable) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := s.Change(ctx, stranger, theSite, nil, func(*timetable.Timetable) error { return nil })
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("a stranger is told %v", err)
		}
	})
}

// A calendar that is read while somebody changes the timetable is not lost.
func TestCalendarThatIsReadMeanwhile(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	const url = "https://example.com/a.ics"
	set(t, s, theSite, nil, func(table *timetable.Timetable) { table.CalendarURL = url })
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	due, ok, err := s.DueCalendar(t.Context(), now)
	if err != nil || !ok {
		t.Fatalf("due: %t, %v", ok, err)
	}
	days := []timetable.Range{{From: occupied(t, "2026-10-19"), To: occupied(t, "2026-10-31"), Name: "Ferien"}}
	kept := make(chan error, 1)
	set(t, s, theSite, nil, func(table *timetable.Timetable) {
		table.Weekly = lessons(8, 14)
		go func() { kept <- s.KeepCalendar(t.Context(), due, timetable.Calendar{Days: days, ReadAt: &now}) }()
		for len(kept) == 0 && h.count(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
			time.Sleep(time.Millisecond)
		}
	})
	if err := <-kept; err != nil {
		t.Fatal(err)
	}
	got, err := s.Timetable(t.Context(), owner, theSite)
	if err != nil || got.Weekly == nil || !cmp.Equal(got.Calendar.Days, days) {
		t.Errorf("kept: %+v, %v", got, err)
	}
}

func decide(t testing.TB, h house, s postgres.Timetables, now time.Time) int {
	t.Helper()
	n, err := timetable.Decider{Store: s, Samples: postgres.NewTelemetry(h.as), Log: slog.New(slog.DiscardHandler)}.Run(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func decided(t testing.TB, s postgres.Timetables, from, to string) (all []string) {
	t.Helper()
	days, err := s.Decided(t.Context(), 1, occupied(t, from), occupied(t, to))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range days {
		text := d.Date.String() + " " + string(d.How)
		if d.Name != "" {
			text += " " + d.Name
		}
		for _, span := range d.Spans {
			text += " " + span.From.Format("15:04") + "-" + span.To.Format("15:04")
		}
		all = append(all, text)
	}
	return all
}

// What was decided stays when the timetable is changed, until somebody says from when on it
// is to be decided anew.
func TestPastDaysStay(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	set(t, s, theSite, nil, func(table *timetable.Timetable) { table.Weekly, table.Region = lessons(8, 14), "DE-BE" })
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	if n := decide(t, h, s, now); n != timetable.CatchUp {
		t.Errorf("%d days decided, want %d", n, timetable.CatchUp)
	}
	if n := decide(t, h, s, now.Add(time.Hour)); n != 0 {
		t.Errorf("%d days decided again", n)
	}
	before := []string{"2026-11-18 timetable 07:00-13:00", "2026-11-19 timetable 07:00-13:00"}
	if diff := cmp.Diff(before, decided(t, s, "2026-11-18", "2026-11-25")); diff != "" {
		t.Errorf("decided (-want +got):\n%s", diff)
	}
	set(t, s, theRoom, nil, func(table *timetable.Timetable) { table.Weekly = lessons(10, 12) })
	decide(t, h, s, now.AddDate(0, 0, 1))
	after := append(before, "2026-11-20 timetable 09:00-11:00")
	if diff := cmp.Diff(after, decided(t, s, "2026-11-18", "2026-11-25")); diff != "" {
		t.Errorf("after a change (-want +got):\n%s", diff)
	}
	from := occupied(t, "2026-11-19")
	set(t, s, theRoom, &from, func(*timetable.Timetable) {})
	if n := decide(t, h, s, now.AddDate(0, 0, 1)); n != 2 {
		t.Errorf("%d days decided anew, want 2", n)
	}
	anew := []string{"2026-11-18 timetable 07:00-13:00", "2026-11-19 timetable 09:00-11:00", "2026-11-20 timetable 09:00-11:00"}
	if diff := cmp.Diff(anew, decided(t, s, "2026-11-18", "2026-11-25")); diff != "" {
		t.Errorf("decided anew (-want +got):\n%s", diff)
	}
	// Two years, in pieces, and only once.
	from = occupied(t, "2024-11-19")
	set(t, s, theSite, &from, func(*timetable.Timetable) {})
	if n := decide(t, h, s, now.AddDate(0, 0, 1)); n != 732 {
		t.Errorf("%d days decided anew, want 732", n)
	}
	if n := decide(t, h, s, now.AddDate(0, 0, 1)); n != 0 {
		t.Errorf("%d days decided once more", n)
	}
	if diff := cmp.Diff([]string{"2026-10-03 holiday Tag der Deutschen Einheit"}, decided(t, s, "2026-10-03", "2026-10-03")); diff != "" {
		t.Errorf("a holiday (-want +got):\n%s", diff)
	}
}

// Days that are not decided yet are told as they will be; those of which nothing was known
// stay unknown, in verdicts and for members.
func TestDaysAreTheSameBeforeTheyAreDecided(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	past := timetable.Past{Store: s, Samples: postgres.NewTelemetry(h.as)}
	days := func(from, to string) (all []string) {
		t.Helper()
		known, err := past.Days(t.Context(), 1, occupied(t, from), occupied(t, to))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range known {
			text := d.Date.String() + " " + string(d.How)
			for _, span := range d.Spans {
				text += span.From.UTC().Format(" 15:04") + span.To.UTC().Format("-15:04")
			}
			all = append(all, text)
		}
		return all
	}
	if got := days("2026-11-16", "2026-11-18"); got != nil {
		t.Errorf("nothing is said, nothing was measured: %v", got)
	}
	if n := decide(t, h, s, now); n != timetable.CatchUp {
		t.Fatalf("%d days decided", n)
	}
	set(t, s, theSite, nil, func(table *timetable.Timetable) { table.Weekly = lessons(8, 14) })
	want := []string{"2026-11-20 timetable 07:00-13:00", "2026-11-21 timetable"}
	if diff := cmp.Diff(want, days("2026-11-16", "2026-11-21")); diff != "" {
		t.Errorf("before they are decided (-want +got):\n%s", diff)
	}
	at := func(text string) func(civil.Date) civil.Date {
		return func(civil.Date) civil.Date { return occupied(t, text) }
	}
	kept, err := timetable.Days(t.Context(), s, owner, 1, at("2026-11-19"), at("2026-11-20"), now)
	if err != nil || len(kept) != 2 || kept[0].Known() || kept[1].How != occupancy.Timetable {
		t.Errorf("to members: %+v, %v", kept, err)
	}
	decide(t, h, s, now.AddDate(0, 0, 2))
	if diff := cmp.Diff(want, days("2026-11-16", "2026-11-21")); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
}

// One decides at a time: all of them would decide the same.
func TestOneDecidesAtATime(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	set(t, s, theSite, nil, func(table *timetable.Timetable) { table.Weekly = lessons(8, 14) })
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	broken := errors.New("broken")
	if err := s.Alone(t.Context(), func() error {
		if n := decide(t, h, s, now); n != 0 {
			t.Errorf("%d days decided beside another one", n)
		}
		return broken
	}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if n := decide(t, h, s, now); n != timetable.CatchUp {
		t.Errorf("%d days decided after it, want %d", n, timetable.CatchUp)
	}
}

// Rooms are asked for when their day is over by the clocks of their site, and not before.
func TestRoomsAreUndecidedByTheirZone(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	h.exec(t, `INSERT INTO site (id, name, address_id, operator_id, time_zone) VALUES (2, 'Far west', 1, 1, 'Pacific/Pago_Pago')`)
	h.exec(t, `INSERT INTO room (id, site_id, name) VALUES (2, 2, 'Beach')`)
	h.exec(t, `INSERT INTO occupancy_progress (room_id, decided_until) VALUES (1, '2026-11-18'), (2, '2026-11-18')`)
	last := map[string]civil.Date{"Europe/Berlin": occupied(t, "2026-11-19"), "Pacific/Pago_Pago": occupied(t, "2026-11-18")}
	ids := func() (ids []int64) {
		t.Helper()
		rooms, err := s.Undecided(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rooms {
			ids = append(ids, r.Room)
		}
		return ids
	}
	if diff := cmp.Diff([]int64{1}, ids()); diff != "" {
		t.Errorf("undecided (-want +got):\n%s", diff)
	}
	h.exec(t, `UPDATE occupancy_progress SET recompute_from = '2026-11-18', wanted_at = now() WHERE room_id = 2`)
	if diff := cmp.Diff([]int64{1, 2}, ids()); diff != "" {
		t.Errorf("undecided with a wish (-want +got):\n%s", diff)
	}
}

// Months of which there are samples are decided by themselves, once; also where yesterday's
// program decided, which noted no first day.
func TestOlderMonthsAreDecided(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	id, no := h.node(t, 1)
	h.exec(t, `INSERT INTO installation (node_id, room_id, from_time) VALUES ($1, 1, '2026-08-10T10:00:00Z')`, id)
	h.exec(t, `INSERT INTO sample_day (node_no, day, n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, rel_humidity_n, rel_humidity_sum)
		SELECT $1, d, 1, 500, 500, 500, 0, 0, 0, 0 FROM unnest('{2020-01-01,2026-08-01,2026-08-10,2026-11-01}'::timestamptz[]) d`, no)
	set(t, s, theRoom, nil, func(table *timetable.Timetable) { table.Weekly = lessons(8, 14) })
	want := occupied(t, "2026-08-10").DaysUntil(occupied(t, "2026-11-19")) + 1
	if n := decide(t, h, s, now); n != want {
		t.Errorf("%d days decided, want %d", n, want)
	}
	if n := decide(t, h, s, now); n != 0 {
		t.Errorf("%d days decided the second time", n)
	}
	h.exec(t, `UPDATE occupancy_progress SET decided_from = NULL`)
	if n := decide(t, h, s, now); n != 0 {
		t.Errorf("%d days decided that yesterday's program had decided", n)
	}
	h.exec(t, `DELETE FROM occupied_day WHERE day < '2026-10-01'`)
	want = occupied(t, "2026-08-10").DaysUntil(occupied(t, "2026-10-01"))
	if n := decide(t, h, s, now); n != want {
		t.Errorf("%d days decided before those of yesterday's program, want %d", n, want)
	}
}

// A wish that comes while the same one is answered is not lost.
func TestWishesAreNotLost(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	from := occupied(t, "2026-11-10")
	set(t, s, theRoom, &from, func(table *timetable.Timetable) { table.Weekly = lessons(8, 14) })
	rooms, err := s.Undecided(t.Context(), map[string]civil.Date{"Europe/Berlin": occupied(t, "2026-11-19")})
	if err != nil || len(rooms) != 1 || rooms[0].Again == nil {
		t.Fatalf("%+v, %v", rooms, err)
	}
	set(t, s, theRoom, &from, func(table *timetable.Timetable) { table.Weekly = lessons(9, 15) })
	if err := s.Keep(t.Context(), timetable.Decisions{Room: 1, From: from, Until: occupied(t, "2026-11-19"), At: time.Now(), Again: rooms[0].Again}); err != nil {
		t.Fatal(err)
	}
	if n := decide(t, h, s, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)); n != 10 {
		t.Errorf("%d days decided, want 10", n)
	}
	h.exec(t, "DELETE FROM room")
	if err := s.Keep(t.Context(), timetable.Decisions{Room: 1, From: from, Until: from, At: time.Now()}); err != nil {
		t.Errorf("a room that is gone: %v", err)
	}
}

// A room without a timetable is decided by its air, and a room without air not at all.
func TestDaysByTheAir(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	h.exec(t, `INSERT INTO room (id, site_id, name) VALUES (2, 1, 'Without a sensor')`)
	id, no := h.node(t, 1)
	h.exec(t, `INSERT INTO installation (node_id, room_id, from_time) VALUES ($1, 1, '2026-11-01')`, id)
	n := simulate.Nodes(1, zone)[0] // of a classroom
	begin, end := time.Date(2026, 11, 9, 0, 0, 0, 0, zone), time.Date(2026, 11, 20, 8, 0, 0, 0, zone)
	h.exec(t, `SELECT ensure_sample_partition($1)`, begin)
	for u := range n.Uplinks(begin, end) {
		m, err := n.Decoder().Decode(&u.Uplink)
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range m.Samples {
			h.exec(t, `INSERT INTO sample (node_no, time, co2_ppm, status) VALUES ($1, $2, $3, 'M') ON CONFLICT DO NOTHING`, no, sample.Time, sample.CO2PPM)
		}
	}
	decide(t, h, s, end)
	days, err := s.Decided(t.Context(), 1, occupied(t, "2026-11-16"), occupied(t, "2026-11-20"))
	if err != nil || len(days) != 4 {
		t.Fatalf("%d days, %v; want 4", len(days), err)
	}
	for _, d := range days {
		if d.How != occupancy.Inferred || len(d.Spans) == 0 {
			t.Errorf("%s: %s, %d spans", d.Date, d.How, len(d.Spans))
			continue
		}
		first, last := d.Spans[0].From.In(zone), d.Spans[len(d.Spans)-1].To.In(zone)
		if first.Hour() < 7 || first.Hour() > 9 || last.Hour() < 14 || last.Hour() > 16 {
			t.Errorf("%s: from %s to %s", d.Date, first, last)
		}
	}
	if got := decided(t, s, "2026-11-09", "2026-11-09"); got != nil {
		t.Errorf("after no day of readings: %s", got)
	}
	if n := h.count(t, "SELECT count(*) FROM occupied_day WHERE room_id = 2"); n != 0 {
		t.Errorf("%d days of a room without a sensor", n)
	}
}

type fetcher map[string]func() ([]byte, error)

func (f fetcher) Fetch(_ context.Context, url string) ([]byte, error) { return f[url]() }

func TestCalendarsAreReadDaily(t *testing.T) {
	t.Parallel()
	_, s := school(t)
	const good = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Ferien\r\nDTSTART;VALUE=DATE:20261019\r\nDTEND;VALUE=DATE:20261101\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	const url = "https://example.com/a.ics"
	answer, failure := []byte(good), error(nil)
	web := fetcher{url: func() ([]byte, error) { return answer, failure }}
	set(t, s, theSite, nil, func(table *timetable.Timetable) { table.CalendarURL = url })
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	read := func(at time.Time, wantRead, wantFailed int) timetable.Calendar {
		t.Helper()
		n, failed, err := timetable.ReadCalendars(t.Context(), s, web, func() time.Time { return at })
		if err != nil || n != wantRead || failed != wantFailed {
			t.Errorf("%d read, %d failed, %v; want %d and %d", n, failed, err, wantRead, wantFailed)
		}
		table, err := s.Timetable(t.Context(), owner, theSite)
		if err != nil {
			t.Fatal(err)
		}
		return table.Calendar
	}
	want := []timetable.Range{{From: occupied(t, "2026-10-19"), To: occupied(t, "2026-10-31"), Name: "Ferien"}}
	if c := read(now, 1, 0); !cmp.Equal(c.Days, want, cmpopts.EquateEmpty()) || c.Failure != "" || !c.ReadAt.Equal(now) {
		t.Errorf("read: %+v", c)
	}
	read(now.Add(23*time.Hour), 0, 0)
	// What was read stays while nothing else can be.
	failure = timetable.Unreachable
	if c := read(now.Add(24*time.Hour), 0, 1); !cmp.Equal(c.Days, want, cmpopts.EquateEmpty()) || c.Failure != timetable.Unreachable || !c.ReadAt.Equal(now) {
		t.Errorf("failed: %+v", c)
	}
	answer, failure = []byte("<html>"), nil
	if c := read(now.Add(48*time.Hour), 0, 1); c.Failure != timetable.NoCalendar {
		t.Errorf("a page: %+v", c)
	}
	answer = []byte(good)
	if c := read(now.Add(72*time.Hour), 1, 0); c.Failure != "" || !c.ReadAt.Equal(now.Add(72*time.Hour)) {
		t.Errorf("read again: %+v", c)
	}
}

// Whoever changes the address again and again has it read no more often, and a new one is
// read soon all the same.
func TestANewAddressIsReadSoon(t *testing.T) {
	t.Parallel()
	_, s := school(t)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	point := func(url string) {
		t.Helper()
		set(t, s, theSite, nil, func(table *timetable.Timetable) { table.Point(url) })
	}
	due := func(after time.Duration, want bool) timetable.DueCalendar {
		t.Helper()
		d, ok, err := s.DueCalendar(t.Context(), now.Add(after))
		if err != nil || ok != want {
			t.Errorf("due after %v: %t, %v; want %t", after, ok, err, want)
		}
		return d
	}
	point("https://example.com/a.ics")
	due(0, true)
	point("https://example.com/b.ics")
	due(time.Minute, false)
	point("")
	point("https://example.com/c.ics")
	due(2*time.Minute, false)
	d := due(timetable.ReadNewAfter, true)
	if d.URL != "https://example.com/c.ics" {
		t.Errorf("due: %+v", d)
	}
	if err := s.KeepCalendar(t.Context(), d, timetable.Calendar{Failure: timetable.Unreachable}); err != nil {
		t.Fatal(err)
	}
	due(3*timetable.ReadNewAfter, false)
	due(timetable.ReadNewAfter+timetable.ReadEvery, true)
}

// Who has many calendars makes nobody wait for all of them.
func TestCalendarsAreReadInTurn(t *testing.T) {
	t.Parallel()
	h, s := school(t)
	h.exec(t, `INSERT INTO site (id, name, address_id, operator_id) VALUES (2, 'B', 1, 1), (3, 'C', 1, 1), (4, 'Of others', 1, 2)`)
	h.exec(t, `INSERT INTO timetable (site_id, calendar_url) SELECT id, 'https://example.com/' || id FROM site ORDER BY id`)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for day := range 2 {
		var urls []string
		for i := range 4 {
			due, ok, err := s.DueCalendar(t.Context(), now.AddDate(0, 0, day).Add(time.Duration(i)*time.Second))
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			urls = append(urls, due.URL)
			if err := s.KeepCalendar(t.Context(), due, timetable.Calendar{Failure: timetable.Unreachable}); err != nil {
				t.Fatal(err)
			}
		}
		if urls[0] != "https://example.com/4" && urls[1] != "https://example.com/4" {
			t.Errorf("on day %d: %s", day, urls)
		}
	}
}
