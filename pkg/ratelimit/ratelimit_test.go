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
