package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// HTTP returns a part that serves on listener. When it stops, it answers what is
// in flight and takes nothing new.
func HTTP(name string, server *http.Server, listener net.Listener) Part {
	return Part{Name: name, Run: func(ctx context.Context, ready func()) error {
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(listener) }()
		ready()
		select {
		case err := <-failed:
			return fmt.Errorf("serve: %w", err)
		case <-ctx.Done():
		}
		// Run bounds the whole stop, so no deadline of our own here.
		if err := server.Shutdown(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("shut down: %w", err)
		}
		if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}}
}
