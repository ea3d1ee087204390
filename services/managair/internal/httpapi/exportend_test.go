package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/export"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// meddled has something done while an export is being found, and its installations are known already.
type meddled struct {
	telemetry.Store
	meddle func()
}

func (m meddled) Summaries(ctx context.Context, spans []telemetry.Span, first bool) ([]telemetry.Summary, error) {
	m.meddle()
	return m.Store.Summaries(ctx, spans, first)
}

// puts is a shelf that has something done before a part is put there, which then may fail.
type puts struct {
	export.Shelf
	before func(n int) error
	n      int
}

func (p *puts) Put(ctx context.Context, name string, content io.Reader, size int64) error {
	p.n++
	if err := p.before(p.n); err != nil {
		return err
	}
	return p.Shelf.Put(ctx, name, content, size)
}

func (w *world) shelfIsEmpty(t *testing.T, when string) {
	t.Helper()
	for name, err := range w.shelf.List(t.Context()) {
		t.Errorf("%s: %s is left, %v", when, name, err)
	}
}

// Of whom is removed while the file is being found, only what is public is written.
func TestWhoIsRemovedMeanwhileHasWhatIsPublic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	plain := maker.Finder.Telemetry
	maker.Finder.Telemetry = meddled{plain, func() { w.exec(t, "DELETE FROM membership WHERE user_id = 2") }}
	m := w.made(t, maker, inspector, w.ordered(t, inspector, `"file":"csv"`, `"organization":{"data":{"type":"Organization","id":"1"}}`))
	if m.Data.Attributes.State != "waiting" {
		t.Fatalf("what members see was written for one who is none: %+v", m.Data.Attributes)
	}
	maker.Finder.Telemetry = plain
	m = w.made(t, maker, inspector, m)
	file, public := w.get(t, inspector, m.path()+"file/").body, w.get(t, anonymous, "/api/v1/organizations/1/timeseries.csv").body
	if file != public || m.Data.Attributes.State != "done" {
		t.Errorf("%+v: %s", m.Data.Attributes, file)
	}
}

// enough gives room 1 measurements for more than a part.
func (w *world) enough(t *testing.T) {
	t.Helper()
	w.exec(t, `
		INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent, status)
		SELECT n.no, s.t, 800, 215, 50, 'M'
		  FROM node n, generate_series('2026-01-12T00:00:00Z'::timestamptz, '2026-01-18T20:00:00Z', '5 seconds') s (t) WHERE n.alias = 'Eins'`)
	w.exec(t, "SELECT note_late_hours(array_agg(node_no), array_agg(time)) FROM sample WHERE time >= '2026-01-12'")
}

// What comes to nothing takes no room: neither of the disk, nor of what the account may have.
func TestWhatComesToNothingLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shelf := &puts{Shelf: w.shelf}
	maker := w.maker(t, shelf)
	maker.Log = slog.New(slog.DiscardHandler) // it complains
	w.enough(t)
	nothing := func(int) error { return nil }
	for _, test := range []struct {
		name           string
		account, total int64
		before         func(n int) error
		state, why     string
		parts          int
	}{
		{"no room of the account", 9, 100, nothing, "failed", "account_full", 1},
		{"no room at all", 100, 9, nothing, "failed", "full", 1},
		{"a disk that fails", 100, 100, func(n int) error {
			if n > 1 {
				return io.ErrShortWrite
			}
			return nil
		}, "waiting", "", 2},
		{"room that others took meanwhile", 20, 100, func(n int) error {
			if n == 1 {
				w.exec(t, `INSERT INTO data_export (user_id, name, wanted, state, made_at, due_at, size) VALUES (1, 'Other', '{}', 'done', now(), now(), 15000000)`)
			}
			return nil
		}, "failed", "account_full", 1},
	} {
		maker.Config.AccountMB, maker.Config.TotalMB = test.account, test.total
		w.exec(t, "DELETE FROM data_export")
		shelf.before, shelf.n = test.before, 0
		m := w.made(t, maker, owner, w.ordered(t, owner, `"file":"csv"`, room1))
		a := m.Data.Attributes
		why := ""
		if a.Why != nil {
			why = *a.Why
		}
		if a.State != test.state || why != test.why || a.Size != 0 || shelf.n != test.parts {
			t.Errorf("%s: %+v, %s, after %d parts", test.name, a, why, shelf.n)
		}
		w.shelfIsEmpty(t, test.name)
	}
}

// progressed tells when it is noted how far an export is.
type progressed struct {
	export.Queue
	noted func()
}

func (p progressed) Progress(ctx context.Context, e *export.Export, samples, size int64, until time.Time) (bool, error) {
	held, err := p.Queue.Progress(ctx, e, samples, size, until)
	p.noted()
	return held, err
}

// However long it takes to find what an export is made of, nobody else takes it.
func TestAnExportIsHeldWhileItIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	noted := make(chan struct{})
	var once sync.Once
	maker.Queue = progressed{maker.Queue, func() { once.Do(func() { close(noted) }) }}
	maker.Finder.Telemetry = meddled{maker.Finder.Telemetry, func() {
		select {
		case <-noted:
		case <-time.After(30 * time.Second):
			t.Error("nothing was noted while it was being found")
		}
	}}
	if m := w.made(t, maker, owner, w.ordered(t, owner, `"file":"csv"`, room1)); m.Data.Attributes.State != "done" {
		t.Errorf("%+v", m.Data.Attributes)
	}
}

// What was taken by another one, or deleted, while it was being found is not written.
func TestWhatIsTakenMeanwhileIsNotWritten(t *testing.T) {
	t.Parallel()
	for _, meanwhile := range []string{"UPDATE data_export SET taken_by = 99", "DELETE FROM data_export"} {
		w := newWorld(t)
		shelf := &puts{Shelf: w.shelf, before: func(int) error { return nil }}
		maker := w.maker(t, shelf)
		maker.Finder.Telemetry = meddled{maker.Finder.Telemetry, func() { w.exec(t, meanwhile) }}
		w.ordered(t, owner, `"file":"csv"`, room1)
		if found, err := maker.Next(t.Context()); !found || err != nil || shelf.n > 0 {
			t.Errorf("%s: %v, %v, %d parts", meanwhile, found, err, shelf.n)
		}
	}
}

// What somebody sees no more is in the way of nothing, and can be deleted.
func TestWhatIsHiddenCountsNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	var hidden madeExport
	for range 3 {
		hidden = w.made(t, maker, inspector, w.ordered(t, inspector, `"file":"csv"`, room1))
	}
	w.exec(t, "DELETE FROM membership WHERE user_id = 2")
	m := w.ordered(t, inspector, `"file":"csv"`, room1)
	if got := w.do(t, request{user: stranger, method: http.MethodDelete, path: hidden.path()}); got.status != http.StatusNotFound {
		t.Errorf("deleted by another one: %d", got.status)
	}
	if got := w.do(t, request{user: inspector, method: http.MethodDelete, path: hidden.path()}); got.status != http.StatusNoContent {
		t.Errorf("deleted by its owner: %d %s", got.status, got.body)
	}
	w.exec(t, "UPDATE user_account SET is_active = false WHERE id = 2")
	if found, err := maker.Next(t.Context()); found || err != nil {
		t.Errorf("made for an account that is switched off: %v, %v", found, err)
	}
	w.exec(t, "UPDATE user_account SET is_active = true WHERE id = 2")
	if m = w.made(t, maker, inspector, m); m.Data.Attributes.State != "done" {
		t.Errorf("%+v", m.Data.Attributes)
	}
}

// A worker that is told to stop hands over what it makes at once, however often: that is no failure.
func TestAWorkerThatStopsHandsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shelf := &puts{Shelf: w.shelf}
	maker := w.maker(t, shelf)
	m := w.ordered(t, owner, `"file":"csv"`, room1)
	for n := range 9 {
		ctx, stop := context.WithCancel(t.Context())
		shelf.before = func(int) error {
			stop()
			return ctx.Err()
		}
		if found, err := maker.Next(ctx); !found || err != nil {
			t.Fatalf("stop %d: made %v, %v", n, found, err)
		}
		if m = readExport(t, w.get(t, owner, m.path())); m.Data.Attributes.State != "waiting" {
			t.Fatalf("stop %d: %+v", n, m.Data.Attributes)
		}
		w.shelfIsEmpty(t, "stopped")
	}
	shelf.before = func(int) error { return nil }
	if m = w.made(t, maker, owner, m); m.Data.Attributes.State != "done" { // at the same time: it was due at once
		t.Errorf("%+v", m.Data.Attributes)
	}
}

// An export that ends its worker each time is given up.
func TestWhatKillsWorkersIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	maker := w.maker(t, w.shelf)
	m := w.ordered(t, owner, `"file":"csv"`, room1)
	now := worldNow
	for n := range 8 {
		if _, ok, err := maker.Queue.Take(t.Context(), 7, now, now.Add(30*time.Second)); err != nil || !ok {
			t.Fatal(n, ok, err)
		}
		now = now.Add(time.Minute)
	}
	maker.Now = func() time.Time { return now }
	if a := w.made(t, maker, owner, m).Data.Attributes; a.State != "failed" || a.Why == nil || *a.Why != "error" {
		t.Errorf("%+v", a)
	}
}

// However many workers look for exports at the same moment, one account has one made.
func TestOneOfAnAccountIsMadeAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	queue := w.maker(t, w.shelf).Queue
	for range 3 {
		w.ordered(t, owner, `"file":"csv"`, room1)
	}
	for round := range 20 {
		w.exec(t, "UPDATE data_export SET state = 'waiting', taken_by = 0, taken_until = NULL")
		var taken atomic.Int32
		var takers sync.WaitGroup
		for holder := range int64(4) {
			takers.Go(func() {
				_, ok, err := queue.Take(t.Context(), holder, worldNow, worldNow.Add(time.Minute))
				if err != nil {
					t.Error(err)
				}
				if ok {
					taken.Add(1)
				}
			})
		}
		takers.Wait()
		if taken.Load() != 1 {
			t.Fatalf("round %d: %d are made at a time", round, taken.Load())
		}
	}
}

// What is too much is said with what would be less, and nothing is looked for where no more may be made.
func TestWhatIsTooMuchNamesItsField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.maker(t, w.shelf)
	post := func(relationships string) answer {
		return w.do(t, request{user: owner, method: http.MethodPost, path: "/api/v1/exports/", body: `{"data":{"type":"Export","attributes":{"file":"csv"},"relationships":{` + relationships + `}}}`})
	}
	w.exec(t, fmt.Sprintf(`
		INSERT INTO installation (node_id, room_id, from_time, to_time, description, is_public)
		SELECT '%s', 2, t, t + interval '1 minute', '', false FROM generate_series('2020-01-01T00:00:00Z'::timestamptz, '2020-01-01T00:00:00Z'::timestamptz + 5000 * interval '1 minute', '1 minute') t`, node2))
	for relationships, field := range map[string]string{
		"": "organization",
		`"organization":{"data":{"type":"Organization","id":"1"}}`: "organization",
		`"site":{"data":{"type":"Site","id":"2"}}`:                 "site",
		`"rooms":{"data":[{"type":"Room","id":"2"}]}`:              "rooms",
		`"nodes":{"data":[{"type":"Node","id":"` + node2 + `"}]}`:  "nodes",
	} {
		if got := post(relationships); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"/data/relationships/`+field+`"`) {
			t.Errorf("%s: %d %s", relationships, got.status, got.body)
		}
	}
	for range 3 {
		w.ordered(t, owner, `"file":"csv"`, room1)
	}
	if got := post(`"site":{"data":{"type":"Site","id":"3"}}`); got.status != http.StatusConflict {
		t.Errorf("one too many, of what is not there: %d %s", got.status, got.body)
	}
}

// The shelf keeps the parts that the sweep knows, and no others: there is one form of their names.
func TestAShelfKeepsPartsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.maker(t, w.shelf)
	for name, kept := range map[string]bool{
		"5-2-0.part": true, "999999999999999999-999999999-999999999.part": true,
		"5-2.part": false, "--.part": false, "5-2-0-1.part": false, "1000000000000000000-1-0.part": false, "../5-2-0.part": false, "5-2-0.png": false,
	} {
		err := w.shelf.Put(t.Context(), name, strings.NewReader("some"), 4)
		if (err == nil) != kept || export.IsPart(name) != kept {
			t.Errorf("%s: kept %v, a part %v", name, err, export.IsPart(name))
		}
	}
	if _, parts, err := export.Sweep(t.Context(), postgres.Exports{Pool: w.as}, w.shelf, worldNow); parts != 2 || err != nil {
		t.Errorf("%d swept, %v", parts, err)
	}
	w.shelfIsEmpty(t, "swept")
}
