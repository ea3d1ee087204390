package forwarder

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
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
	// webhookTimeout is when the webhook is answered, whatever is known by then. The open
	// source server of The Things Stack gives up after five seconds, the Cloud after ten.
	webhookTimeout = 4 * time.Second
	// longestSpoolAfter leaves time to hand an uplink over to Redis before it is answered.
	longestSpoolAfter = webhookTimeout - handOverTimeout
	maxWebhookBody    = 1 << 20
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

// webhook receives uplinks that the network server posts. It answers 204 when the ingestair
// has the uplink, 202 when Redis has it, and otherwise what lets a network server try again that
// does so. Most post once, and may leave a webhook alone for hours that has failed a few times
// (as.webhooks.unhealthy-attempts-threshold of The Things Stack): an error that helps nobody
// would make an outage of the ingestair one of the webhook.
type webhook struct {
	secret  config.Secret
	intake  *intake
	metrics *metrics
	log     *slog.Logger
}

// newWebhook returns nil when no webhook is to be served.
func newWebhook(cfg WebhookConfig, log *slog.Logger, m *metrics, in *intake) *webhook {
	if cfg.Address == "" {
		return nil
	}
	return &webhook{secret: cfg.Secret, intake: in, metrics: m, log: log}
}

func (h *webhook) server() *http.Server {
	// Network servers join base URL and path as they like: a slash at the end, a path for
	// each kind of event.
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhook", h.post)
	mux.HandleFunc("POST /webhook/", h.post)
	return &http.Server{
		Handler: correlation.Middleware(h.counted(mux)), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: webhookTimeout,
		WriteTimeout: 2 * webhookTimeout, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
	}
}

// counted counts the answers, so that a wrong path or secret does not go unnoticed.
func (h *webhook) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(a, r)
		h.metrics.webhook.WithLabelValues(strconv.Itoa(a.code)).Inc()
		if a.code == http.StatusNotFound || a.code == http.StatusMethodNotAllowed {
			h.log.WarnContext(r.Context(), "request to the webhook that is none: want POST /webhook", "method", r.Method, "path", r.URL.Path, "remote", r.RemoteAddr)
		}
	})
}

// answer remembers its code.
type answer struct {
	http.ResponseWriter

	code int
}

// WriteHeader is that of http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// bearer reads the token of a header; the scheme is in any case (RFC 7235, section 2.1).
func bearer(header string) (token string, ok bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	return strings.TrimSpace(rest), strings.EqualFold(scheme, "Bearer")
}

func (h *webhook) post(w http.ResponseWriter, r *http.Request) {
	given, ok := bearer(r.Header.Get("Authorization"))
	// Digests, so that the time to compare does not tell the length.
	got, want := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(h.secret.Reveal()))
	if !ok || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		why := "wrong secret"
		if !ok {
			why = "want the header: Authorization: Bearer SECRET"
		}
		h.log.WarnContext(r.Context(), "webhook refused", "why", why, "remote", r.RemoteAddr)
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, why, http.StatusUnauthorized)
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
	// ChirpStack says there what has happened (integration/http.rs).
	h.intake.receive(ctx, ingestv1.Source_SOURCE_WEBHOOK, r.URL.Query().Get("event"), message, func(f fate) { done <- f })
	select {
	case f := <-done:
		switch f {
		case stored, refused:
			w.WriteHeader(http.StatusNoContent)
		case spooled:
			w.WriteHeader(http.StatusAccepted)
		case foreign:
			// All that this webhook sends is of one application: who set it up sees there what is wrong.
			http.Error(w, "this webhook is for the uplinks of another application", http.StatusForbidden)
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
