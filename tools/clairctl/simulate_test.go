package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestSimulationWaitsForThoseWhoListen(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	forwarder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			http.Error(w, "broker: not connected", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(forwarder.Close)
	if err := waitFor(t.Context(), forwarder.URL, time.Millisecond); err != nil || asked.Load() != 3 {
		t.Errorf("%v after %d questions", err, asked.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := waitFor(ctx, "http://nobody.invalid", time.Millisecond); err == nil {
		t.Error("interrupted, and yet somebody listens")
	}
}
