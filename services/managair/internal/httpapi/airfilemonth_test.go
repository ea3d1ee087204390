package httpapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/roomair"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// months makes the files of months as the worker does.
func (w *world) months() roomair.Months {
	samples, files := postgres.NewTelemetry(w.as), postgres.AirFiles{Pool: w.as}
	return roomair.Months{
		Files: roomair.Files{
			Air: roomair.Service{
				Rooms: postgres.AirQuality{Pool: w.as}, Samples: samples, Log: slog.New(slog.DiscardHandler),
				Occupancy: timetable.Past{Store: postgres.Timetables{Pool: w.as}, Samples: samples},
			},
			Store: files, Software: "test",
		},
		Store: files, Instance: "http://h", Log: slog.New(slog.DiscardHandler),
	}
}

// filesOf returns the versions of the files of February of a room, deleted ones not.
func (w *world) filesOf(t *testing.T, room string) (versions []int) {
	t.Helper()
	var list struct {
		Data []struct {
			Attributes struct {
				From    string `json:"from_date"`
				To      string `json:"to_date"`
				Version int
			}
		}
	}
	if err := json.Unmarshal([]byte(w.get(t, owner, "/api/v1/rooms/"+room+"/air-files/").body), &list); err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Data {
		if one.Attributes.From == "2026-02-01" && one.Attributes.To == "2026-02-28" {
			versions = append(versions, one.Attributes.Version)
		}
	}
	slices.Sort(versions)
	return versions
}

func TestMonthlyAirFiles(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC))
	w.lessons(t, node1, "2026-01-24T00:00:00Z", "2026-03-02T00:00:00Z")
	run := func(at string, made int) {
		t.Helper()
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := w.months().Run(t.Context(), now); n != made || err != nil {
			t.Errorf("%s: %d files are made, want %d; %v", at, n, made, err)
		}
	}
	has := func(want ...int) {
		t.Helper()
		if got := w.filesOf(t, "1"); !slices.Equal(got, want) {
			t.Errorf("versions %v, want %v", got, want)
		}
	}
	// Nobody gets what nobody asked for; an owner does, an inspector may not.
	run("2026-03-02T12:00:00Z", 0)
	change := func(user int64) int {
		return w.do(t, request{
			user: user, method: http.MethodPatch, path: "/api/v1/organizations/1/",
			body: `{"data":{"type":"Organization","id":"1","attributes":{"monthly_air_files":true}}}`,
		}).status
	}
	if inspectors, owners := change(inspector), change(owner); inspectors != http.StatusForbidden || owners != http.StatusOK {
		t.Fatal(inspectors, owners)
	}
	// Not before the month is over for a day by the clocks of the site, an hour ahead of UTC.
	run("2026-03-01T22:59:00Z", 0)
	has()
	// Room 2 had a sensor until the 1st of February, 1 h by the clocks of its site.
	run("2026-03-01T23:00:00Z", 2)
	has(1)
	run("2026-03-02T00:00:00Z", 0)
	has(1)
	// A worker that died between making a file and noting it, and several at once.
	w.exec(t, "DELETE FROM air_file_month")
	run("2026-03-02T01:00:00Z", 0)
	has(1)
	// Late samples are found a week later, once.
	w.exec(t, "DELETE FROM sample WHERE time >= '2026-02-17T10:00:00Z' AND time < '2026-02-17T11:00:00Z'")
	run("2026-03-07T22:00:00Z", 0)
	run("2026-03-07T23:00:00Z", 1)
	has(1, 2)
	w.exec(t, "DELETE FROM sample WHERE time >= '2026-02-18T10:00:00Z' AND time < '2026-02-18T11:00:00Z'")
	run("2026-03-08T23:00:00Z", 0)
	has(1, 2)
	var actors int
	err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM audit_log WHERE subject = 'air_file' AND actor_id IS NOT NULL").Scan(&actors)
	if err != nil || actors > 0 {
		t.Errorf("the log says %d times that somebody made what nobody made; %v", actors, err)
	}
}

// What an owner deletes stays away; what is refused is tried again the next day.
func TestMonthlyAirFilesThatAreNotWanted(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC))
	w.exec(t, "UPDATE organization SET monthly_air_files = true WHERE id = 1")
	w.exec(t, `INSERT INTO air_file (room_id, from_date, to_date, profile, version, made_at, content, document)
		SELECT 1, '2026-01-01', '2026-01-01', 'be', n, '2026-01-20T12:00:00Z', '', '\x7b7d' FROM generate_series(1, $1) n`, roomair.MaxFiles)
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	run := func(now time.Time) {
		t.Helper()
		if _, err := w.months().Run(t.Context(), now); err != nil {
			t.Error(err)
		}
	}
	run(at(2, 0))
	if got := w.filesOf(t, "1"); len(got) > 0 {
		t.Errorf("in a room that is full: %v", got)
	}
	w.exec(t, "DELETE FROM air_file WHERE profile = 'be'")
	run(at(2, 23))
	if got := w.filesOf(t, "1"); len(got) > 0 {
		t.Errorf("tried too soon: %v", got)
	}
	run(at(3, 0))
	if got := w.filesOf(t, "1"); !slices.Equal(got, []int{1}) {
		t.Errorf("a day later: %v", got)
	}
	var id int64
	if err := w.pool.QueryRow(t.Context(), "SELECT id FROM air_file WHERE room_id = 1 AND from_date = '2026-02-01'").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if err := (postgres.AirFiles{Pool: w.as}).Delete(t.Context(), access.Caller{UserID: owner}, id, at(4, 0)); err != nil {
		t.Fatal(err)
	}
	w.exec(t, "DELETE FROM sample")
	for day := 4; day < 12; day++ {
		run(at(day, 1))
	}
	if got := w.filesOf(t, "1"); len(got) > 0 {
		t.Errorf("what was deleted is there again: %v", got)
	}
}

// However many workers there are, one file is made.
func TestManyMakeTheFilesOfAMonth(t *testing.T) {
	t.Parallel()
	w := newWorldAt(t, time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC))
	w.exec(t, "UPDATE organization SET monthly_air_files = true WHERE id = 1")
	var all sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 4 {
		all.Go(func() {
			n, err := w.months().Run(t.Context(), time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			made += n
			mu.Unlock()
		})
	}
	all.Wait()
	if got := w.filesOf(t, "1"); made != 2 || !slices.Equal(got, []int{1}) {
		t.Errorf("%d are made, versions %v", made, got)
	}
}
