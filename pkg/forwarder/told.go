package forwarder

import (
	"hash/maphash"
	"sync"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
)

// toldKept bounds the memory: of more devices it is said again what was said before.
const toldKept = 10_000

// told remembers what was said of devices, where each of their uplinks would say the same.
// The zero value is ready.
type told struct {
	mu   sync.Mutex
	seed maphash.Seed
	said map[lorawan.EUI64]uint64
}

// first reports whether something else, or nothing, was said of a device before.
func (t *told) first(eui lorawan.EUI64, what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said == nil {
		t.seed, t.said = maphash.MakeSeed(), map[lorawan.EUI64]uint64{}
	}
	hash := maphash.String(t.seed, what)
	if said, ok := t.said[eui]; ok && said == hash {
		return false
	}
	if len(t.said) >= toldKept {
		clear(t.said)
	}
	t.said[eui] = hash
	return true
}
