package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A client that asks often does not keep the others waiting.
func TestGateIsFair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2)
		entered := make(chan string, 10)
		goOn := map[string]chan struct{}{"greedy": make(chan struct{}), "modest": make(chan struct{}), "third": make(chan struct{})}
		ask := func(client string) {
			go func() {
				leave, err := g.enter(t.Context(), client)
				if err != nil {
					return
				}
				entered <- client
				<-goOn[client]
				leave()
			}()
			synctest.Wait()
		}
		for range 3 {
			ask("greedy")
		}
		ask("modest")
		ask("third")
		next := func(want string) {
			t.Helper()
			synctest.Wait()
			select {
			case got := <-entered:
				if got != want {
					t.Fatalf("%s is let in, want %s", got, want)
				}
			default:
				t.Fatalf("nobody is let in, want %s", want)
			}
		}
		next("greedy") // and with one turn at a time the second place is
		next("modest")
		goOn["greedy"] <- struct{}{}
		next("third")
		goOn["modest"] <- struct{}{}
		next("greedy")
		close(goOn["third"])
		close(goOn["greedy"])
		next("greedy")
	})
}

func TestGateForgetsWhoHasGone(t *testing.T) {
	t.Parallel()
	g := newGate(1)
	leave, err := g.enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.enter(gone, "b"); !errors.Is(err, context.Canceled) {
		t.Fatalf("a client that has gone: %v", err)
	}
	leave()
	if leave, err = g.enter(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	leave()
	if len(g.order)+len(g.waiting)+len(g.inside) != 0 || g.free != 1 {
		t.Errorf("what is left: %+v", g)
	}
}
