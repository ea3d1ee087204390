package samplestore

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/benchsize"
	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/samplestore/nodetest"
)

// keepBare is Keep without the journal, for flushes of new samples.
func (s *Store) keepBare(ctx context.Context, f *keeping.Flush) error {
	w := s.writes.Get().(*write)
	defer s.writes.Put(w)
	w.flush = f
	if err := s.resolve(ctx, w); err != nil {
		return err
	}
	if err := s.ensurePartitions(ctx, w); err != nil {
		return err
	}
	w.split()
	w.returned = w.returned[:0]
	if err := s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		p := pipeline{conn: conn.Conn()}
		p.queue(ctx, addSamples, w.sampleParameters(), nil).done = w.allReturned
		p.queue(ctx, addLate, w.lateParameters(), nil)
		return p.run(ctx)
	}); err != nil {
		return err
	}
	return s.settleStored(ctx, w)
}

// journalAim is the rate with the journal, as a share of that without it.
const journalAim = 0.9

// judgeJournal says whether the aim is reached, as far as the middle half of the pairs tells:
// on a machine with other work to do it often does not.
func judgeJournal(lower, upper float64) string {
	switch {
	case lower >= journalAim:
		return fmt.Sprintf("the aim of %v is reached", journalAim)
	case upper < journalAim:
		return fmt.Sprintf("the aim of %v is missed", journalAim)
	default:
		return fmt.Sprintf("no verdict: the middle half of the pairs, %.2f to %.2f, lies on both sides of the aim of %v; measure on a machine that does nothing else", lower, upper, journalAim)
	}
}

// BenchmarkJournal is what the status of nodes costs a flush: the rate of flushes
// with the journal and without, in turns. A series lasts about as long as the
// ingestair waits between two times of emptying the journal, so each with the journal
// has one of these beside it.
func BenchmarkJournal(b *testing.B) {
	const perUplink = 3
	nodes, pairs, part := benchsize.Of(2000, 200), benchsize.Of(7, 1), benchsize.Of(1, 100)
	for _, size := range []struct {
		name                string
		perFlush, perSeries int
	}{{"60", 60, 4000 / part}, {"1000", 999, 500 / part}} {
		b.Run(size.name, func(b *testing.B) {
			s := newStore(b)
			for n := range nodes {
				nodetest.Register(b, s.pool, nodetest.ID(n), lorawan.EUI64(n))
			}
			now := time.Now().UTC().Truncate(time.Second)
			if err := s.EnsurePartitions(b.Context(), now); err != nil {
				b.Fatal(err)
			}
			next := 0
			flushes := func() chan *keeping.Flush {
				all := make(chan *keeping.Flush, size.perSeries)
				for range size.perSeries {
					f := &keeping.Flush{At: now}
					for i := range size.perFlush {
						if i%perUplink == 0 {
							f.Uplinks = append(f.Uplinks, &keeping.Uplink{NodeID: nodetest.ID(next % nodes), Meta: keeping.Metadata{
								ReceivedAt: now.Add(-time.Duration(next%1e6) * time.Microsecond), RSSIDBm: measurement.Known(-100),
								SNRDecibel: -3.5, SNRKnown: true, DataRateIndex: measurement.Known(3), FCnt: measurement.Known(next),
							}})
							next++
						}
						at := now.Add(time.Duration(next/nodes*perUplink+i%perUplink) * time.Second)
						f.Rows = append(f.Rows, keeping.Row{Sample: nodetest.Measured(at, 402), Uplink: int32(len(f.Uplinks) - 1)})
					}
					all <- f
				}
				close(all)
				return all
			}
			series := func(keep func(context.Context, *keeping.Flush) error) float64 {
				all := flushes()
				start := time.Now()
				var g errgroup.Group
				for range 2 {
					g.Go(func() error {
						for f := range all {
							if err := keep(b.Context(), f); err != nil {
								return err
							}
						}
						return nil
					})
				}
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
				return float64(size.perSeries) / time.Since(start).Seconds()
			}
			with := func() float64 {
				var g errgroup.Group
				g.Go(func() error { return s.WriteStatus(b.Context()) })
				rate := series(s.Keep)
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
				return rate
			}
			without := func() float64 { return series(s.keepBare) }
			with() // warm
			var withs, ratios []float64
			for range pairs {
				// Each first in turn, as the machine and the table change.
				w1, o1 := with(), without()
				o2, w2 := without(), with()
				withs = append(withs, w1, w2)
				ratios = append(ratios, w1/o1, w2/o2)
			}
			slices.Sort(withs)
			slices.Sort(ratios)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(withs[pairs], "with-flushes/s")
			b.ReportMetric(ratios[pairs/2], "ratio-lower-quartile")
			b.ReportMetric(ratios[pairs], "ratio")
			b.ReportMetric(ratios[pairs*3/2], "ratio-upper-quartile")
			b.Log(judgeJournal(ratios[pairs/2], ratios[pairs*3/2]))
		})
	}
}
