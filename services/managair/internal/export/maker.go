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
	// maxFailures is how many attempts may fail: one that ends its worker each time does so no more.
	maxFailures = 8
	// clearTime is how long it is tried to delete what came to nothing: a worker that is to stop is not given more.
	clearTime = 5 * time.Second
)

// errTaken ends the making of what is another one's by now, or was deleted.
var errTaken = errors.New("the export is made elsewhere, or was deleted")

// errLeft ends the making of what was found by a member who is none by now: it is found anew.
var errLeft = errors.New("the account has left an organization while its export was being found")

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
	out := &writing{
		shelf: m.Shelf, id: e.ID, attempt: e.Attempt, mostOfAccount: m.Config.AccountMB * 1e6, mostOfAll: m.Config.TotalMB * 1e6,
		used: func(ctx context.Context) (account, all int64, err error) { return m.Queue.Used(ctx, &e) },
	}
	end, err := m.make(ctx, &e, out)
	// What is to be noted is noted, even if we are to stop.
	noting := context.WithoutCancel(ctx)
	if err != nil || end.State != Done {
		m.clear(noting, out)
		end.Size = 0
	}
	switch {
	case errors.Is(err, errTaken):
		m.Log.InfoContext(noting, "an export was deleted, or is made elsewhere", "export", e.ID, "attempt", e.Attempt)
		return true, nil
	case err != nil && ctx.Err() != nil, errors.Is(err, errLeft):
		return true, m.Queue.PutOff(noting, &e, m.Now(), false)
	case err != nil && e.Failures+1 < maxFailures && !fault.Is(err, fault.Invalid):
		m.Log.WarnContext(noting, "an export is begun anew later", "export", e.ID, "attempt", e.Attempt, "err", err)
		return true, m.Queue.PutOff(noting, &e, m.Now().Add(time.Duration(e.Failures+1)*30*time.Second), true)
	case err != nil:
		m.Log.ErrorContext(noting, "an export cannot be made", "export", e.ID, "err", err)
		end.State, end.Why = Failed, WhyError
	}
	return true, m.finish(noting, &e, end, now, out)
}

// finish notes an end.
func (m *Maker) finish(ctx context.Context, e *Export, end End, began time.Time, out *writing) error {
	end.At = m.Now()
	end.ExpiresAt = end.At.Add(m.Config.Retention)
	if end.State == Done && e.Wanted.Mail {
		end.Key = rand.Text()
	}
	held, err := m.Queue.Finish(ctx, e, end)
	if err != nil {
		return err
	}
	if !held {
		m.clear(ctx, out)
	}
	m.Log.InfoContext(ctx, "export ended", "export", e.ID, "held", held, "state", end.State, "why", end.Why, "count", end.Samples, "bytes", end.Size,
		"duration", end.At.Sub(began))
	return nil
}

// clear deletes what an attempt wrote that came to nothing, so that its room is there for others. Where that fails, the
// sweep does it.
func (m *Maker) clear(ctx context.Context, out *writing) {
	ctx, cancel := context.WithTimeout(ctx, clearTime)
	defer cancel()
	if err := out.clear(ctx); err != nil {
		m.Log.WarnContext(ctx, "parts of an export are left to the sweep", "export", out.id, "attempt", out.attempt, "err", err)
	}
}

// Digest is what is kept of the key in a link.
func Digest(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// make makes the file. What cannot be made is no error, but an end.
func (m *Maker) make(ctx context.Context, e *Export, out *writing) (end End, err error) {
	if e.Failures >= maxFailures {
		return End{State: Failed, Why: WhyError}, nil
	}
	format, known := dataset.FormatOf(e.Wanted.Format)
	if !known {
		return End{}, fault.New(fault.Unavailable, "this worker knows no files of kind %s", e.Wanted.Format)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done, size atomic.Int64
	var beating sync.WaitGroup
	// Finding may take longer than the export is ours, too.
	beating.Go(func() { m.beat(ctx, e, &done, &size, cancel) })
	out.ctx, out.put = ctx, size.Store
	parts, end, err := m.find(ctx, e, format)
	if err == nil && end.State == "" {
		end, err = m.write(ctx, e, format, parts, out, &done)
	}
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	beating.Wait()
	return end, err
}

// find finds what an export is made of, and has it noted. An end that has a state is one.
func (m *Maker) find(ctx context.Context, e *Export, format dataset.Format) ([]dataset.Part, End, error) {
	caller := e.Wanted.Caller(access.Caller{UserID: e.UserID})
	layout := e.Wanted.Layout()
	parts, err := m.Finder.Find(ctx, caller, e.Wanted.Selection(m.Now()), layout.Language, MaxParts)
	if _, many := errors.AsType[*dataset.TooManyError](err); many {
		return nil, End{State: Failed, Why: WhyTooLarge}, nil
	}
	if err != nil {
		return nil, End{}, err
	}
	rows, samples := dataset.Total(parts, layout.Resolution)
	if layout.People && format.MaxRows > 0 && rows >= format.MaxRows {
		return nil, End{State: Failed, Why: WhyTooLarge}, nil
	}
	var organizations []int64
	for i := range parts {
		if parts[i].Member && !slices.Contains(organizations, parts[i].Organization) {
			organizations = append(organizations, parts[i].Organization)
		}
	}
	held, member, err := m.Queue.Begin(ctx, e, samples, organizations)
	switch {
	case err != nil:
	case !held:
		err = errTaken
	case !member:
		err = errLeft
	}
	return parts, End{}, err
}

func (m *Maker) write(ctx context.Context, e *Export, format dataset.Format, parts []dataset.Part, out *writing, done *atomic.Int64) (End, error) {
	layout := e.Wanted.Layout()
	writer := &counting{format.Open(out, layout), done}
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
