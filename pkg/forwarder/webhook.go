package forwarder

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/config"
	"github.com/clairberlin/clair-stack/pkg/correlation"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// WebhookConfig is what the environment says about the webhook.
type WebhookConfig struct {
	Address string        `env:"ADDRESS" desc:"address to serve the webhook on, for example :8080; default: no webhook"`
	Secret  config.Secret `env:"SECRET" desc:"the webhook's header must be: Authorization: Bearer SECRET"`
}

const (
	// The Things Stack gives up after ten seconds and tries again later.
	webhookTimeout = 8 * time.Second
	maxWebhookBody = 1 << 20
	// minSecret keeps out what can be guessed.
	minSecret = 16
)

// Validate reports what is missing.
func (c *WebhookConfig) Validate() error {
	if c.Address != "" && len(c.Secret.Reveal()) < minSecret {
		return errors.New("WEBHOOK_SECRET: required with WEBHOOK_ADDRESS, at least 16 characters")
	}
	return nil
}

// webhook receives uplinks that the network server posts. It answers 204 only when
// the ingestair has the uplink, so that the network server tries again otherwise.
type webhook struct {
	secret config.Secret
	intake *intake
	log    *slog.Logger
}

func (h *webhook) server() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhook", h.post)
	return &http.Server{
		Handler: correlation.Middleware(mux), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: webhookTimeout,
		WriteTimeout: 2 * webhookTimeout, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
	}
}

func (h *webhook) post(w http.ResponseWriter, r *http.Request) {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	// Digests, so that the time to compare does not tell the length.
	got, want := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(h.secret.Reveal()))
	if !ok || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		h.log.WarnContext(r.Context(), "webhook refused: wrong secret", "remote", r.RemoteAddr)
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "wrong secret", http.StatusUnauthorized)
		return
	}
	message, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhookBody))
	if err != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), webhookTimeout)
	defer cancel()
	done := make(chan fate, 1)
	h.intake.receive(ctx, ingestv1.Source_SOURCE_WEBHOOK, message, func(f fate) { done <- f })
	select {
	case f := <-done:
		switch f {
		case stored, refused:
			w.WriteHeader(http.StatusNoContent)
		case spooled:
			unavailable(w, "kept, but not stored yet")
		case dropped:
			unavailable(w, "no room")
		}
	case <-ctx.Done():
		// It stays in the outbox; that it comes again is harmless.
		unavailable(w, "not stored yet")
	}
}

func unavailable(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "60")
	http.Error(w, text, http.StatusServiceUnavailable)
}
