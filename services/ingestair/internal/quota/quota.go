// Package quota bounds what one address has at the same time, so that a caller gone
// mad does not take the room of the others.
package quota

import (
	"net"
	"net/netip"
	"sync"
)

// Quota counts for each address.
type Quota struct {
	max   int
	mu    sync.Mutex
	taken map[netip.Addr]int
}

// New returns a Quota of so many for each address.
func New(most int) *Quota { return &Quota{max: most, taken: map[netip.Addr]int{}} }

// Take takes one, to be given back once, or returns false when there is none left.
// All that come by another way than TCP have one quota together.
func (q *Quota) Take(peer net.Addr) (giveBack func(), ok bool) {
	var address netip.Addr
	if tcp, ok := peer.(*net.TCPAddr); ok {
		address = tcp.AddrPort().Addr()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken[address] >= q.max {
		return nil, false
	}
	q.taken[address]++
	return func() { q.giveBack(address) }, true
}

func (q *Quota) giveBack(address netip.Addr) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken[address]--; q.taken[address] == 0 {
		delete(q.taken, address)
	}
}
