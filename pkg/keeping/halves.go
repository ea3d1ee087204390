package keeping

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/reason"
)

// All keeps a flush. When the store cannot take some row, the flush is halved until
// that row is alone; it is told to refused, and rejected alone.
func All(ctx context.Context, store Store, f *Flush, refused func(u *Uplink, r *Row, err error)) error {
	err := store.Keep(ctx, f)
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	switch n := len(f.Rows); n {
	case 0:
		return fmt.Errorf("keep rejected samples: %w", err)
	case 1:
		return refuse(ctx, store, f, err, refused)
	default:
		return errors.Join(
			All(ctx, store, &Flush{At: f.At, Past: f.Past, Uplinks: f.Uplinks, Rows: f.Rows[:n/2], Rejected: f.Rejected}, refused),
			All(ctx, store, &Flush{At: f.At, Past: f.Past, Uplinks: f.Uplinks, Rows: f.Rows[n/2:]}, refused),
		)
	}
}

// refuse rejects the only row of a flush.
func refuse(ctx context.Context, store Store, f *Flush, err error, refused func(*Uplink, *Row, error)) error {
	r := &f.Rows[0]
	uplink := f.Uplinks[r.Uplink]
	refused(uplink, r, err)
	r.Fault = &fault.Violation{Reason: reason.Refused, Detail: fault.Text(err)}
	rejected := slices.Clip(f.Rejected)
	if !uplink.Registered {
		rejected = append(rejected, RejectedRow{NodeID: uplink.NodeID, Sample: r.Sample, DevEUI: uplink.Meta.DevEUI, Fault: r.Fault})
	}
	if err := store.Keep(ctx, &Flush{At: f.At, Rejected: rejected}); err != nil {
		return fmt.Errorf("keep a refused sample: %w", err)
	}
	r.Outcome = Rejected
	return nil
}
