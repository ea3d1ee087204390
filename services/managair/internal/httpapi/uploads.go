package httpapi

import (
	"context"
	"net/http"
	"sync"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/turn"
)

// Bounds of uploads, which lie in memory: how many are in hand at once, and how many
// requests there may be of one caller and of all, those included that wait.
const (
	uploadsInHand   = 3
	uploadsOfCaller = 4
	uploadsOfAll    = 12
)

// uploads lets a few at a time upload, of each caller one. Who waits has not sent
// anything yet; when too many wait, it refuses.
type uploads struct {
	inHand *turn.Gate

	mu      sync.Mutex
	all     int
	callers map[int64]int
}

func newUploads() *uploads {
	return &uploads{inHand: turn.New(uploadsInHand, gateTime, 0), callers: map[int64]int{}}
}

// errUploadsFull is no news for the log: whoever likes can cause it.
func errUploadsFull() error {
	return jsonapi.Errors{{Status: http.StatusServiceUnavailable, Reason: reason.UploadsFull}}
}

// enter waits for one's turn, until leave is called.
func (u *uploads) enter(ctx context.Context, caller int64) (leave func(), err error) {
	if !u.register(caller) {
		return nil, errUploadsFull()
	}
	done, err := u.inHand.Enter(ctx, formatInt64(caller), turn.Ordinary)
	if err != nil {
		u.unregister(caller)
		return nil, errUploadsFull()
	}
	return func() {
		done()
		u.unregister(caller)
	}, nil
}

func (u *uploads) register(caller int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all >= uploadsOfAll || u.callers[caller] >= uploadsOfCaller {
		return false
	}
	u.all++
	u.callers[caller]++
	return true
}

func (u *uploads) unregister(caller int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.callers[caller]--; u.callers[caller] == 0 {
		delete(u.callers, caller)
	}
}
