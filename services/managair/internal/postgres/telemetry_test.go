package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// withNodes returns SQL that is preceded by the making of so many nodes.
func withNodes(n int, sql string) string {
	return fmt.Sprintf(`
INSERT INTO organization (name) VALUES ('o');
INSERT INTO node_protocol (identifier) VALUES ('p');
INSERT INTO node_model (name, trade_name, manufacturer, sensor_type) VALUES ('m', 'm', 'm', 'm');
INSERT INTO node (id, eui64, alias, protocol_id, model_id, owner_id)
SELECT gen_random_uuid(), lpad(i::text, 16, '0'), 'n', p.id, m.id, o.id FROM node_protocol p, node_model m, organization o, generate_series(1, %d) i;
`, n) + sql
}

// seriesWorld has two nodes with five days of samples each. The first three days
// are rolled up, in the fourth are late samples, the fifth is newer.
const seriesWorld = `
SELECT ensure_sample_partition(month) FROM generate_series('2026-01-01T00:00:00Z'::timestamptz, '2026-03-01T00:00:00Z', '1 month') month;
UPDATE sample_rollup_state SET rolled_until = '2026-02-02T07:00:00Z', late_before = '2026-02-02T07:00:00Z';
INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent)
SELECT no, t, 400 + (extract(epoch FROM t)::bigint / 60 * 7919) % 1000, CASE WHEN extract(minute FROM t)::int % 3 > 0 THEN -5 + no END, 50
  FROM node, generate_series('2026-01-29T10:07:00Z'::timestamptz, '2026-02-03T10:00:00Z', '7 minutes') t;
INSERT INTO sample_hour
SELECT h.* FROM node, generate_series('2026-01-29T10:00:00Z'::timestamptz, '2026-02-02T06:00:00Z', '1 hour') t,
       LATERAL sample_hours_raw(no, t, t + interval '1 hour') h
 WHERE t NOT IN ('2026-01-30T05:00:00Z', '2026-02-01T12:00:00Z');
INSERT INTO sample_day
SELECT date_trunc('day', hour, 'UTC'), node_no, sum(n), sum(co2_sum), min(co2_min), max(co2_max),
       sum(temperature_n), sum(temperature_sum), min(temperature_min), max(temperature_max),
       sum(rel_humidity_n), sum(rel_humidity_sum), min(rel_humidity_min), max(rel_humidity_max)
  FROM sample_hour GROUP BY 1, 2;
INSERT INTO sample_late SELECT no, hour FROM node, unnest('{2026-01-30T05:00:00Z,2026-02-01T12:00:00Z,2026-02-01T12:00:00Z}'::timestamptz[]) hour;
`

func newSeries(t *testing.T) (store *postgres.Telemetry, all map[int32][]measurement.Sample, pool *pgxpool.Pool) {
	t.Helper()
	pool = pgtest.New(t)
	if _, err := pool.Exec(t.Context(), withNodes(2, seriesWorld)); err != nil {
		t.Fatal(err)
	}
	store = postgres.NewTelemetry(pgtest.As(t, schema.Managair, pool))
	all = map[int32][]measurement.Sample{}
	for no := range int32(2) {
		span := telemetry.Span{NodeNo: no + 1, From: time.Unix(0, 0), To: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
		err := store.Samples(t.Context(), span, func(s measurement.Sample) error {
			all[no+1] = append(all[no+1], s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(all[no+1]) < 1000 {
			t.Fatalf("%d samples", len(all[no+1]))
		}
	}
	return store, all, pool
}

// spans are some with edges that matter, and random ones.
func spans() []telemetry.Span {
	at := func(s string) time.Time {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			panic(err)
		}
		return t
	}
	list := []telemetry.Span{
		{NodeNo: 1, From: time.Unix(0, 0).UTC(), To: at("2026-03-01T00:00:00Z")},
		{NodeNo: 1, From: time.Unix(0, 0).UTC(), To: at("2026-02-02T07:00:00Z")},
		{NodeNo: 1, From: time.Unix(0, 0).UTC(), To: at("2026-02-02T06:59:59Z")},
		{NodeNo: 2, From: at("2026-01-29T10:07:00Z"), To: at("2026-02-03T09:00:00Z")},
		{NodeNo: 2, From: at("2026-01-29T10:07:01Z"), To: at("2026-02-03T09:00:00Z")},
		{NodeNo: 1, From: at("2026-01-30T05:10:00Z"), To: at("2026-01-30T05:20:00Z")},
		{NodeNo: 1, From: at("2026-02-01T00:00:00Z"), To: at("2026-01-01T00:00:00Z")},
		{NodeNo: 77, From: time.Unix(0, 0).UTC(), To: at("2026-03-01T00:00:00Z")},
	}
	random := rand.New(rand.NewPCG(1, 2))
	start := at("2026-01-29T00:00:00Z").Unix()
	for range 60 {
		from := start + random.Int64N(6*86400)
		to := from + random.Int64N(4*86400)
		list = append(list, telemetry.Span{NodeNo: 1 + random.Int32N(2), From: time.Unix(from, 0).UTC(), To: time.Unix(to, 0).UTC()})
	}
	return list
}

func within(all []measurement.Sample, s telemetry.Span) []measurement.Sample {
	var some []measurement.Sample
	for _, m := range all {
		if !m.Time.Before(s.From) && !m.Time.After(s.To) {
			some = append(some, m)
		}
	}
	return some
}

func TestSummariesAreThoseOfTheSamples(t *testing.T) {
	t.Parallel()
	store, all, _ := newSeries(t)
	list := spans()
	got, err := store.Summaries(t.Context(), list, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, span := range list {
		some := within(all[span.NodeNo], span)
		want := telemetry.Summary{Count: int64(len(some))}
		if len(some) > 0 {
			want.First, want.Latest = &some[0].Time, &some[len(some)-1]
		}
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("%v (-want +got):\n%s", span, diff)
		}
	}
}

func TestBucketsAreThoseOfTheSamples(t *testing.T) {
	t.Parallel()
	store, all, _ := newSeries(t)
	for _, span := range spans() {
		for _, r := range []telemetry.Resolution{telemetry.TenMinutes, telemetry.Hour, telemetry.Day} {
			var got []telemetry.Bucket
			err := telemetry.Buckets(t.Context(), store, span, r, func(b telemetry.Bucket) error {
				got = append(got, b)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := bucketsOf(within(all[span.NodeNo], span), time.Duration(r))
			if r == telemetry.Day {
				weigh(want, bucketsOf(within(all[span.NodeNo], span), time.Hour))
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("%v at %v (-want +got):\n%s", span, time.Duration(r), diff)
			}
		}
	}
}

// bucketsOf is the plain way to the same.
func bucketsOf(samples []measurement.Sample, d time.Duration) []telemetry.Bucket {
	var buckets []telemetry.Bucket
	count := func(a *telemetry.Aggregate, v int) {
		if a.N == 0 {
			a.Min, a.Max = v, v
		}
		a.N++
		a.Sum += v
		a.Min, a.Max = min(a.Min, v), max(a.Max, v)
	}
	for _, s := range samples {
		start := s.Time.Truncate(d)
		if len(buckets) == 0 || !buckets[len(buckets)-1].Start.Equal(start) {
			buckets = append(buckets, telemetry.Bucket{Start: start})
		}
		b := &buckets[len(buckets)-1]
		count(&b.CO2, s.CO2PPM)
		if s.TemperatureDecicelsius.Known {
			count(&b.Temperature, s.TemperatureDecicelsius.Value)
		}
		if s.RelHumidityPercent.Known {
			count(&b.RelHumidity, s.RelHumidityPercent.Value)
		}
	}
	return buckets
}

// weigh says of days how long their hours are known, and what they make up.
func weigh(days, hours []telemetry.Bucket) {
	add := func(to *telemetry.Aggregate, of telemetry.Aggregate) {
		if of.N > 0 {
			to.KnownS += 3600
			to.Weighted += 3600 * float64(of.Sum) / float64(of.N)
		}
	}
	for _, hour := range hours {
		at := slices.IndexFunc(days, func(day telemetry.Bucket) bool { return day.Start.Equal(hour.Start.Truncate(24 * time.Hour)) })
		add(&days[at].CO2, hour.CO2)
		add(&days[at].Temperature, hour.Temperature)
		add(&days[at].RelHumidity, hour.RelHumidity)
	}
}

func TestTotalsFollowTheDays(t *testing.T) {
	t.Parallel()
	_, _, pool := newSeries(t)
	check := func(step string) {
		t.Helper()
		var wrong int
		err := pool.QueryRow(t.Context(), `
			SELECT count(*) FROM (SELECT node_no, sum(n) AS n FROM sample_day GROUP BY node_no) d
			  FULL JOIN sample_total t USING (node_no) WHERE coalesce(d.n, 0) <> coalesce(t.n, 0)`).Scan(&wrong)
		if err != nil || wrong != 0 {
			t.Errorf("after %s: %d totals are wrong, %v", step, wrong, err)
		}
	}
	check("inserting")
	for _, step := range []string{
		"UPDATE sample_day SET n = n + 3 WHERE day >= '2026-01-31T00:00:00Z'",
		"DELETE FROM sample_day WHERE node_no = 1",
		"DELETE FROM sample_day",
	} {
		if _, err := pool.Exec(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		check(step)
	}
}
