package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/alert"
	"github.com/clairberlin/clair-stack/services/managair/internal/inventory"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// stream is a live stream that a test writes.
type stream struct {
	mu      sync.Mutex
	entries []live.Entry
	away    bool
	wrote   chan struct{}
}

func newStream() *stream {
	return &stream{entries: []live.Entry{{ID: live.ID{Milliseconds: 1}}}, wrote: make(chan struct{})}
}

func (s *stream) publish(samples ...live.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, live.Entry{ID: live.ID{Milliseconds: uint64(len(s.entries) + 1)}, Samples: samples})
	close(s.wrote)
	s.wrote = make(chan struct{})
}

var errAway = errors.New("away")

func (s *stream) Bounds(context.Context) (first, last live.ID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return first, last, errAway
	}
	return s.entries[0].ID, s.entries[len(s.entries)-1].ID, nil
}

func (s *stream) Read(ctx context.Context, after live.ID, _ int64, wait time.Duration) ([]live.Entry, error) {
	s.mu.Lock()
	wrote, away := s.wrote, s.away
	found := s.entries[min(int(after.Milliseconds), len(s.entries)):]
	s.mu.Unlock()
	if away {
		return nil, errAway
	}
	if len(found) == 0 {
		select {
		case <-ctx.Done():
		case <-wrote:
		case <-time.After(wait):
		}
	}
	return found, nil
}

// watched is a house with a node in room 1, and a clock that tests turn.
type watched struct {
	house

	t      *testing.T
	no     int32
	stream *stream
	mu     sync.Mutex
	clock  time.Time
	// swept is that of the latest evaluator.
	swept *prometheus.Registry
}

func watch(t *testing.T) *watched {
	t.Helper()
	h := told(t)
	id, no := h.node(t, 1)
	h.exec(t, `INSERT INTO installation (node_id, room_id, from_time, is_public) VALUES ($1, 1, '2026-01-01', false)`, id)
	return &watched{house: h, t: t, no: no, stream: newStream(), clock: time.Now().UTC().Truncate(time.Minute)}
}

func (w *watched) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *watched) turn(to time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = to
}

// checked says that somebody looked after who reports.
func (w *watched) checked(at time.Time) {
	w.t.Helper()
	w.exec(w.t, "INSERT INTO fidelity_check (checked_at) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET checked_at = excluded.checked_at", at)
}

// start runs an evaluator until the function that it returns is called.
func (w *watched) start() func() {
	ctx, cancel := context.WithCancel(w.t.Context())
	quick := alert.Config{Sweep: time.Nanosecond, Swings: time.Nanosecond, Due: time.Nanosecond, Reread: time.Nanosecond}
	w.swept = prometheus.NewRegistry()
	e := alert.NewEvaluator(quick, slog.New(slog.DiscardHandler), postgres.Alerts{Pool: w.as}, w.stream, w.swept, w.now)
	var running sync.WaitGroup
	running.Go(func() { e.Run(ctx) })
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			running.Wait()
		})
	}
	w.t.Cleanup(stop)
	return stop
}

func (w *watched) rule(fields, values string) {
	w.t.Helper()
	w.exec(w.t, `INSERT INTO alert_rule (name, organization_id, user_id, personal, enabled, condition, occupied_only, tell_recovery, time_zone`+fields+`)
		VALUES ('Rule', 1, 1, true, true, `+values+`)`)
}

const above = `'above', false, true, 'UTC', 'co2_ppm', 1000, 0`

const aboveFields = `, quantity, threshold, for_s`

func (w *watched) measure(at time.Time, ppm int) live.Sample { return w.measureAll(at, ppm, nil) }

func (w *watched) measureAll(at time.Time, ppm int, decicelsius *int) live.Sample {
	w.t.Helper()
	w.exec(w.t, "SELECT ensure_sample_partition($1)", at)
	w.exec(w.t, "INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, status) VALUES ($1, $2, $3, $4, 'M') ON CONFLICT DO NOTHING", w.no, at, ppm, decicelsius)
	w.exec(w.t, "SELECT note_late_hours(ARRAY[$1::integer], ARRAY[$2::timestamptz])", w.no, at)
	return live.Sample{NodeNo: w.no, Sample: measurement.Sample{Time: at, CO2PPM: ppm, Status: measurement.Measured}}
}

// becomes waits until what was told is this: what, for whom.
func (w *watched) becomes(want ...string) {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for ; ; time.Sleep(20 * time.Millisecond) {
		rows, err := w.Query(w.t.Context(), "SELECT substr(n.kind, 7) || ' ' || c.name FROM notification n JOIN notification_channel c ON c.id = n.channel_id ORDER BY n.id")
		if err != nil {
			w.t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			w.t.Fatal(err)
		}
		diff := cmp.Diff(strings.Join(want, ", "), strings.Join(got, ", "))
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("told, want(-) got(+):\n%s", diff)
		}
	}
}

// idle waits until the evaluator has looked after everything twice since now.
func (w *watched) idle() {
	w.t.Helper()
	for range 2 {
		at := w.now().Add(time.Second)
		w.turn(at)
		w.until("a sweep", func() bool {
			families, err := w.swept.Gather()
			if err != nil {
				w.t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "managair_alert_swept_timestamp_seconds" {
					return int64(f.GetMetric()[0].GetGauge().GetValue()) >= at.Unix()
				}
			}
			return false
		})
	}
}

// until waits for something.
func (w *watched) until(what string, so func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited for %s in vain", what)
		}
	}
}

// counts waits until a query gives a number.
func (w *watched) counts(want int, sql string) {
	w.t.Helper()
	w.until(sql, func() bool { return w.count(w.t, sql) == want })
}

func TestAlertIsToldOnceAndThatItIsOver(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(aboveFields, above)
	stop := w.start()
	at := w.now()
	w.stream.publish(w.measure(at.Add(-20*time.Minute), 1200))
	w.becomes("opened Mine")
	w.stream.publish(w.measure(at.Add(-20*time.Minute), 1200), w.measure(at.Add(-18*time.Minute), 1300))
	// A successor finds it as it is.
	stop()
	w.start()
	w.stream.publish(w.measure(at.Add(-10*time.Minute), 800), w.measure(at.Add(-5*time.Minute), 700))
	w.becomes("opened Mine", "recovered Mine")
	w.stream.publish(w.measure(at.Add(-19*time.Minute), 1250)) // late
	w.idle()
	w.becomes("opened Mine", "recovered Mine")
	if got := w.count(t, "SELECT count(*) FROM alert_episode WHERE close_reason = 'recovered' AND worst = 1300 AND value = 1200 AND told = 1"); got != 1 {
		t.Errorf("%d episodes", got)
	}
}

func TestWhatTheStreamMissedIsFound(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(aboveFields, above)
	w.start()
	at := w.now()
	w.measure(at.Add(-20*time.Minute), 1200)
	w.becomes("opened Mine")
	w.stream.mu.Lock()
	w.stream.away = true
	w.stream.mu.Unlock()
	w.measure(at.Add(-10*time.Minute), 800)
	w.measure(at.Add(-4*time.Minute), 800)
	w.becomes("opened Mine", "recovered Mine")
}

func TestNobodyIsToldOfWhatTheyMayNotSee(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(aboveFields, above)
	w.exec(t, "UPDATE alert_rule SET user_id = 3")
	w.exec(t, "INSERT INTO notification_channel (user_id, kind, name, language, target, secret, confirmed_at) VALUES (3, 'webhook', 'Theirs', 'de', 'x', '{}', now())")
	w.start()
	at := w.now()
	w.stream.publish(w.measure(at.Add(-20*time.Minute), 1200))
	w.idle()
	w.becomes()
	// The organization's rule is another matter.
	w.exec(t, "UPDATE alert_rule SET personal = false")
	w.becomes("opened Ours")
	// A right that is lost ends it, without a word.
	w.exec(t, "UPDATE alert_rule SET personal = true")
	w.counts(1, "SELECT count(*) FROM alert_episode WHERE close_reason = 'not_watched'")
	w.becomes("opened Ours")
}

func TestQuietHoursSnoozeAndReminders(t *testing.T) {
	t.Parallel()
	w := watch(t)
	at := w.now()
	clock := func(t time.Time) string { return t.Format("15:04") }
	w.rule(aboveFields+", quiet_from, quiet_to, remind_after_s", above+", '"+clock(at.Add(-time.Hour))+"', '"+clock(at.Add(10*time.Minute))+"', 1800")
	w.start()
	w.stream.publish(w.measure(at.Add(-2*time.Minute), 1200))
	w.counts(1, "SELECT count(*) FROM alert_episode")
	w.idle()
	w.becomes()
	at = at.Add(11 * time.Minute)
	w.turn(at)
	w.becomes("opened Mine")
	w.turn(at.Add(31 * time.Minute))
	w.becomes("opened Mine", "reminder Mine")
	desk := postgres.NewAlertDesk(w.as)
	all, n, err := desk.List(t.Context(), access.Caller{UserID: 1}, inventory.Query{})
	if err != nil || n != 1 || len(all[0].History) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	until := at.Add(70 * time.Minute)
	if _, err := desk.Answer(t.Context(), access.Caller{UserID: 1}, all[0].ID, alert.Answer{SnoozeUntil: &until}, w.now()); err != nil {
		t.Fatal(err)
	}
	w.turn(at.Add(65 * time.Minute)) // a reminder would be due
	w.idle()
	w.becomes("opened Mine", "reminder Mine")
	w.turn(until)
	w.becomes("opened Mine", "reminder Mine", "reminder Mine")
	for range 2 {
		if _, err := desk.Answer(t.Context(), access.Caller{UserID: 1}, all[0].ID, alert.Answer{Acknowledge: true}, at); err != nil {
			t.Fatal(err)
		}
	}
	w.turn(at.Add(110 * time.Minute))
	w.idle()
	w.becomes("opened Mine", "reminder Mine", "reminder Mine")
	if n := w.count(t, "SELECT count(*) FROM alert_event WHERE kind = 'acknowledged'"); n != 1 {
		t.Errorf("acknowledged %d times", n)
	}
}

func TestSilentSensorsOfASiteAreToldTogether(t *testing.T) {
	t.Parallel()
	w := watch(t)
	for i := 2; i <= 5; i++ {
		id, _ := w.node(t, i)
		w.exec(t, `INSERT INTO installation (node_id, room_id, from_time, is_public) VALUES ($1, 1, '2026-01-01', false)`, id)
	}
	w.rule("", `'silent', false, true, 'UTC'`)
	at := w.now()
	w.exec(t, "INSERT INTO node_status (node_no, last_contact_at) SELECT no, $1 FROM node", at.Add(-3*time.Hour))
	silence := func(alias string, at time.Time) {
		w.exec(t, "INSERT INTO node_fidelity (node_no, fidelity, since) SELECT no, 'M', $2 FROM node WHERE alias = $1", alias, at)
	}
	w.checked(at.Add(time.Hour))
	silence("Node 1", at)
	w.start()
	w.counts(1, "SELECT count(*) FROM alert_episode")
	w.turn(at.Add(5 * time.Minute))
	for _, alias := range []string{"Node 2", "Node 3", "Node 4", "Node 5"} {
		silence(alias, at)
	}
	w.counts(5, "SELECT count(*) FROM alert_episode")
	w.becomes()
	w.exec(t, "UPDATE node_fidelity SET fidelity = 'E' WHERE node_no = $1", w.no) // it comes back before anybody is told
	w.counts(1, "SELECT count(*) FROM alert_episode WHERE close_reason = 'recovered'")
	w.turn(at.Add(11 * time.Minute))
	w.becomes("opened Mine", "opened Mine", "opened Mine", "opened Mine")
	if n := w.count(t, "SELECT count(DISTINCT group_key || due_at) FROM notification"); n != 1 {
		t.Errorf("they are told in %d parcels", n)
	}
}

func TestFaultsBatteriesAndSwings(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule("", `'faulty', false, true, 'UTC'`)
	w.rule(", threshold", `'battery', false, true, 'UTC', 10`)
	w.rule(", quantity, threshold", `'swing', false, true, 'UTC', 'co2_ppm', 500`)
	at := w.now()
	w.exec(t, "INSERT INTO node_status (node_no, last_contact_at, battery_percent) VALUES ($1, $2, 9)", w.no, at)
	w.checked(at.Add(time.Hour))
	w.start()
	w.becomes("opened Mine")
	w.exec(t, "INSERT INTO node_fidelity (node_no, fidelity, since, fault, fault_since) VALUES ($1, 'E', $2, 'frozen', $2)", w.no, at)
	w.becomes("opened Mine", "opened Mine")
	w.measure(at.Add(-3*time.Hour), 500)
	w.measure(at.Add(-2*time.Hour), 1100)
	w.becomes("opened Mine", "opened Mine", "opened Mine")
	w.exec(t, "UPDATE node_status SET battery_percent = 100")
	w.becomes("opened Mine", "opened Mine", "opened Mine", "recovered Mine")
}

// Two that both believe they lead tell nobody twice.
func TestTwoLeaders(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(aboveFields+", remind_after_s", above+", 1800")
	store := postgres.Alerts{Pool: w.as}
	targets, err := store.Targets(t.Context())
	if err != nil || len(targets) != 1 {
		t.Fatalf("%v, %v", targets, err)
	}
	var wg sync.WaitGroup
	ids := make([]int64, 8)
	for i := range ids {
		wg.Go(func() {
			opened, refused, err := store.Open(t.Context(), w.now(), []alert.Opening{{Target: targets[0], OpenedAt: w.now()}})
			if err != nil || refused[0] != nil {
				t.Error(err, refused)
				return
			}
			ids[i] = opened[0]
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("opened as %d and %d", ids[0], id)
		}
	}
	w.turn(w.now().Add(31 * time.Minute))
	for range ids {
		wg.Go(func() {
			if _, failed, err := store.TellDue(t.Context(), w.now(), 10); err != nil || len(failed) > 0 {
				t.Error(err, failed)
			}
		})
	}
	wg.Wait()
	w.becomes("opened Mine", "reminder Mine")
	w.counts(1, "SELECT count(*) FROM alert_event WHERE kind = 'reminded'")
	for range ids {
		wg.Go(func() {
			if refused, err := store.Close(t.Context(), w.now(), []alert.Ending{{Episode: ids[0], At: w.now(), Why: alert.Recovered}}); err != nil || refused[0] != nil {
				t.Error(err, refused)
			}
		})
	}
	wg.Wait()
	w.becomes("opened Mine", "reminder Mine", "recovered Mine")
}

// A sensor that goes to another room takes neither its alert nor its samples along.
func TestAlertStaysInItsRoom(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(aboveFields, above)
	w.start()
	at := w.now()
	w.stream.publish(w.measure(at.Add(-20*time.Minute), 1200))
	w.becomes("opened Mine")
	w.exec(t, "INSERT INTO room (id, site_id, name) VALUES (2, 1, 'Class 2')")
	w.exec(t, `
		WITH ended AS (UPDATE installation SET to_time = $1 RETURNING node_id)
		INSERT INTO installation (node_id, room_id, from_time, is_public) SELECT node_id, 2, $1, false FROM ended`, at.Add(-10*time.Minute))
	w.counts(1, "SELECT count(*) FROM alert_episode WHERE close_reason = 'not_watched'")
	w.idle()
	w.becomes("opened Mine")
	w.stream.publish(w.measure(at.Add(-5*time.Minute), 1300))
	w.becomes("opened Mine", "opened Mine")
	w.counts(1, "SELECT count(*) FROM alert_episode WHERE room_id = 2 AND closed_at IS NULL")
}

// What nobody chose is the norm of the country for alerts, as it is for lights and verdicts; a
// sensor in no room is in no country.
func TestAlertsFollowTheNormOfTheCountry(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule("", `'profile', true, false, 'UTC'`)
	limit := func() float64 {
		targets, err := postgres.Alerts{Pool: w.Pool}.Targets(t.Context())
		if err != nil || len(targets) == 0 {
			t.Fatalf("%d targets, %v", len(targets), err)
		}
		return targets[0].Condition.Threshold
	}
	for zone, want := range map[string]float64{"Europe/Brussels": 1200, "Europe/Paris": 800, "Europe/Rome": 1220, "Europe/Berlin": 1000} {
		w.exec(t, "UPDATE site SET time_zone = $1", zone)
		if got := limit(); got != want {
			t.Errorf("%s: %v ppm, want %v", zone, got, want)
		}
	}
	w.exec(t, "UPDATE organization SET verdict_profile = 'be'")
	if got := limit(); got != 1200 {
		t.Errorf("chosen: %v ppm", got)
	}
}

// A template's thresholds, the norm of a room and its timetable hold as rules have them.
func TestNormAndTimetableOfARoom(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule("", `'profile', true, true, 'UTC'`)
	w.exec(t, "UPDATE alert_rule SET for_s = 0")
	w.exec(t, "UPDATE site SET time_zone = 'UTC', verdict_profile = 'en-16798'")
	// Nobody is ever there by the timetable of the site; by the room's, all day long.
	w.exec(t, `INSERT INTO timetable (site_id, weekly) VALUES (1, '{}')`)
	w.start()
	at := w.now()
	w.stream.publish(w.measure(at.Add(-20*time.Minute), 3000))
	w.idle()
	w.becomes()
	all := `[{"from": "00:00", "to": "24:00"}]`
	w.exec(t, `INSERT INTO timetable (room_id, weekly) VALUES (1, '{"Mo": `+all+`, "Tu": `+all+`, "We": `+all+`, "Th": `+all+`, "Fr": `+all+`, "Sa": `+all+`, "Su": `+all+`}')`)
	w.exec(t, "UPDATE alert_rule SET name = 'Changed'") // timetables are read again with rules
	// Samples are judged by it from then on.
	w.until("a sample that is judged by the new timetable", func() bool {
		at = at.Add(time.Second)
		w.stream.publish(w.measure(at.Add(-20*time.Minute), 1500))
		return w.count(t, "SELECT count(*) FROM alert_episode") > 0
	})
	w.becomes("opened Mine")
	if got := pgtest.Value[float64](t, w.Pool, "SELECT threshold FROM alert_episode"); got != 420+800 {
		t.Errorf("held against %v ppm", got)
	}
}
