package keeping

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// Refused is told what a store cannot take at all: a row or a reading, the other is nil.
type Refused func(u *Uplink, row *Row, reading *ReadingRow, err error)

// All keeps a flush. When the store cannot take some row or reading, the flush is halved until
// that one is alone; it is told to refused, and rejected alone.
func All(ctx context.Context, store Store, f *Flush, refused Refused) error {
	err := store.Keep(ctx, f)
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	n, m := len(f.Rows), len(f.Readings)
	switch {
	case n+m == 0:
		return fmt.Errorf("keep what was rejected: %w", err)
	case n > 0 && m > 0:
		first, second := f.part(f.Rows, nil), f.part(nil, f.Readings)
		first.Rejected, second.RejectedReadings = f.Rejected, f.RejectedReadings
		return errors.Join(All(ctx, store, first, refused), All(ctx, store, second, refused))
	case n+m == 1:
		return refuse(ctx, store, f, err, refused)
	default:
		first, second := f.part(f.Rows[:n/2], f.Readings[:m/2]), f.part(f.Rows[n/2:], f.Readings[m/2:])
		first.Rejected, first.RejectedReadings = f.Rejected, f.RejectedReadings
		return errors.Join(All(ctx, store, first, refused), All(ctx, store, second, refused))
	}
}

// part is the flush with only some of its rows and readings, and nothing that was rejected.
func (f *Flush) part(rows []Row, readings []ReadingRow) *Flush {
	return &Flush{At: f.At, Past: f.Past, Uplinks: f.Uplinks, Rows: rows, Readings: readings}
}

// refuse rejects the only row or reading of a flush.
func refuse(ctx context.Context, store Store, f *Flush, err error, refused Refused) error {
	why := &fault.Violation{Reason: reason.Refused, Detail: fault.Text(err)}
	rest := &Flush{At: f.At, Rejected: slices.Clip(f.Rejected), RejectedReadings: slices.Clip(f.RejectedReadings)}
	var outcome *Outcome
	if len(f.Rows) == 1 {
		r := &f.Rows[0]
		uplink := f.Uplinks[r.Uplink]
		refused(uplink, r, nil, err)
		r.Fault, outcome = why, &r.Outcome
		if !uplink.Registered {
			rest.Rejected = append(rest.Rejected, RejectedRow{NodeID: uplink.NodeID, Sample: r.Sample, DevEUI: uplink.Meta.DevEUI, Fault: why})
		}
	} else {
		r := &f.Readings[0]
		uplink := f.Uplinks[r.Uplink]
		refused(uplink, nil, r, err)
		r.Fault, outcome = why, &r.Outcome
		if !uplink.Registered {
			rest.RejectedReadings = append(rest.RejectedReadings, RejectedReading{NodeID: uplink.NodeID, Reading: r.Reading, DevEUI: uplink.Meta.DevEUI, Fault: why})
		}
	}
	if err := store.Keep(ctx, rest); err != nil {
		return fmt.Errorf("keep what was refused: %w", err)
	}
	*outcome = Rejected
	return nil
}
