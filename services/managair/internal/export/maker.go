package export

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/dataset"
	"github.com/clairberlin/clair-stack/services/managair/internal/telemetry"
)

// Maker makes what is due.
type Maker struct {
	Queue  Queue
	Shelf  Shelf
	Finder dataset.Finder
	Config MakingConfig
	Log    *slog.Logger
	Now    func() time.Time
}

const (
	// poll is how often it is looked for what is due.
	poll = time.Second
	// beat is how often it is noted how far an export is, and leaseTime how long nobody else takes it.
	beat      = 2 * time.Second
	leaseTime = 30 * time.Second
	// maxAttempts is how often an export is begun: one that ends its worker each time does so no more.
	maxAttempts = 8
)

// errTaken ends the making of what is another one's by now, or was deleted.
var errTaken = errors.New("the export is made elsewhere, or was deleted")

// Run makes exports until ctx ends.
func (m *Maker) Run(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	for range m.Config.Concurrency {
		workers.Go(func() { m.work(ctx) })
	}
}

func (m *Maker) work(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		found, err := m.Next(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			m.Log.ErrorContext(ctx, "exports cannot be read; they wait", "err", err)
		}
		if failing = err != nil; found {
			continue
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
		}
	}
}

// Next makes an export that is due, and reports whether there was one.
func (m *Maker) Next(ctx context.Context) (found bool, err error) {
	now := m.Now()
	e, ok, err := m.Queue.Take(ctx, mrand.Int64(), now, now.Add(leaseTime)) //nolint:gosec // told apart from others, and no secret
	if err != nil || !ok {
		return false, err
	}
	began := m.Now()
	end, err := m.make(ctx, &e)
	// What is to be noted is noted, even if we are to stop.
	noting := context.WithoutCancel(ctx)
	switch {
	case errors.Is(err, errTaken):
		m.Log.InfoContext(noting, "an export was deleted, or is made elsewhere", "export", e.ID, "attempt", e.Attempt)
		return true, nil
	case err != nil && ctx.Err() != nil:
		return true, m.Queue.PutOff(noting, &e, m.Now())
	case err != nil && e.Attempt < maxAttempts && !fault.Is(err, fault.Invalid):
		m.Log.WarnContext(noting, "an export is begun anew later", "export", e.ID, "attempt", e.Attempt, "err", err)
		return true, m.Queue.PutOff(noting, &e, m.Now().Add(time.Duration(e.Attempt)*30*time.Second))
	case err != nil:
		m.Log.ErrorContext(noting, "an export cannot be made", "export", e.ID, "err", err)
		end.State, end.Why = Failed, WhyError
	}
	end.At = m.Now()
	end.ExpiresAt = end.At.Add(m.Config.Retention)
	if end.State == Done && e.Wanted.Mail {
		end.Key = rand.Text()
	}
	if _, err := m.Queue.Finish(noting, &e, end); err != nil {
		return true, err
	}
	m.Log.InfoContext(noting, "export ended", "export", e.ID, "state", end.State, "why", end.Why, "count", end.Samples, "bytes", end.Size, "duration", end.At.Sub(began))
	return true, nil
}

// Digest is what is kept of the key in a link.
func Digest(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// make makes the file. What cannot be made is no error, but an end.
func (m *Maker) make(ctx context.Context, e *Export) (End, error) {
	if e.Attempt > maxAttempts {
		return End{State: Failed, Why: WhyError}, nil
	}
	format, known := dataset.FormatOf(e.Wanted.Format)
	if !known {
		return End{}, fault.New(fault.Unavailable, "this worker knows no files of kind %s", e.Wanted.Format)
	}
	caller := e.Wanted.Caller(access.Caller{UserID: e.UserID})
	layout := e.Wanted.Layout()
	parts, err := m.Finder.Find(ctx, caller, e.Wanted.Selection(m.Now()), layout.Language, MaxParts)
	if _, many := errors.AsType[*dataset.TooManyError](err); many {
		return End{State: Failed, Why: WhyTooLarge}, nil
	}
	if err != nil {
		return End{}, err
	}
	rows, samples := dataset.Total(parts, layout.Resolution)
	if layout.People && format.MaxRows > 0 && rows >= format.MaxRows {
		return End{State: Failed, Why: WhyTooLarge}, nil
	}
	var organizations []int64
	for i := range parts {
		if !e.Wanted.Public && !slices.Contains(organizations, parts[i].Organization) {
			organizations = append(organizations, parts[i].Organization)
		}
	}
	if err := m.Queue.Begin(ctx, e, samples, organizations); err != nil {
		return End{}, err
	}
	account, all, err := m.Queue.Used(ctx, e)
	if err != nil {
		return End{}, err
	}
	return m.write(ctx, e, format, layout, parts, &writing{
		shelf: m.Shelf, id: e.ID, attempt: e.Attempt, account: account, all: all,
		mostOfAccount: m.Config.AccountMB * 1e6, mostOfAll: m.Config.TotalMB * 1e6,
	})
}

func (m *Maker) write(ctx context.Context, e *Export, format dataset.Format, layout dataset.Layout, parts []dataset.Part, out *writing) (End, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done, size atomic.Int64
	var beating sync.WaitGroup
	beating.Go(func() { m.beat(ctx, e, &done, &size, cancel) })
	out.ctx, out.put = ctx, size.Store
	writer := &counting{format.Open(out, layout), &done}
	err := func() error {
		for i := range parts {
			if err := dataset.Write(ctx, m.Finder.Telemetry, layout, parts[i], writer); err != nil {
				return err
			}
		}
		if err := writer.Close(); err != nil {
			return err
		}
		return out.flush()
	}()
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	beating.Wait()
	end := End{State: Done, Samples: done.Load(), Size: out.size}
	switch {
	case errors.Is(err, errAccountFull):
		end.State, end.Why, err = Failed, WhyAccountFull, nil
	case errors.Is(err, errFull):
		end.State, end.Why, err = Failed, WhyFull, nil
	}
	return end, err
}

// beat notes how far an export is, and ends its making where it is somebody else's by now.
func (m *Maker) beat(ctx context.Context, e *Export, done, size *atomic.Int64, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	last := m.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := m.Now()
		held, err := m.Queue.Progress(ctx, e, done.Load(), size.Load(), now.Add(leaseTime))
		switch {
		case err == nil && held:
			last = now
		case err == nil, now.Sub(last) > leaseTime:
			cancel(errTaken) // or it will be, and two would write at once
			return
		}
	}
}

// counting counts the samples that are written.
type counting struct {
	dataset.Writer
	done *atomic.Int64
}

func (c *counting) Sample(s measurement.Sample) error {
	c.done.Add(1)
	return c.Writer.Sample(s)
}

func (c *counting) Bucket(b telemetry.Bucket) error {
	c.done.Add(int64(b.CO2.N))
	return c.Writer.Bucket(b)
}
