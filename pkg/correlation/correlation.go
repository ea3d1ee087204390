// Package correlation gives what happens a name that stands in the log lines of all
// services that take part: the request id. It is in the context, travels with HTTP
// requests (X-Request-ID), gRPC calls (x-request-id) and tasks on Redis, and package
// logging writes it into each line.
package correlation

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/grpc/metadata"
)

// Header is the name of the HTTP header and, in small letters, of the gRPC metadata
// and of the header of tasks.
const Header = "X-Request-ID"

// Key is Header as gRPC metadata and tasks have it.
const Key = "x-request-id"

// form keeps what strangers send short, and in one line.
var form = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

type contextKey struct{}

// New returns an id that nobody has.
func New() string { return strings.ToLower(rand.Text()[:16]) }

// With returns a context with the id. One that is not of the right form is left out.
func With(ctx context.Context, id string) context.Context {
	if !form.MatchString(id) {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, id)
}

// ID returns the id of the context, or of the gRPC call that it belongs to, or "".
// The metadata is read here, where a line is written, because most calls write none.
func ID(ctx context.Context) string {
	if id, ok := ctx.Value(contextKey{}).(string); ok {
		return id
	}
	if ids := metadata.ValueFromIncomingContext(ctx, Key); len(ids) > 0 && form.MatchString(ids[0]) {
		return ids[0]
	}
	return ""
}

// Outgoing returns a context whose gRPC calls carry the id, if there is one.
func Outgoing(ctx context.Context) context.Context {
	if id := ID(ctx); id != "" {
		return metadata.AppendToOutgoingContext(ctx, Key, id)
	}
	return ctx
}

// Middleware gives each request an id, that of a proxy if it has one, and tells it
// in the answer.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(Header)
		if !form.MatchString(id) {
			id = New()
		}
		w.Header().Set(Header, id)
		next.ServeHTTP(w, r.WithContext(With(r.Context(), id)))
	})
}
