package ingest

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/quantity"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// RejectedStore gives back the samples that were rejected.
type RejectedStore interface {
	// ListRejected returns a page of samples in ascending order of id.
	ListRejected(ctx context.Context, q RejectedQuery) ([]KeptSample, error)
	// ForgetRejected deletes samples.
	ForgetRejected(ctx context.Context, ids []int64) error
	// ListRejectedReadings and ForgetRejectedReadings are the same for readings. A page has so
	// many rows, with all their readings, one behind the other.
	ListRejectedReadings(ctx context.Context, q RejectedQuery) ([]KeptReading, error)
	ForgetRejectedReadings(ctx context.Context, ids []int64) error
}

// RejectedQuery chooses rejected samples.
type RejectedQuery struct {
	AfterID int64
	Limit   int
	Until   time.Time     // none later
	Reason  string        // empty: any
	DevEUI  lorawan.EUI64 // 0: any
	// ByArrival has times that cannot be counted back from when the samples were rejected:
	// the last one of a node that came at once was measured then.
	ByArrival bool
}

// KeptSample is a rejected sample in the store, as it came but for its time (see ByArrival).
type KeptSample struct {
	ID     int64
	NodeID uuid.UUID
	Sample measurement.Sample
	DevEUI lorawan.EUI64
	Reason string
}

// KeptReading is a rejected reading in the store, as KeptSample is a sample.
type KeptReading struct {
	ID      int64
	NodeID  uuid.UUID
	Reading quantity.Reading
	DevEUI  lorawan.EUI64
	Reason  string
}

const (
	rejudgePage  = 1000
	rejudgeEvery = 10 * time.Second
)

// Outcomes counts samples by what became of them.
type Outcomes [keeping.NumOutcomes]int

// Rejudge judges rejected samples and readings again, by today's rules and clock, and stores
// those that break none. What is rejected again stays as it is.
func (in *Ingester) Rejudge(ctx context.Context, store RejectedStore, q RejectedQuery) (total Outcomes, err error) {
	total, err = in.rejudgeSamples(ctx, store, q)
	if err != nil {
		return total, err
	}
	readings, err := in.rejudgeReadings(ctx, store, q)
	for outcome, n := range readings {
		total[outcome] += n
	}
	return total, err
}

func (in *Ingester) rejudgeSamples(ctx context.Context, store RejectedStore, q RejectedQuery) (total Outcomes, err error) {
	for q.Limit = rejudgePage; ; {
		kept, err := store.ListRejected(ctx, q)
		if err != nil || len(kept) == 0 {
			return total, err
		}
		q.AfterID = kept[len(kept)-1].ID
		read := len(kept)
		now := in.now()
		kept = slices.DeleteFunc(kept, func(k KeptSample) bool { return faultOf(k.Sample, now) != nil })
		total[keeping.Rejected] += read - len(kept) // they stay as they are
		outcomes, done, err := in.storeKept(ctx, kept)
		if err != nil {
			return total, err
		}
		for outcome, n := range outcomes {
			total[outcome] += n
		}
		if err := store.ForgetRejected(ctx, done); err != nil {
			return total, err
		}
	}
}

// storeKept stores samples, and returns the ids of those that need not be kept aside.
func (in *Ingester) storeKept(ctx context.Context, kept []KeptSample) (total Outcomes, done []int64, err error) {
	b := &Batch{Uplinks: make([]Uplink, len(kept)), Samples: make([]measurement.Sample, len(kept))}
	for i, k := range kept {
		b.Uplinks[i] = Uplink{
			Uplink: keeping.Uplink{NodeID: k.NodeID, Meta: keeping.Metadata{DevEUI: k.DevEUI, ReceivedAt: k.Sample.Time}}, End: i + 1,
		}
		b.Samples[i] = k.Sample
	}
	result, err := in.Store(ctx, b)
	if err != nil {
		return total, nil, err
	}
	for i, outcome := range result.Outcomes {
		total[outcome]++
		// A conflict that was kept as one stays; any other sample that is one now was kept
		// aside as such by the store.
		stays := outcome == keeping.Rejected || outcome == keeping.Conflict && kept[i].Reason == reason.Conflict.Code()
		if !stays {
			done = append(done, kept[i].ID)
		}
	}
	// Rejected for another reason, by the database, it was kept aside once more.
	for _, r := range result.Rejections {
		if r.Fault.Code() != kept[r.Sample].Reason {
			done = append(done, kept[r.Sample].ID)
		}
	}
	return total, done, nil
}

// rejudgeReadings is rejudgeSamples for readings. Their times stay as they are.
func (in *Ingester) rejudgeReadings(ctx context.Context, store RejectedStore, q RejectedQuery) (total Outcomes, err error) {
	for q.Limit = rejudgePage; ; {
		kept, err := store.ListRejectedReadings(ctx, q)
		if err != nil || len(kept) == 0 {
			return total, err
		}
		q.AfterID = kept[len(kept)-1].ID
		for len(kept) > 0 {
			n := wholeRows(kept)
			outcomes, done, err := in.storeKeptReadings(ctx, kept[:n])
			if err != nil {
				return total, err
			}
			for outcome, n := range outcomes {
				total[outcome] += n
			}
			if err := store.ForgetRejectedReadings(ctx, done); err != nil {
				return total, err
			}
			kept = kept[n:]
		}
	}
}

// wholeRows is how many readings of whole rows are judged at once: a row has one, but those of
// an archived month have all of a second.
func wholeRows(kept []KeptReading) (n int) {
	for n < len(kept) && (n < rejudgePage || kept[n].ID == kept[n-1].ID) {
		n++
	}
	return n
}

// storeKeptReadings is storeKept for readings; a row that has some that stay, stays.
func (in *Ingester) storeKeptReadings(ctx context.Context, kept []KeptReading) (total Outcomes, done []int64, err error) {
	now, b, from := in.now(), new(Batch), []int{}
	stays := map[int64]bool{} // rows
	for i, k := range kept {
		if _, seen := stays[k.ID]; !seen {
			stays[k.ID] = false
			b.Uplinks = append(b.Uplinks, Uplink{
				Uplink:      keeping.Uplink{NodeID: k.NodeID, Meta: keeping.Metadata{DevEUI: k.DevEUI, ReceivedAt: k.Reading.Time}},
				ReadingsEnd: len(b.Readings),
			})
		}
		if k.Reading.Check(now) != nil {
			stays[k.ID] = true
			total[keeping.Rejected]++
			continue
		}
		b.Readings, from = append(b.Readings, k.Reading), append(from, i)
		b.Uplinks[len(b.Uplinks)-1].ReadingsEnd = len(b.Readings)
	}
	if len(b.Readings) == 0 {
		return total, nil, nil
	}
	// Nothing is heard of a node whose readings all stay.
	first := 0
	b.Uplinks = slices.DeleteFunc(b.Uplinks, func(u Uplink) bool {
		none := u.ReadingsEnd == first
		first = u.ReadingsEnd
		return none
	})
	result, err := in.Store(ctx, b)
	if err != nil {
		return total, nil, err
	}
	rejected := result.ReadingRejections
	for i, outcome := range result.ReadingOutcomes {
		k := kept[from[i]]
		total[outcome]++
		switch outcome {
		case keeping.Rejected:
			// For another reason, by the database, it was kept aside once more.
			stays[k.ID] = stays[k.ID] || rejected[0].Fault.Code() == k.Reason
			rejected = rejected[1:]
		case keeping.Conflict:
			// As with samples: one that was kept as such stays, any other was kept aside now.
			stays[k.ID] = stays[k.ID] || k.Reason == reason.Conflict.Code()
		}
	}
	for id, stay := range stays {
		if !stay {
			done = append(done, id)
		}
	}
	return total, done, nil
}

// RunRejudge judges samples from the future again when their time has come, until ctx ends:
// our clock was behind, or the sender's ahead.
func (in *Ingester) RunRejudge(ctx context.Context, store RejectedStore, log *slog.Logger) {
	repeat(ctx, log.With("task", "samples from the future"), rejudgeEvery, func(ctx context.Context) (bool, error) {
		q := RejectedQuery{Reason: reason.InFuture.Code(), Until: in.now().Add(measurement.MaxAhead)}
		total, err := in.Rejudge(ctx, store, q)
		if n := total[keeping.Stored]; n > 0 {
			log.InfoContext(ctx, "samples from the future stored: their time has come; was the clock of this host behind?", "count", n)
		}
		return false, err
	})
}
