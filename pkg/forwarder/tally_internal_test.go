package forwarder

import (
	"context"
	"testing"
	"testing/synctest"
)

// Whoever waits for room goes on when half of the outbox is free, and not before.
func TestAwaitRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box := newOutbox(2 * maxBatch)
		for range 2 * maxBatch {
			box.put(entry{encoded: []byte{1}})
		}
		room := make(chan error, 2)
		for range 2 {
			go func() { room <- box.awaitRoom(t.Context()) }()
		}
		synctest.Wait()
		if len(room) != 0 {
			t.Fatal("went on though the outbox is full")
		}
		box.tryTake()
		synctest.Wait()
		if len(room) != 2 || <-room != nil || <-room != nil {
			t.Fatal("still waits though half of the outbox is free")
		}
		box.put(entry{encoded: []byte{1}})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { room <- box.awaitRoom(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-room; err == nil {
			t.Error("waits for room beyond its context")
		}
	})
}

// Nothing is under way when as many have ended as have begun.
func TestTally(t *testing.T) {
	t.Parallel()
	var under tally
	select {
	case <-under.empty():
	default:
		t.Fatal("something is under way that has not begun")
	}
	under.begin()
	under.begin()
	empty := under.empty()
	under.end()
	select {
	case <-empty:
		t.Fatal("one is still under way")
	default:
	}
	under.end()
	<-empty
	<-under.empty()
}
