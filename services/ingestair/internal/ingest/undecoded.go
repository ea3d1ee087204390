package ingest

import (
	"context"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// UndecodedStore gives back the uplinks that were kept undecoded.
type UndecodedStore interface {
	// ListUndecoded returns a page of uplinks in ascending order of id.
	ListUndecoded(ctx context.Context, q UndecodedQuery) ([]KeptUplink, error)
	// ForgetUndecoded deletes uplinks, and returns how many of them there were.
	ForgetUndecoded(ctx context.Context, ids []int64) (int, error)
}

// MaxNameless is how many undecoded uplinks are kept of one device that has no EUI. Those that
// nobody says of which device they are count as one.
const MaxNameless = 20

// UndecodedQuery chooses a page.
type UndecodedQuery struct {
	AfterID   int64
	Limit     int
	Forwarder string        // empty: any
	DevEUI    lorawan.EUI64 // 0: any
}

// KeptUplink is an undecoded uplink in the store.
type KeptUplink struct {
	ID     int64
	KeptAt time.Time
	UndecodedUplink
}
