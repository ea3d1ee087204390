// Package httpapi has the doors for senders that do not speak gRPC: plain JSON for
// Wi-Fi sensors and scripts, and the predecessor's JSON:API for its forwarders.
// Behind both is the same ingester with the same rules.
package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/correlation"
	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/place"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// Options are choices for a Server.
type Options struct {
	// Admit returns what a bearer token may write, nil for everything. from is the
	// address of the caller.
	Admit func(ctx context.Context, token, from string) (ingest.Scope, error)
	// TrustedProxies are those before the nearest one.
	TrustedProxies []place.Network
	// Legacy is who may use the predecessor's door.
	Legacy Legacy
}

// Legacy is who may use the predecessor's door.
type Legacy string

// The ways in which the predecessor's door can stand.
const (
	LegacyOff   Legacy = "off"
	LegacyToken Legacy = "token" // whoever knows the token
	LegacyOpen  Legacy = "open"  // everyone, as it was; for a network that nobody else is in
)

// UnmarshalText takes the choice from the environment.
func (l *Legacy) UnmarshalText(text []byte) error {
	switch *l = Legacy(text); *l {
	case LegacyOff, LegacyToken, LegacyOpen:
		return nil
	default:
		return fmt.Errorf("%q is none of off, token, open", text)
	}
}

// maxBodyBytes is the size of a body. 10,000 samples fit.
const maxBodyBytes = 4 << 20

// Server answers the doors.
type Server struct {
	ingester *ingest.Ingester
	log      *slog.Logger
	options  Options
}

// New returns the HTTP server of the doors.
func New(ingester *ingest.Ingester, log *slog.Logger, o Options) *http.Server {
	s := &Server{ingester: ingester, log: log, options: o}
	mux := http.NewServeMux()
	both := func(path string, handler http.HandlerFunc) {
		mux.HandleFunc(path, handler)
		mux.HandleFunc(path+"/{$}", handler)
	}
	both("/ingest/v1/samples", s.post(true, mediaTypes("application/json"), problem, s.samples))
	if o.Legacy == LegacyToken || o.Legacy == LegacyOpen {
		both("/ingest/v1/ingest", s.post(o.Legacy == LegacyToken, legacyMediaTypes, legacyProblem, s.legacy))
	}
	return &http.Server{
		Handler:           correlation.Middleware(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      45 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// answer is what a handler answers.
type answer struct {
	status int
	body   []byte
	media  string
	wait   time.Duration // until the caller may try again; 0: not known
}

// post wraps what is the same for all doors: method, token, media type, size. Each door
// has its own form of saying what is wrong.
func (s *Server) post(closed bool, media func(string) bool, wrong func(status int, text string) answer,
	handle func(ctx context.Context, scope ingest.Scope, body []byte) answer,
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, text string) { write(w, wrong(status, text)) }
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			refuse(http.StatusMethodNotAllowed, "only POST")
			return
		}
		var scope ingest.Scope
		if closed {
			var err error
			if scope, err = s.admit(r); err != nil {
				a := s.failed(r.Context(), err, wrong)
				if a.status == http.StatusUnauthorized {
					w.Header().Set("WWW-Authenticate", "Bearer")
				}
				write(w, a)
				return
			}
		}
		if !media(r.Header.Get("Content-Type")) {
			refuse(http.StatusUnsupportedMediaType, "this media type is not understood here")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			s.log.WarnContext(r.Context(), "request too large", "limit", tooLarge.Limit)
			refuse(http.StatusRequestEntityTooLarge, "the body is larger than 4 MiB")
			return
		}
		if err != nil {
			refuse(http.StatusBadRequest, "the body ends early")
			return
		}
		write(w, handle(r.Context(), scope, body))
	}
}

// retryAfter is when to try again where nobody knows.
const retryAfter = 5 * time.Second

func write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", a.media)
	if a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests {
		wait := cmp.Or(a.wait, retryAfter)
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// admit finds out what the caller may write.
func (s *Server) admit(r *http.Request) (ingest.Scope, error) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return nil, fault.New(fault.Unauthenticated, "a valid bearer token is needed")
	}
	return s.options.Admit(r.Context(), token, place.AddressOf(r.RemoteAddr, r.Header.Values("X-Forwarded-For"), s.options.TrustedProxies))
}

// mediaTypes accepts some media types, with whatever parameters.
func mediaTypes(allowed ...string) func(string) bool {
	return func(header string) bool {
		media, _, err := mime.ParseMediaType(header)
		return err == nil && slices.Contains(allowed, media)
	}
}

// failed is the answer to what ended with an error, in the form of its door. What the
// caller is not told of it is logged.
func (s *Server) failed(ctx context.Context, err error, wrong func(status int, text string) answer) answer {
	status := fault.HTTPStatus(err)
	if status == http.StatusInternalServerError {
		s.log.ErrorContext(ctx, "request failed", "err", err)
	}
	a := wrong(status, fault.Text(err))
	a.wait = fault.RetryAfter(err)
	return a
}
