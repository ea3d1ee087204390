// Package access says who is calling. What a caller may see and do is decided
// in this package and enforced in the queries, never by the memory of a handler.
package access

import "context"

// Caller is who makes a request. The zero value is an anonymous caller.
type Caller struct {
	// UserID is the id of the account, 0 for an anonymous caller.
	UserID int64
	// Superuser sees and does everything in the admin pages. In the API a superuser
	// has no special rights, as with the predecessor.
	Superuser bool
	// Staff may enter the admin pages.
	Staff bool
	// Administers is set where the caller comes through the admin pages: there the
	// right to a kind of things counts, and not who is a member of what.
	Administers bool
	// ReadOnly callers came with a token that may only read.
	ReadOnly bool
}

// Anonymous reports whether nobody is logged in.
func (c Caller) Anonymous() bool { return c.UserID == 0 }

type callerKey struct{}

// WithCaller returns a context that carries the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller that ctx carries, an anonymous one when it
// carries none.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
