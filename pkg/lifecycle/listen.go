package lifecycle

import (
	"context"
	"fmt"
	"net"

	"github.com/clairberlin/clair-stack/pkg/ops"
)

// Listen listens on an address. Its error names the variable that has the address,
// because an operator knows that.
func Listen(ctx context.Context, variable, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return l, nil
}

// Started returns the last part of a service: when its turn comes, all others are
// ready, and the health check says so.
func Started(o *ops.Ops) Part {
	return Part{Name: "health", Run: func(ctx context.Context, ready func()) error {
		o.SetStarted()
		ready()
		<-ctx.Done()
		return nil
	}}
}
