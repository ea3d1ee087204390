package app

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/pgtest"
	"github.com/clairberlin/clair-stack/pkg/schema"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/courier"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail"
	"github.com/clairberlin/clair-stack/services/managair/internal/mail/mailtest"
	"github.com/clairberlin/clair-stack/services/managair/internal/notify"
	"github.com/clairberlin/clair-stack/services/managair/internal/outbound"
	"github.com/clairberlin/clair-stack/services/managair/internal/postgres"
)

// telling is an account, number 1, with a dispatcher that may call this machine.
type telling struct {
	pool     *pgxpool.Pool
	service  notify.Service
	dispatch *notify.Dispatcher
	olga     access.Caller
}

func newTelling(t *testing.T, client *http.Client, letters mail.Deliverer) *telling {
	t.Helper()
	owner := pgtest.New(t)
	for _, sql := range []string{
		"INSERT INTO user_account (id, username, email, password_hash) OVERRIDING SYSTEM VALUE VALUES (1, 'olga', 'olga@example.org', '')",
		"INSERT INTO organization (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Haus')",
		"INSERT INTO membership (organization_id, user_id, role) VALUES (1, 1, 'O')",
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	store := postgres.Notifications{Pool: pgtest.As(t, schema.Managair, owner), Limit: 5}
	log := slog.New(slog.DiscardHandler)
	return &telling{
		pool: owner, olga: access.Caller{UserID: 1}, service: notify.Service{Store: store, Now: time.Now},
		dispatch: &notify.Dispatcher{
			Outbox: store, Senders: courier.Senders(client, letters, func(err error) { t.Log(err) }), Writers: writers(), PublicURL: "https://clair.example/",
			Log: log, Observer: newDeliveryMetrics(prometheus.NewRegistry()), Now: time.Now, AtOnce: 4,
		},
	}
}

// run delivers until the test asks no more.
func (s *telling) run(t *testing.T, dispatchers int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for range dispatchers {
		running.Go(func() { s.dispatch.Run(ctx) })
	}
	t.Cleanup(func() { cancel(); running.Wait() })
}

func lenientClient(server *httptest.Server) *http.Client {
	rules := outbound.Rules{Patience: 5 * time.Second, AnyPort: true, Allowed: func(netip.AddrPort) bool { return true }}
	if server != nil {
		rules.Trust = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	}
	return outbound.NewClient(rules)
}

// A mail server with TLS, from the code to the link by which one leaves.
func TestMailChannel(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{Security: "starttls"})
	var cfg mail.Config
	if err := (config.Env{"EMAIL_HOST": server.Host, "EMAIL_CA": server.CA, "DEFAULT_FROM_EMAIL": "Clair <clair@clair.example>"}).Load(&cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Port = server.Port
	s := newTelling(t, lenientClient(nil), mail.SMTP{Config: cfg})
	s.run(t, 2)
	made, _, err := s.service.Make(t.Context(), s.olga, notify.Channel{Kind: notify.Email, UserID: 1}, notify.Wanted{
		Name: new("<script>alert(1)</script>\r\nBcc: x@example.org"), Language: new("de"), Address: new("olga@example.org"),
	})
	if err != nil {
		t.Fatal(err)
	}
	arrived := server.Wait(t)
	// Nobody's words go to an address that is not confirmed.
	if raw := arrived.Header.Get("Subject") + arrived.Parts["text/plain"] + arrived.Parts["text/html"]; strings.Contains(raw, "script") || strings.Contains(raw, "alert(1)") {
		t.Errorf("the code comes with the channel's name: %s", raw)
	}
	code := regexp.MustCompile(`\b\d{6}\b`).FindString(arrived.Parts["text/plain"])
	if code == "" || !arrived.TLS || arrived.Header.Get("Bcc") != "" || strings.Contains(arrived.Parts["text/html"], "<script>") {
		t.Fatalf("%+v", arrived)
	}
	if _, err := s.service.Confirm(t.Context(), s.olga, made.ID, "000000x"); err == nil {
		t.Error("a wrong code is taken")
	}
	if c, err := s.service.Confirm(t.Context(), s.olga, made.ID, code); err != nil || !c.Active() {
		t.Fatal(c, err)
	}
	if _, err := s.service.Test(t.Context(), s.olga, made.ID); err != nil {
		t.Fatal(err)
	}
	arrived = server.Wait(t)
	leave := arrived.Header.Get("List-Unsubscribe")
	link := regexp.MustCompile(`^<https://clair\.example` + courier.LeavePath + `(\d+)/(\w+)/>$`).FindStringSubmatch(leave)
	if link == nil || arrived.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" || !strings.Contains(arrived.Header.Get("Message-Id"), "msg_") {
		t.Fatalf("%q, %q, %q", leave, arrived.Header.Get("List-Unsubscribe-Post"), arrived.Header.Get("Message-Id"))
	}
	if _, err := s.service.Store.Leave(t.Context(), made.ID, "another", time.Now()); err == nil {
		t.Error("left by another key")
	}
	if c, err := s.service.Store.Leave(t.Context(), made.ID, link[2], time.Now()); err != nil || c.Active() || c.DisabledWhy != notify.Unsubscribed {
		t.Errorf("left: %+v, %v", c, err)
	}
}

// hook is a receiver that looks at signatures.
type hook struct {
	mu     sync.Mutex
	key    string
	status int
	ids    []string
	bodies []map[string]any
	came   chan struct{}
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	verifier, err := standardwebhooks.NewWebhook(h.key)
	if err != nil || verifier.Verify(body, r.Header) != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var event map[string]any
	_ = json.Unmarshal(body, &event)
	h.ids, h.bodies = append(h.ids, r.Header.Get("webhook-id")), append(h.bodies, event)
	w.WriteHeader(h.status)
	_, _ = io.WriteString(w, "taken")
	h.came <- struct{}{}
}

func (h *hook) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.came:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
}

func (h *hook) set(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
}

// From the first call to a replay; several workers, one call after the other.
func TestWebhookChannel(t *testing.T) {
	t.Parallel()
	h := &hook{status: http.StatusOK, came: make(chan struct{}, 1000)}
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	s := newTelling(t, lenientClient(server), nil)
	h.mu.Lock() // until it knows the key
	made, key, err := s.service.Make(t.Context(), s.olga, notify.Channel{Kind: notify.Webhook, OrganizationID: 1}, notify.Wanted{
		Name: new("Haustechnik"), Language: new("de"), Address: new(server.URL + "/hook"),
	})
	h.key = key
	h.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.service.Confirm(t.Context(), s.olga, made.ID, ""); err == nil {
		t.Error("confirmed before it answered")
	}
	s.run(t, 3)
	h.wait(t)
	s.settled(t)
	if c, err := s.service.Confirm(t.Context(), s.olga, made.ID, ""); err != nil || !c.Active() {
		t.Fatal(c, err)
	}
	// Three of a group are one, and the one beside them comes by itself.
	_, err = s.pool.Exec(t.Context(), `
		INSERT INTO notification (channel_id, key, kind, organization_id, group_key, data, due_at)
		SELECT $1, 'k' || i, 'channel.test', 1, CASE WHEN i < 4 THEN 'gateway' ELSE '' END, jsonb_build_object('channel', i::text), now() FROM generate_series(1, 4) i`, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	h.wait(t)
	h.wait(t)
	s.settled(t)
	var digests int
	h.set(func() {
		for _, b := range h.bodies {
			if b["type"] == "de.clair-berlin.digest" {
				digests++
			}
		}
		if digests != 1 || len(h.bodies) != 3 {
			t.Errorf("%d digests in %v", digests, h.bodies)
		}
	})
	log, count, err := s.service.Store.Log(t.Context(), s.olga, notify.Query{Channel: made.ID, Limit: 10})
	if err != nil || count != 3 || log[0].State != notify.Delivered || string(log[2].Data) != "{}" {
		t.Fatalf("%d: %+v, %v", count, log, err)
	}
	// Once more, with the same id.
	if _, err := s.service.Replay(t.Context(), s.olga, log[0].ID); err != nil {
		t.Fatal(err)
	}
	h.wait(t)
	s.settled(t)
	l, err := s.service.Store.Logged(t.Context(), s.olga, log[0].ID)
	if err != nil || len(l.Tries) != 2 || l.Tries[1].Status != http.StatusOK || l.Tries[1].Answer != "taken" || !strings.Contains(l.Tries[1].Sent, "specversion") {
		t.Errorf("%+v, %v", l, err)
	}
	// A receiver that is gone is called no more.
	h.set(func() { h.status = http.StatusGone })
	if _, err := s.service.Test(t.Context(), s.olga, made.ID); err != nil {
		t.Fatal(err)
	}
	h.wait(t)
	s.settled(t)
	if c, err := s.service.Store.Channel(t.Context(), s.olga, made.ID); err != nil || c.Active() || c.DisabledWhy != notify.Gone {
		t.Errorf("%+v, %v", c, err)
	}
}

// settled waits until nothing waits.
func (s *telling) settled(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var waiting int
		if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM notification WHERE state = 'waiting' AND due_at <= now()").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d wait", waiting)
		}
	}
}
