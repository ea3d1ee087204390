package alert

import (
	"testing"

	"github.com/clairberlin/clair-stack/pkg/measurement"
)

// BenchmarkSamples judges samples of 10,000 rooms by 100,000 rules, ten to a room, and by none of
// them, which is the floor: what it takes to keep the samples of the last while. "cores" is what
// 10,000 samples a second take.
func BenchmarkSamples(b *testing.B) {
	const rooms = 10_000
	for _, bench := range []struct {
		name  string
		rules int
	}{{"floor", 0}, {"rules", 10}} {
		b.Run(bench.name, func(b *testing.B) {
			e := newEngine(func(_, at int64) bool { return at%7200 < 5400 })
			targets := make([]Target, 0, rooms*max(1, bench.rules))
			for room := range int32(rooms) {
				for rule := range max(1, bench.rules) {
					t := Target{RuleID: int64(rule + 1), Kind: Above, NodeNo: room, RoomID: int64(room), Condition: *stale(int64(rule))}
					t.Condition.Threshold, t.Condition.Clear = float64(800+100*rule), float64(700+100*rule)
					if t.Condition.OccupiedOnly = rule%2 == 1; bench.rules == 0 {
						t.Kind = Silent // it is watched, and no sample is judged
					}
					targets = append(targets, t)
				}
			}
			e.watchAll(targets)
			e.begin(nil, func(*watch) {})
			changes, at := 0, int64(start)
			differs := func(w *watch) {
				changes++
				w.episode ^= 1 // it is as if the store had it
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%rooms == 0 {
					at += 300
				}
				ppm := 500 + (i*7919+int(at)/300*131)%1500
				e.put(int32(i%rooms), measurement.Sample{Time: sample(at, ppm).Time, CO2PPM: ppm, Status: measurement.Measured}, differs)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)*10_000/1e9, "cores")
			b.ReportMetric(float64(changes)/float64(b.N), "changes/op")
		})
	}
}
