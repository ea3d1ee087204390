package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
)

// BenchmarkMonth is the space of a sample with its index over a month of 5-minute
// samples, as it comes: all nodes in turn.
func BenchmarkMonth(b *testing.B) {
	s := newStore(b)
	const days = 31
	nodes := benchsize.Of(500, 10)
	begin := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	if err := s.EnsurePartitions(b.Context(), begin); err != nil {
		b.Fatal(err)
	}
	const addDay = `
	INSERT INTO sample (node_no, time, co2_ppm, temperature_decicelsius, rel_humidity_percent)
	SELECT n, t, 400 + n, 200, 50
	  FROM generate_series($1::timestamptz, $1::timestamptz + interval '23 hours 55 minutes', interval '5 minutes') t, generate_series(1, $2) n
	 ORDER BY t, n`
	space := func(rows int) float64 {
		return float64(pgtest.Value[int64](b, s.pool, "SELECT pg_total_relation_size('sample_y2025m03')")) / float64(rows)
	}
	rows, analyzed, rebuilt := 0, 0, 0
	var all []float64
	var rebuilding time.Duration
	for day := range days {
		at := begin.AddDate(0, 0, day)
		pgtest.Exec(b, s.pool, addDay, at, nodes)
		rows += nodes * 288
		// As the server does by itself, each time a table has grown by a tenth.
		if rows*10 > analyzed*11 {
			pgtest.Exec(b, s.pool, "ANALYZE sample_y2025m03")
			analyzed = rows
		}
		all = append(all, space(rows))
		start := time.Now()
		if _, err := s.Compact(b.Context(), at.Add(nightHour*time.Hour)); err != nil {
			b.Fatal(err)
		}
		if space(rows) < all[day] {
			rebuilding += time.Since(start)
			rebuilt++
		}
	}
	mean := 0.0
	for _, v := range all {
		mean += v / days
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(mean, "mean-bytes/sample")
	b.ReportMetric(slices.Max(all[days/4:]), "max-bytes/sample")
	b.ReportMetric(all[days-1], "last-bytes/sample")
	b.ReportMetric(float64(rebuilt), "rebuilds")
	b.ReportMetric(float64(rebuilding.Microseconds())/float64(rows), "rebuilding-µs/sample")
	if _, err := s.Compact(b.Context(), begin.AddDate(0, 1, 10)); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(space(rows), "over-bytes/sample")
}
