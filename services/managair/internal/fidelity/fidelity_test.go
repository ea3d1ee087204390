package fidelity_test

import (
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/services/managair/internal/fidelity"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 29, 4, 0, 0, 0, time.UTC)
	cases := []struct {
		name     string
		contact  time.Time
		interval time.Duration
		want     fidelity.State
	}{
		{"never", time.Time{}, 0, fidelity.Unknown},
		{"just now", now, 0, fidelity.Alive},
		{"by a clock ahead of ours", now.Add(time.Hour), 0, fidelity.Alive},
		{"two hours ago", now.Add(-2 * time.Hour), 0, fidelity.Alive},
		{"a second more", now.Add(-2*time.Hour - time.Second), 0, fidelity.Missing},
		{"four hours ago", now.Add(-4 * time.Hour), 0, fidelity.Missing},
		{"a second more than that", now.Add(-4*time.Hour - time.Second), 0, fidelity.Dead},
		{"every 5 minutes, 10 ago", now.Add(-10 * time.Minute), 5 * time.Minute, fidelity.Alive},
		{"every 5 minutes, 11 ago", now.Add(-11 * time.Minute), 5 * time.Minute, fidelity.Missing},
		{"every 5 minutes, 21 ago", now.Add(-21 * time.Minute), 5 * time.Minute, fidelity.Dead},
		{"once a day, a day ago", now.Add(-24 * time.Hour), 24 * time.Hour, fidelity.Alive},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := fidelity.Judge(c.contact, c.interval, now); got != c.want {
				t.Errorf("got %c, want %c", got, c.want)
			}
		})
	}
}
