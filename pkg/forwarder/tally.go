package forwarder

import "sync"

// tally counts what is under way, and says when nothing is.
type tally struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed and forgotten when n is 0; nil: nobody waits
}

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

func (t *tally) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.n == 0 && t.none != nil {
		close(t.none)
		t.none = nil
	}
}

// empty returns a channel that is closed once nothing is under way.
func (t *tally) empty() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == 0 {
		return closed
	}
	if t.none == nil {
		t.none = make(chan struct{})
	}
	return t.none
}

// closed is a channel on which nobody waits.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
