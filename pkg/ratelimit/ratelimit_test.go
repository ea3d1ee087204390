package ratelimit_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/ratelimit"
)

// Whoever comes from very many addresses does not get their bucket forgotten.
func TestLimiterRemembersTheBusy(t *testing.T) {
	t.Parallel()
	l, now := ratelimit.New(0.001, 5), time.Now()
	for range 5 {
		if _, wait := l.Take("busy", now); wait != 0 {
			t.Fatal("held back too early")
		}
	}
	for i := range 30_000 {
		l.Take("client "+strconv.Itoa(i), now)
	}
	if l.Wait("busy", now) == 0 {
		t.Error("the bucket of a busy client is forgotten")
	}
}

// What is given back can be taken again, and no bucket holds more than it can.
func TestGiveBack(t *testing.T) {
	t.Parallel()
	l, now := ratelimit.New(1, 10), time.Now()
	l.GiveBack("new", 5, now)
	for _, client := range []string{"busy", "new"} {
		for range 5 {
			if _, wait := l.TakeN(client, 10, now); wait != 0 {
				t.Fatalf("%s: held back for %d s", client, wait)
			}
			if _, wait := l.TakeN(client, 1, now); wait != 1 {
				t.Fatalf("%s: took more than there is", client)
			}
			l.GiveBack(client, 1000, now) // counts as a full bucket, as taking does
			l.GiveBack(client, 7, now)
		}
	}
}
