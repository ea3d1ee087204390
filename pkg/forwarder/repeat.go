package forwarder

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

const (
	// repeatWindow is how long after a frame the same one is taken for a repetition.
	// Later, a frame counter may have begun again.
	repeatWindow = time.Hour
	// repeatsKept bounds the memory: what is older than so many frames is forgotten.
	repeatsKept = 50_000
)

// repeats remembers frames. A gateway that was cut off, and some network servers,
// deliver a frame once more, seconds or minutes later. Its samples are those of the
// first time, for the sensor has measured once. The zero value is ready.
type repeats struct {
	mu      sync.Mutex
	seed    maphash.Seed
	current map[frame]int64
	before  map[frame]int64
}

// frame is what a device has sent once: in one session, a frame counter stands for one
// message. Session, port and payload are in the hash.
type frame struct {
	eui  lorawan.EUI64
	fCnt uint32
	hash uint64
}

// first returns when the frame of an uplink was first received.
func (r *repeats) first(u *lorawan.Uplink) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil {
		r.seed, r.current = maphash.MakeSeed(), map[frame]int64{}
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	_, _ = h.WriteString(u.Session)
	_ = h.WriteByte(u.FPort)
	_, _ = h.Write(u.Payload)
	f := frame{u.DevEUI, u.FCnt, h.Sum64()}
	at, known := r.current[f]
	if !known {
		at, known = r.before[f]
	}
	first := time.Unix(0, at).UTC()
	if known && u.ReceivedAt.After(first) && u.ReceivedAt.Sub(first) < repeatWindow {
		return first
	}
	if len(r.current) >= repeatsKept {
		r.before, r.current = r.current, make(map[frame]int64, repeatsKept)
	}
	r.current[f] = u.ReceivedAt.UnixNano()
	return u.ReceivedAt
}
