package quota

import (
	"net"
	"testing"
)

// TestQuota: each address has its own, whatever its port, and nothing is remembered
// of those that have given all back.
func TestQuota(t *testing.T) {
	t.Parallel()
	q := New(2)
	one, again := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 2}
	other, local := &net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1}, &net.UnixAddr{Name: "socket"}
	var giveBack []func()
	for _, step := range []struct {
		peer net.Addr
		want bool
	}{{one, true}, {again, true}, {one, false}, {other, true}, {again, false}, {local, true}, {local, true}, {local, false}} {
		back, ok := q.Take(step.peer)
		if ok != step.want {
			t.Errorf("%v may take one: %v, want %v", step.peer, ok, step.want)
		}
		if ok {
			giveBack = append(giveBack, back)
		}
	}
	giveBack[0]()
	back, ok := q.Take(one)
	if !ok {
		t.Fatal("what was given back cannot be taken")
	}
	for _, back := range append(giveBack[1:], back) {
		back()
	}
	if len(q.taken) != 0 {
		t.Errorf("%v is remembered", q.taken)
	}
}
