package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/clairberlin/clair-stack/pkg/freeport"
)

// A port is given once, is not one that the system gives away, and can be listened at.
func TestFind(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 200 {
		port, err := freeport.Find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] || port < 1024 || port >= 32_768 {
			t.Errorf("got %d", port)
		}
		seen[port] = true
	}
}

func TestFree(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", net.JoinHostPort(freeport.Host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := net.SplitHostPort(l.Addr().String())
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	if freeport.Free(t.Context(), port) {
		t.Errorf("somebody listens at %d", port)
	}
	_ = l.Close()
	if !freeport.Free(t.Context(), port) {
		t.Errorf("nobody listens at %d", port)
	}
}
