package timetable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// undecided are rooms of several sites; what is kept of them is noted.
type undecided struct {
	rooms       []timetable.Undecided
	brokenSites map[int64]error
	brokenRooms map[int64]error

	last    map[string]civil.Date
	sites   []int64 // of which the timetable was read
	decided []timetable.Decisions
}

func (u *undecided) Alone(_ context.Context, decide func() error) error { return decide() }

func (u *undecided) TimeZones(context.Context) ([]string, error) {
	return []string{"Pacific/Pago_Pago", "Europe/Berlin", "Mars/Olympus"}, nil
}

func (u *undecided) Undecided(_ context.Context, last map[string]civil.Date) ([]timetable.Undecided, error) {
	u.last = last
	return slices.Clone(u.rooms), nil
}

func (u *undecided) SiteTimetable(_ context.Context, site int64) (timetable.Timetable, error) {
	u.sites = append(u.sites, site)
	return timetable.Timetable{Weekly: weekdays(hours(8, 14))}, u.brokenSites[site]
}

func (u *undecided) Room(_ context.Context, room int64) (timetable.Room, error) {
	return timetable.Room{}, u.brokenRooms[room]
}

func (u *undecided) Keep(_ context.Context, d timetable.Decisions) error {
	u.decided = append(u.decided, d)
	return nil
}

// told has what was decided, in the order of that.
func (u *undecided) told() (all []string) {
	for _, d := range u.decided {
		text := fmt.Sprintf("%d from %s until %s", d.Room, d.From, d.Until)
		if d.Again != nil {
			text += " anew"
		}
		if d.More {
			text += ", and more"
		}
		all = append(all, text)
	}
	return all
}

func (u *undecided) run(t testing.TB, log *slog.Logger) (int, error) {
	t.Helper()
	return timetable.Decider{Store: u, Log: log}.Run(t.Context(), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
}

func room(t testing.TB, id, site int64, until, again string) timetable.Undecided {
	t.Helper()
	decided := day(t, until)
	r := timetable.Undecided{Room: id, Site: site, TimeZone: "Europe/Berlin", DecidedUntil: &decided}
	if again != "" {
		r.Again = &timetable.Again{From: day(t, again)}
	}
	return r
}

// Whoever wants years decided anew lets the others wait neither for yesterday nor for what
// they want.
func TestNobodyWaitsForTheWishOfAnother(t *testing.T) {
	t.Parallel()
	u := &undecided{rooms: []timetable.Undecided{
		room(t, 1, 1, "2026-11-19", "2026-09-15"), room(t, 2, 1, "2026-11-18", ""), room(t, 3, 2, "2026-11-18", "2026-11-18"),
	}}
	days, err := u.run(t, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	got := u.told()
	due, first, then := got[:2], got[2:4], got[4:]
	slices.Sort(due)
	slices.Sort(first) // the order of sites is another one each time
	if diff := cmp.Diff([]string{
		"2 from 2026-11-19 until 2026-11-19", "3 from 2026-11-19 until 2026-11-19",
		"1 from 2026-09-15 until 2026-10-15 anew, and more", "3 from 2026-11-18 until 2026-11-19 anew",
		"1 from 2026-10-16 until 2026-11-15 anew, and more", "1 from 2026-11-16 until 2026-11-19 anew",
	}, slices.Concat(due, first, then)); diff != "" {
		t.Errorf("decided (-want +got):\n%s", diff)
	}
	if days != 2+66+2 {
		t.Errorf("%d days, want 70", days)
	}
}

// What is older than what is decided comes last, backwards, and only as far as there are
// samples.
func TestOlderDaysAreDecidedLast(t *testing.T) {
	t.Parallel()
	older := func(id int64, from, oldest string) timetable.Undecided {
		r := room(t, id, id, "2026-11-18", "")
		first, last := day(t, from), day(t, oldest)
		r.DecidedFrom, r.Oldest = &first, &last
		return r
	}
	fresh := timetable.Undecided{Room: 3, Site: 3, TimeZone: "Europe/Berlin", Oldest: new(day(t, "2026-10-01"))}
	u := &undecided{rooms: []timetable.Undecided{older(1, "2026-10-16", "2026-09-10"), older(2, "2026-10-16", "2026-10-16"), fresh}}
	if _, err := u.run(t, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	got := u.told()
	slices.Sort(got[:3]) // the order of sites is another one each time
	slices.Sort(got[4:6])
	if diff := cmp.Diff([]string{
		"1 from 2026-11-19 until 2026-11-19", "2 from 2026-11-19 until 2026-11-19", "3 from 2026-10-16 until 2026-11-15",
		"3 from 2026-11-16 until 2026-11-19",
		"1 from 2026-09-15 until 2026-10-15", "3 from 2026-10-01 until 2026-10-15",
		"1 from 2026-09-10 until 2026-09-14",
	}, got); diff != "" {
		t.Errorf("decided (-want +got):\n%s", diff)
	}
}

func TestTimetablesAreReadOnceForASite(t *testing.T) {
	t.Parallel()
	u := &undecided{rooms: []timetable.Undecided{room(t, 1, 1, "2026-11-18", ""), room(t, 2, 1, "2026-11-18", ""), room(t, 3, 2, "2026-11-19", "")}}
	if _, err := u.run(t, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1}, u.sites); diff != "" {
		t.Errorf("timetables read of sites (-want +got):\n%s", diff)
	}
	want := map[string]civil.Date{
		"Pacific/Pago_Pago": day(t, "2026-11-18"), "Europe/Berlin": day(t, "2026-11-19"), "Mars/Olympus": day(t, "2026-11-19"),
	}
	if diff := cmp.Diff(want, u.last); diff != "" {
		t.Errorf("last days (-want +got):\n%s", diff)
	}
}

// A room of which something cannot be read is told in the log, and stops no other one.
func TestABrokenRoomStopsNobody(t *testing.T) {
	t.Parallel()
	u := &undecided{
		rooms: []timetable.Undecided{
			room(t, 1, 1, "2026-11-18", ""), room(t, 2, 1, "2026-11-18", ""), room(t, 3, 2, "2026-11-18", ""), room(t, 4, 1, "2026-11-18", ""),
		},
		brokenSites: map[int64]error{2: errors.New("no JSON of a site")},
		brokenRooms: map[int64]error{1: errors.New("no JSON of a room"), 4: fault.New(fault.NotFound, "gone")},
	}
	var log bytes.Buffer
	if _, err := u.run(t, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2 from 2026-11-19 until 2026-11-19"}, u.told()); diff != "" {
		t.Errorf("decided (-want +got):\n%s", diff)
	}
	text := log.String()
	if !strings.Contains(text, "site=2") || !strings.Contains(text, "room=1") || strings.Count(text, "cannot be decided") != 2 {
		t.Errorf("told:\n%s", text)
	}
	u.brokenRooms[2] = fault.New(fault.Unavailable, "the database is away")
	if _, err := u.run(t, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without a database: %v", err)
	}
}
