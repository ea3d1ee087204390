package httpapi

import (
	"context"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/zstd"
	"github.com/rs/cors"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
	"github.com/clairberlin/clair-stack/services/managair/internal/turn"
)

// Bounds of what a request may take. A series may take longer, as long as its
// reader goes on reading: it holds a database connection.
const (
	requestTime = 30 * time.Second
	streamTime  = 5 * time.Minute
	stallTime   = 20 * time.Second
)

// edge wraps the routes in what concerns all of them, from the outside in:
// panics, headers, other origins, limits, compression.
func (a *API) edge(routes http.Handler) (http.Handler, error) {
	compress, err := gzhttp.NewWrapper(
		gzhttp.EnableZstd(true), gzhttp.PreferZstd(true),
		// The fastest levels: a series shrinks to a tenth with them too.
		gzhttp.CompressionLevel(1), gzhttp.ZstdCompressionLevel(int(zstd.SpeedFastest)),
		gzhttp.ContentTypeFilter(gzhttp.DefaultContentTypeFilter),
	)
	if err != nil {
		return nil, err
	}
	limited := a.limit(routes)
	compressed := compress(limited)
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "text/event-stream" {
			limited.ServeHTTP(w, r) // events must not wait in a compressor
			return
		}
		compressed.ServeHTTP(w, r)
	})
	if !slices.Equal(a.config.CORSOrigins, []string{"none"}) {
		// Only reading, and only what everybody may read: credentials of another
		// origin's page are not accepted.
		handler = cors.New(cors.Options{
			AllowedOrigins: a.config.CORSOrigins,
			AllowedMethods: []string{http.MethodGet, http.MethodHead},
			AllowedHeaders: []string{"Accept", "Accept-Language", "If-None-Match"},
			ExposedHeaders: []string{"ETag", "RateLimit", "RateLimit-Policy", "Retry-After"},
			MaxAge:         3600,
		}).Handler(handler)
	}
	return a.protect(handler), nil
}

// protect sets the headers of all answers, and answers panics.
func (a *API) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin") // asks of those who do not ask by CORS
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if !access.CallerFrom(r.Context()).Anonymous() {
			header.Set("Cache-Control", "private, no-cache") // it may say what others do not see
		}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares so, too
				panic(cause)
			}
			a.log.ErrorContext(r.Context(), "panic in a handler", "err", cause, "stack", string(debug.Stack()))
			writeError(w, r, a.log, jsonapi.Errors{{Status: http.StatusInternalServerError, Reason: reason.Error}})
		}()
		next.ServeHTTP(w, r)
	})
}

// limit holds back clients that ask too often, and says how often they may.
func (a *API) limit(next http.Handler) http.Handler {
	if a.limiter == nil {
		return next
	}
	policy := `"client";q=` + strconv.Itoa(a.limiter.Burst()) + ";w=" + strconv.Itoa(a.limiter.Window())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remaining, wait := a.limiter.Take(clientOf(r), a.now())
		header := w.Header()
		header.Set("RateLimit-Policy", policy)
		header.Set("RateLimit", `"client";r=`+strconv.Itoa(remaining)+";t="+strconv.Itoa(wait))
		if wait > 0 {
			header.Set("Retry-After", strconv.Itoa(wait))
			writeError(w, r, a.log, jsonapi.Errors{{Status: http.StatusTooManyRequests, Reason: reason.Throttled, Args: []any{wait}}})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// clientOf names who is counted: an account, or the place of an anonymous caller.
func clientOf(r *http.Request) string {
	if caller := access.CallerFrom(r.Context()); !caller.Anonymous() {
		return "user " + formatInt64(caller.UserID)
	}
	return session.ClientOf(r).Place()
}

// queue waits at a gate for the caller's turn. Callers with an account come before strangers.
func queue(r *http.Request, at *turn.Gate) (leave func(), err error) {
	class := turn.Ordinary
	if !access.CallerFrom(r.Context()).Anonymous() {
		class = turn.Known
	}
	return at.Enter(r.Context(), clientOf(r), class)
}

// inTurn does what is dear when it is the caller's turn at a gate. Others may enter it when
// that is done: how slowly the answer is taken is no matter of theirs.
func inTurn[T any](r *http.Request, at *turn.Gate, do func() (T, error)) (result T, err error) {
	leave, err := queue(r, at)
	if err != nil {
		return result, err
	}
	defer leave()
	return do()
}

// bounded bounds the time of a request.
func bounded(r *http.Request, route Route) (*http.Request, context.CancelFunc) {
	if route.Stream {
		return r, func() {}
	}
	limit := requestTime
	if route.Long {
		limit = streamTime
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	return r.WithContext(ctx), cancel
}

// stallGuard ends a connection whose reader does not take what is written.
type stallGuard struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newStallGuard(w http.ResponseWriter) *stallGuard {
	return &stallGuard{w, http.NewResponseController(w)}
}

func (g *stallGuard) Write(p []byte) (int, error) {
	// Not all writers of tests have deadlines.
	_ = g.control.SetWriteDeadline(time.Now().Add(stallTime))
	return g.ResponseWriter.Write(p)
}
