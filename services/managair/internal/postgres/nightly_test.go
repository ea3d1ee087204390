package postgres_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/civil"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/occupancy"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/sensorhealth"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
	"github.com/clairberlin/clair-stack/services/managair/internal/timetable"
)

// BenchmarkNightly is what a night takes for many rooms of which nobody said when they are
// used, so that the air of eight days is asked, with a sensor each that measures every five
// minutes: the day is decided, and the sensors are judged by half a year. Figures are
// seconds for 10,000 rooms. The floor is to read the same samples, room by room.
func BenchmarkNightly(b *testing.B) {
	rooms := benchsize.Of(500, 10)
	h := newHouse(b, pgtest.New(b))
	now := time.Date(2026, 6, 15, 6, 30, 0, 0, time.UTC)
	spans := h.used(b, rooms, now)
	samples := postgres.NewTelemetry(h.as)
	day := civil.DateOf(now).AddDays(-1)
	report := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*10_000/float64(rooms), "s/10k-rooms")
	}
	b.Run("occupied", func(b *testing.B) {
		decider := timetable.Decider{Store: postgres.Timetables{Pool: h.as}, Samples: samples, Log: slog.New(slog.DiscardHandler)}
		for b.Loop() {
			b.StopTimer()
			h.exec(b, `TRUNCATE occupied_day`)
			h.exec(b, `UPDATE occupancy_progress SET decided_until = $1`, day.AddDays(-1).In(time.UTC))
			b.StartTimer()
			if days, err := decider.Run(b.Context(), now); err != nil || days != rooms {
				b.Fatal(days, err)
			}
		}
		report(b)
		if n := h.count(b, `SELECT count(*) FROM occupied_day WHERE how = $1`, occupancy.Inferred); n < rooms*9/10 {
			b.Fatalf("%d of %d rooms are used", n, rooms)
		}
	})
	b.Run("health", func(b *testing.B) {
		for b.Loop() {
			sum, err := sensorhealth.Judge{Store: postgres.SensorHealth{Pool: h.as}}.Run(b.Context(), now)
			if err != nil || sum.Nodes != rooms {
				b.Fatal(sum, err)
			}
		}
		report(b)
	})
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			for _, span := range spans {
				if err := samples.Samples(b.Context(), span, func(measurement.Sample) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b)
	})
}

// used has so many rooms with a sensor each, which measured nine days of use and, for what
// was before, made nights of half a year. It returns what of the sensors' time is read to
// decide yesterday.
func (h house) used(b *testing.B, rooms int, now time.Time) (spans []telemetry.Span) {
	b.Helper()
	h.exec(b, `INSERT INTO room (id, site_id, name) SELECT n, 1, 'Class ' || n FROM generate_series(2, $1) n`, rooms)
	h.exec(b, `
		INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
		SELECT gen_random_uuid(), lpad(upper(to_hex(n)), 16, '0'), 'Node ' || n, 1, 1, 1 FROM generate_series(1, $1) n`, rooms)
	h.exec(b, `
		INSERT INTO installation (node_id, room_id, from_time)
		SELECT id, row_number() OVER (ORDER BY no), '2025-01-01' FROM node`)
	h.exec(b, `SELECT ensure_sample_partition($1)`, now)
	h.exec(b, `
		INSERT INTO sample (node_no, time, co2_ppm)
		SELECT n.no, t, 430 + n.no % 20 + CASE WHEN extract(hour FROM t) BETWEEN 8 AND 13
		       THEN 600 * (extract(epoch FROM t)::integer % 3600) / 3600 + 200 ELSE 0 END
		  FROM node n, generate_series($1::timestamptz - interval '9 days', $1, interval '5 minutes') t`, now)
	h.exec(b, `
		INSERT INTO sample_hour (node_no, hour, n, co2_sum, co2_min, co2_max, temperature_n, temperature_sum, rel_humidity_n, rel_humidity_sum)
		SELECT node_no, date_trunc('hour', time, 'UTC'), count(*), sum(co2_ppm), min(co2_ppm), max(co2_ppm), 0, 0, 0, 0
		  FROM sample GROUP BY 1, 2`)
	h.exec(b, `
		INSERT INTO node_night (node_no, day, rest_ppm, lowest_ppm)
		SELECT n.no, $1::date - i, 430 + n.no % 20 + i % 7, 430 + n.no % 20 + i % 7 FROM node n, generate_series(2, 182) i`, now)
	h.exec(b, `INSERT INTO node_charge (node_no, day, percent) SELECT n.no, $1::date - i, 50 + i / 10 FROM node n, generate_series(2, 365) i`, now)
	h.exec(b, `INSERT INTO node_status (node_no, last_contact_at, battery_percent) SELECT no, $1, 50 FROM node`, now)
	h.exec(b, `INSERT INTO occupancy_progress (room_id, decided_until) SELECT id, $1::date - 2 FROM room`, now)
	h.exec(b, `VACUUM ANALYZE`)
	day := civil.DateOf(now).AddDays(-1)
	for no := range int32(h.count(b, `SELECT max(no) FROM node`)) {
		spans = append(spans, telemetry.Span{NodeNo: no + 1, From: day.AddDays(-occupancy.InferenceDays).In(time.UTC), To: day.AddDays(1).In(time.UTC)})
	}
	return spans
}
