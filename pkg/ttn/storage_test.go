package ttn_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/pkg/ttn/ttntest"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// fill returns a server with so many uplinks, a second apart.
func fill(t *testing.T, count int) (*ttntest.Server, *ttn.Storage) {
	t.Helper()
	server := ttntest.New(t, app)
	for i := range count {
		server.Receive(&lorawan.Uplink{
			DevEUI: 1, DeviceID: "d", FPort: 1, FCnt: uint32(i), Payload: []byte{1},
			ReceivedAt: start.Add(time.Duration(i) * time.Second), DataRate: lorawan.SF9BW125,
		})
	}
	server.Flush()
	return server, &ttn.Storage{URL: server.URL, Application: app.ID, Key: config.NewSecret(server.Key), Client: http.DefaultClient, PageSize: 10}
}

func read(t *testing.T, s *ttn.Storage, after, before time.Time) (counters []uint32, err error) {
	t.Helper()
	for message, err := range s.Uplinks(t.Context(), after, before) {
		if err != nil {
			return counters, err
		}
		u, err := ttn.ParseUplink(message, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		counters = append(counters, u.FCnt)
	}
	return counters, nil
}

// Pages are put together without a gap or a repetition, with tokens and without.
func TestStoragePages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		tokens bool
		count  int
		pages  int
	}{
		{"tokens", true, 35, 4},
		{"times", false, 35, 4},
		{"last page is full", true, 30, 4},
		{"nothing", false, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server, storage := fill(t, tt.count)
			server.Tokens = tt.tokens
			got, err := read(t, storage, start.Add(-time.Hour), start.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			for i, counter := range got {
				if counter != uint32(i) {
					t.Fatalf("got frame counters %v", got)
				}
			}
			if len(got) != tt.count || server.Requests() != tt.pages {
				t.Errorf("got %d uplinks in %d pages, want %d in %d", len(got), server.Requests(), tt.count, tt.pages)
			}
		})
	}
}

func TestStorageErrors(t *testing.T) {
	t.Parallel()
	t.Run("rate limit", func(t *testing.T) {
		t.Parallel()
		server, storage := fill(t, 1)
		server.Fail(1, http.StatusTooManyRequests, 7*time.Second)
		_, err := read(t, storage, start, start.Add(time.Hour))
		var after *ttn.RetryAfterError
		if !errors.As(err, &after) || after.After != 7*time.Second || !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v, want to be told to wait for seven seconds", err)
		}
	})
	t.Run("wrong key", func(t *testing.T) {
		t.Parallel()
		_, storage := fill(t, 1)
		storage.Key = config.NewSecret("wrong")
		if _, err := read(t, storage, start, start.Add(time.Hour)); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("got %v, want unauthenticated", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		_, storage := fill(t, 1)
		storage.URL = "http://127.0.0.1:1"
		if _, err := read(t, storage, start, start.Add(time.Hour)); !fault.Is(err, fault.Unavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		_, storage := fill(t, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range storage.Uplinks(ctx, start, start.Add(time.Hour)) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want canceled", err)
			}
		}
	})
}
