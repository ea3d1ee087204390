package moving

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/pgdb"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/pkg/samplestore"
	"github.com/clairberlin/clair-stack/services/managair/internal/fixture"
)

// Loader writes the predecessor's data. Samples go to package samplestore, which the
// pool is to be configured for. Rows that are there already are
// overwritten, samples are not. Loading the same twice changes nothing.
type Loader struct {
	Pool *pgxpool.Pool
	// Repair makes the repairs that are a choice, instead of leaving their rows out.
	Repair bool
	// Progress, if set, is told now and then how many samples were done.
	Progress func(step string, samples int64)
	// Now judges which samples are from the future.
	Now func() time.Time
}

// Load writes what objects has. The inventory is one transaction; samples follow
// in many, so that ingestion goes on meanwhile. An error in reading objects
// comes before anything is written. The report is valid also with an error.
func (l *Loader) Load(ctx context.Context, objects iter.Seq2[*fixture.Object, error]) (*fixture.Report, error) {
	report := &fixture.Report{}
	conn, err := l.Pool.Acquire(ctx)
	if err != nil {
		return report, pgdb.Translate(err)
	}
	defer conn.Release()
	stage, err := newStage(ctx, conn.Conn())
	if err != nil {
		return report, err
	}
	defer stage.drop(ctx)

	now := l.Now() // one judgement of what is in the future
	inventory := &fixture.Inventory{}
	if err := l.read(ctx, now, objects, inventory, stage, report); err != nil {
		return report, err
	}
	if err := l.LoadInventory(ctx, inventory, report); err != nil {
		return report, err
	}
	return report, l.storeStaged(ctx, now, stage, report)
}

// read puts the samples among objects aside, and everything else into the inventory.
// Writing and reading take turns in being ahead by a batch.
func (l *Loader) read(ctx context.Context, now time.Time, objects iter.Seq2[*fixture.Object, error], inventory *fixture.Inventory, stage *stage, report *fixture.Report) error {
	g, ctx := errgroup.WithContext(ctx)
	full, free := make(chan []loadedSample), make(chan []loadedSample, 2)
	free <- make([]loadedSample, 0, batchRows)
	free <- make([]loadedSample, 0, batchRows)
	g.Go(func() error {
		for batch := range full {
			if err := stage.put(ctx, batch); err != nil {
				return err
			}
			free <- batch[:0]
		}
		return nil
	})
	g.Go(func() error {
		defer close(full)
		hand := func(batch []loadedSample) ([]loadedSample, error) {
			select {
			case full <- batch:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			select {
			case next := <-free:
				return next, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		batch := <-free
		for o, err := range objects {
			if err != nil {
				return err
			}
			if o.Model != fixture.ModelSample {
				takeRow(o, inventory, report)
				continue
			}
			sample, ok := l.takeSample(o, now, report)
			if !ok {
				continue
			}
			if batch = append(batch, sample); len(batch) == batchRows {
				if batch, err = hand(batch); err != nil {
					return err
				}
			}
		}
		_, err := hand(batch)
		return err
	})
	return g.Wait()
}

func takeRow(o *fixture.Object, inventory *fixture.Inventory, report *fixture.Report) {
	if fixture.WhySkipped(o.Model) != "" {
		report.Skip(o.Model)
		return
	}
	report.ReadOne(o.Model)
	if err := inventory.Add(o); err != nil {
		report.Problem(unreadable(o.Model, string(o.PK), err))
	}
}

func (l *Loader) takeSample(o *fixture.Object, now time.Time, report *fixture.Report) (loadedSample, bool) {
	report.Samples.Read++
	if report.Samples.Read%progressStep == 0 {
		l.progress("read", report.Samples.Read)
	}
	sample, err := o.Sample(now)
	if err != nil {
		report.Samples.LeftOut++
		report.Problem(unreadable(o.Model, string(o.PK), err))
		return loadedSample{}, false
	}
	return newLoadedSample(&sample), true
}

// progressStep is how many samples are worth a word to the operator.
const progressStep = 100_000

func unreadable(model, pk string, err error) fixture.Problem {
	return fixture.Problem{Model: model, PK: pk, Code: reason.Invalid.Code(), What: err.Error(), Repair: "correct it and load again", Outcome: fixture.LeftOut}
}

func (l *Loader) progress(step string, samples int64) {
	if l.Progress != nil {
		l.Progress(step, samples)
	}
}

// storeStaged moves the staged samples to where they belong, several batches at the
// same time.
func (l *Loader) storeStaged(ctx context.Context, now time.Time, stage *stage, report *fixture.Report) error {
	var mu sync.Mutex // of the report
	store := samplestore.New(l.Pool)
	err := l.concurrently(ctx, defaultJobs, func(ctx context.Context) error {
		samples := &handover{store: store, now: now}
		var batch []loadedSample
		for {
			var more bool
			var err error
			if batch, more, err = stage.take(ctx, batch[:0]); err != nil || !more {
				return err
			}
			if err := store.Learn(ctx); err != nil {
				return err
			}
			n, err := samples.batch(ctx, batch)
			if err != nil {
				return err
			}
			mu.Lock()
			before := report.Samples.Done()
			report.Samples.Add(n)
			if done := report.Samples.Done(); done/progressStep != before/progressStep {
				l.progress("stored", done)
			}
			mu.Unlock()
		}
	})
	if err != nil {
		return err
	}
	return store.WriteStatus(ctx)
}

// defaultJobs is how many batches are stored at the same time.
const defaultJobs = 4

// concurrently calls do several times at the same time, each with a connection of the
// pool for it beside those that the caller has.
func (l *Loader) concurrently(ctx context.Context, jobs int, do func(ctx context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for range max(1, min(jobs, int(l.Pool.Config().MaxConns)-2)) {
		g.Go(func() error { return do(ctx) })
	}
	return g.Wait()
}
