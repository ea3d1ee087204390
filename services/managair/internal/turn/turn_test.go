package turn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A client that asks often does not keep the others waiting.
func TestGateIsFair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(2, 0, 0)
		entered := make(chan string, 10)
		goOn := map[string]chan struct{}{"greedy": make(chan struct{}), "modest": make(chan struct{}), "third": make(chan struct{})}
		ask := func(client string) {
			go func() {
				leave, err := g.Enter(t.Context(), client, Ordinary)
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
	g := New(1, 0, 0)
	leave, err := g.Enter(t.Context(), "a", Ordinary)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Enter(gone, "b", Ordinary); !errors.Is(err, context.Canceled) {
		t.Fatalf("a client that has gone: %v", err)
	}
	leave()
	if leave, err = g.Enter(t.Context(), "b", Ordinary); err != nil {
		t.Fatal(err)
	}
	leave()
	if len(g.order[Ordinary])+len(g.waiting)+len(g.inside) != 0 || g.free != 1 {
		t.Errorf("what is left: %+v", g)
	}
}

// Whoever is known does not wait for those who are not, and nobody for those in doubt.
func TestClassesGoBeforeEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(1, 0, 0)
		leave, err := g.Enter(t.Context(), "first", Doubtful)
		if err != nil {
			t.Fatal(err)
		}
		var entered []string
		for _, class := range []Class{Doubtful, Ordinary, Known} {
			for _, client := range []string{"a", "b"} {
				go func() {
					leave, err := g.Enter(t.Context(), client, class)
					if err != nil {
						t.Error(err)
						return
					}
					entered = append(entered, fmt.Sprint(client, class)) // one is inside at a time
					leave()
				}()
				synctest.Wait()
			}
		}
		leave()
		synctest.Wait()
		if want := []string{"a0", "b0", "a1", "b1", "a2", "b2"}; !slices.Equal(entered, want) {
			t.Errorf("%v, want %v", entered, want)
		}
	})
}

func TestNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := New(1, 10*time.Second, 2)
		leave, err := g.Enter(t.Context(), "a", Ordinary)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		failed := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := g.Enter(t.Context(), "b", Ordinary)
				failed <- err
			}()
		}
		synctest.Wait()
		if _, err := g.Enter(t.Context(), "b", Ordinary); !errors.Is(err, ErrTooLong) || time.Since(begun) > 0 {
			t.Errorf("one too many: %v after %v", err, time.Since(begun))
		}
		for range 2 {
			if err := <-failed; !errors.Is(err, ErrTooLong) || time.Since(begun) != 10*time.Second {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
		}
		leave()
		if len(g.waiting)+len(g.inside) != 0 {
			t.Errorf("what is left: %+v", g)
		}
	})
}

// Strangers who take their time do not have all places, unless there is only one.
func TestGateKeepsAPlaceForKnown(t *testing.T) {
	t.Parallel()
	for size, strangers := range map[int]int{1: 1, 2: 1, 3: 2} {
		synctest.Test(t, func(t *testing.T) {
			g := New(size, time.Second, 0).KeepForKnown(1)
			var leave []func()
			for i := range 3 {
				done, err := g.Enter(t.Context(), fmt.Sprint("stranger ", i), Ordinary)
				if (err == nil) != (i < strangers) {
					t.Errorf("of %d places, stranger %d: %v", size, i, err)
				}
				if err == nil {
					leave = append(leave, done)
				}
			}
			done, err := g.Enter(t.Context(), "known", Known)
			if (err == nil) != (size > 1) {
				t.Errorf("of %d places, the known one: %v", size, err)
			}
			if err == nil {
				done()
			}
			for _, done := range leave {
				done()
			}
			if _, err := g.Enter(t.Context(), "stranger", Ordinary); err != nil {
				t.Errorf("of %d places, when all have gone: %v", size, err)
			}
		})
	}
}
