package postgres_test

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
)

// A sensor that is suspected night after night is one alert: the next judgement does not end it.
func TestSuspicionIsOneAlert(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(", for_s", `'faulty', false, true, 'UTC', 3600`)
	at := w.now()
	health := postgres.SensorHealth{Pool: w.Pool}
	judge := func(at time.Time, nights int) {
		t.Helper()
		j := sensorhealth.Judgement{No: w.no}
		j.Finding.ImpossibleNights = nights
		if err := health.Keep(t.Context(), 1, at, []sensorhealth.Judgement{j}); err != nil {
			t.Fatal(err)
		}
	}
	w.checked(at.Add(100 * time.Hour))
	const many = 1000
	judge(at.Add(-27*time.Hour), many)
	judge(at.Add(-3*time.Hour), many)
	w.start()
	w.becomes("opened Mine")
	w.counts(1, "SELECT count(*) FROM alert_episode, node_health WHERE opened_at = suspected_since")
	judge(at, many)
	w.idle()
	w.becomes("opened Mine")
	// A fault that comes and goes is no end of it either.
	w.exec(t, "INSERT INTO node_fidelity (node_no, fidelity, since, fault, fault_since) VALUES ($1, 'E', $2, 'frozen', $2)", w.no, at)
	w.idle()
	w.exec(t, "DELETE FROM node_fidelity")
	w.idle()
	w.becomes("opened Mine")
	judge(at, 0)
	w.becomes("opened Mine", "recovered Mine")
	judge(at.Add(24*time.Hour), many)
	if got := pgtest.Value[time.Time](t, w.Pool, "SELECT suspected_since FROM node_health"); !got.Equal(at.Add(24 * time.Hour)) {
		t.Errorf("suspected since %v", got)
	}
}

// A change of a day ends when it is clearly over, and when nothing is known any more.
func TestSwingsEnd(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(", quantity, threshold", `'swing', false, true, 'UTC', 'co2_ppm', 500`)
	at := w.now().Truncate(time.Hour).Add(10 * time.Minute)
	w.turn(at)
	w.measure(at.Add(-24*time.Hour-time.Minute), 5000) // not within 24 hours
	w.measure(at.Add(-24*time.Hour+10*time.Minute), 1010)
	w.measure(at.Add(-20*time.Hour), 990)
	stop := w.start()
	w.measure(at.Add(-time.Hour), 500)
	w.becomes("opened Mine")
	w.counts(1, "SELECT count(*) FROM alert_episode WHERE value = 510")
	at = at.Add(2 * time.Hour)
	w.measure(at.Add(-5*time.Minute), 520)
	w.turn(at.Add(15 * time.Minute)) // 490: not far enough
	w.idle()
	stop()
	w.start()
	w.idle()
	w.becomes("opened Mine")
	w.turn(at.Add(3 * time.Hour)) // its last sample is from three hours ago
	w.counts(1, "SELECT count(*) FROM alert_episode WHERE close_reason = 'no_data'")
	w.becomes("opened Mine")
	w.measure(at.Add(2*time.Hour+30*time.Minute), 400)
	w.idle()
	w.becomes("opened Mine")
	w.measure(at.Add(2*time.Hour+40*time.Minute), 1000)
	w.becomes("opened Mine", "opened Mine")
}

// A battery that recovers a little is still low for a worker that takes over.
func TestBatteryForASuccessor(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.rule(", threshold", `'battery', false, true, 'UTC', 10`)
	w.rule(aboveFields, above) // for which the samples of a while are in memory
	at := w.now()
	w.measure(at.Add(-30*time.Minute), 500)
	w.exec(t, "INSERT INTO node_status (node_no, last_contact_at, battery_percent) VALUES ($1, $2, 9)", w.no, at)
	w.checked(at.Add(time.Hour))
	stop := w.start()
	w.becomes("opened Mine")
	stop()
	w.exec(t, "UPDATE node_status SET battery_percent = 12")
	w.start()
	w.idle()
	w.becomes("opened Mine")
	w.exec(t, "UPDATE node_status SET battery_percent = 16")
	w.becomes("opened Mine", "recovered Mine")
}

// Tenths are compared, kept and told as tenths.
func TestTenths(t *testing.T) {
	t.Parallel()
	w := watch(t)
	const fields = ", quantity, threshold, hysteresis, for_s"
	w.rule(fields, `'below', false, true, 'UTC', 'temperature_celsius', 21.3, 0.3, 0`)
	w.start()
	at := w.now()
	measure := func(at time.Time, decicelsius int) { w.measureAll(at, 500, &decicelsius) }
	measure(at.Add(-30*time.Minute), 213)
	w.idle()
	w.becomes()
	measure(at.Add(-25*time.Minute), 211)
	w.becomes("opened Mine")
	if got := pgtest.Value[string](t, w.Pool, "SELECT concat_ws(' ', value, worst, n.data -> 'value') FROM alert_episode, notification n"); got != "21.1 21.1 21.1" {
		t.Errorf("kept and told as %s", got)
	}
	measure(at.Add(-20*time.Minute), 216) // is just back
	measure(at.Add(-10*time.Minute), 216)
	w.becomes("opened Mine", "recovered Mine")
}
