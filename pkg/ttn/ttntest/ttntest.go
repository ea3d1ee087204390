// Package ttntest is a stand-in for The Things Stack, for tests: its Storage
// Integration, its webhooks, the rights of its keys, and what it publishes on MQTT. It
// behaves as its documentation says, the unpleasant parts included: the storage
// is written late, requests are limited, MQTT is at QoS 0 and nobody's loss.
//
// Source: github.com/TheThingsIndustries/lorawan-stack-docs, doc/content/integrations.
package ttntest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// Server is a stand-in with one application.
type Server struct {
	App ttn.Application
	Key string // its API key
	// URL is where its HTTP API is served.
	URL string
	// Publish publishes on MQTT; nil: it does not.
	Publish func(topic string, message []byte)
	// Webhook is where uplinks are posted to, by the Hook; empty: nowhere.
	Webhook string
	ttn.Hook
	// Tokens reports whether pages have continuation tokens.
	Tokens bool

	mu       sync.Mutex
	rights   []ttn.Right
	revoked  bool
	asked    int
	stored   []message
	unstored []message // received, not yet written to the storage
	failures []failure
	requests int
	queues   map[string][]ttn.Downlink
	posts    sync.WaitGroup
}

type message struct {
	at   time.Time // outer received_at
	json []byte
}

type failure struct {
	status     int
	retryAfter time.Duration
}

// New returns a server of the poorest edition, which ends with the test: it posts once, gives
// up after five seconds, and leaves a webhook alone that fails.
func New(t testing.TB, app ttn.Application) *Server {
	t.Helper()
	s := &Server{
		App: app, Key: "NNSXS.TEST.KEY", rights: []ttn.Right{ttn.ReadTraffic, ttn.WriteDownlinks},
		queues: map[string][]ttn.Downlink{},
		Hook:   ttn.Hook{SwitchOffAfter: 3, SwitchOffFor: time.Hour}, // as a careful operator of a server sets them
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/as/applications/{app}/packages/storage/uplink_message", s.serveStorage)
	mux.HandleFunc("GET /api/v3/applications/{app}/rights", s.serveRights)
	server := httptest.NewServer(mux)
	s.URL = server.URL
	t.Cleanup(func() {
		s.posts.Wait()
		server.Close()
	})
	return s
}

// Receive takes an uplink from a gateway: it is published, posted, and will be in
// the storage after Flush.
func (s *Server) Receive(u *lorawan.Uplink) {
	encoded := ttn.EncodeUplink(s.App, u)
	var outer struct {
		ReceivedAt time.Time `json:"received_at"`
	}
	if err := json.Unmarshal(encoded, &outer); err != nil {
		panic(fmt.Sprintf("ttntest: our own encoding: %v", err))
	}
	s.mu.Lock()
	s.unstored = append(s.unstored, message{outer.ReceivedAt, encoded})
	s.mu.Unlock()
	if s.Publish != nil {
		s.Publish(s.App.UplinkTopic(u.DeviceID), encoded)
	}
	if target := s.Webhook; target != "" {
		s.posts.Go(func() { s.Post(context.Background(), target, encoded) })
	}
}

// Flush writes to the storage what was received.
func (s *Server) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored = append(s.stored, s.unstored...)
	s.unstored = nil
	slices.SortStableFunc(s.stored, func(a, b message) int { return a.at.Compare(b.at) })
}

// Grant sets what the key may do.
func (s *Server) Grant(rights ...ttn.Right) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rights = rights
}

// Revoke makes the key invalid. Connections that it has opened stay.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = true
}

// Asked returns how often the rights of the key were asked for.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// TakeDownlinks takes a message of a device's topic down/push or down/replace: it tells that
// they are queued, or, when the key may not do that, nothing at all.
func (s *Server) TakeDownlinks(topic string, message []byte) {
	levels := strings.Split(topic, "/") // v3/{application}/devices/{device}/down/{operation}
	if len(levels) != 6 || levels[4] != "down" {
		return
	}
	var given struct {
		Downlinks []ttn.Downlink `json:"downlinks"`
	}
	if err := json.Unmarshal(message, &given); err != nil {
		return // it says nothing of what it cannot read, either
	}
	device := levels[3]
	if !s.queue(device, levels[5], given.Downlinks) {
		return
	}
	for _, d := range given.Downlinks {
		// The server's own id comes after the application's.
		d.CorrelationIDs = append(d.CorrelationIDs, "as:downlink:01HTEST")
		told, err := json.Marshal(map[string]any{
			"end_device_ids": map[string]any{"device_id": device, "application_ids": map[string]string{"application_id": s.App.ID}},
			"received_at":    time.Now().UTC().Format(time.RFC3339Nano), "correlation_ids": d.CorrelationIDs, "downlink_queued": d,
		})
		if err != nil {
			panic(fmt.Sprintf("ttntest: our own encoding: %v", err))
		}
		s.Publish(s.App.QueuedTopic(device), told)
	}
}

// queue changes a device's queue, if the key may.
func (s *Server) queue(device, operation string, given []ttn.Downlink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.rights, ttn.WriteDownlinks) || s.revoked {
		return false
	}
	switch operation {
	case "push":
		s.queues[device] = append(s.queues[device], given...)
	case "replace":
		s.queues[device] = given
	default: // what it publishes itself
		return false
	}
	return true
}

// Queue returns the downlinks that wait for a device, the next first.
func (s *Server) Queue(device string) []ttn.Downlink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queues[device])
}

// Fail lets the next requests to the storage fail with a status.
func (s *Server) Fail(times, status int, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range times {
		s.failures = append(s.failures, failure{status, retryAfter})
	}
}

// Requests returns how often the storage was asked.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// serveRights answers as the Identity Server does: whoever has a key may ask, and of an
// application that is unknown or another one's the rights are none, not an error.
func (s *Server) serveRights(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	rights, revoked := s.rights, s.revoked
	s.mu.Unlock()
	answer := map[string][]ttn.Right{}
	switch {
	case revoked || r.Header.Get("Authorization") != "Bearer "+s.Key:
		refuse(w, http.StatusUnauthorized, "error:pkg/identityserver:api_key_not_found (API key not found)")
		return
	case r.PathValue("app") == s.App.ID && len(rights) > 0:
		answer["rights"] = rights
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) serveStorage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests++
	var f failure
	if len(s.failures) > 0 {
		f, s.failures = s.failures[0], s.failures[1:]
	}
	s.mu.Unlock()
	query := r.URL.Query()
	if token := query.Get("continuation_token"); token != "" {
		// The token carries the whole query; other fields are ignored.
		var err error
		if query, err = parseToken(token); err != nil {
			refuse(w, http.StatusBadRequest, "invalid continuation token")
			return
		}
	}
	after, err1 := parseTime(query.Get("after"))
	before, err2 := parseTime(query.Get("before"))
	limit, err3 := strconv.Atoi(cmp.Or(query.Get("limit"), "1000000"))
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.Key:
		refuse(w, http.StatusUnauthorized, "error:pkg/auth/rights:invalid_api_key (invalid API key)")
	case r.PathValue("app") != s.App.ID:
		refuse(w, http.StatusForbidden, "error:pkg/auth/rights:no_application_rights (no rights for application)")
	case f.status != 0:
		if f.retryAfter > 0 {
			w.Header().Set("X-Rate-Limit-Retry", strconv.Itoa(int(f.retryAfter/time.Second)))
		}
		refuse(w, f.status, "error:pkg/ratelimit:exceeded (rate limit exceeded)")
	case err1 != nil || err2 != nil || err3 != nil || r.Header.Get("Accept") != "text/event-stream":
		refuse(w, http.StatusBadRequest, "error:invalid_request (invalid request)")
	default:
		s.writePage(w, after, before, limit)
	}
}

func (s *Server) writePage(w http.ResponseWriter, after, before time.Time, limit int) {
	s.mu.Lock()
	var page []message
	for _, m := range s.stored {
		if m.at.After(after) && (before.IsZero() || m.at.Before(before)) && len(page) < limit {
			page = append(page, m)
		}
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	if s.Tokens && len(page) == limit {
		w.Header().Set("X-Continuation-Token", token(page[limit-1].at, before, limit))
	}
	for _, m := range page {
		_, _ = fmt.Fprintf(w, "{\"result\":%s}\n\n", m.json)
	}
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": status, "message": text, "details": []any{}})
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}
