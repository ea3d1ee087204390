// Package standin plays, in containers of our own image, what the stack has from
// others and what no Debian package and no Go module brings: a mail viewer, pgAdmin,
// Grafana, an S3-compatible store, and a version of a service that is never well.
package standin

import (
	"context"
	"errors"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Commands are those that images of ours run.
func Commands() []*cobra.Command {
	return []*cobra.Command{
		hidden("mail", func(ctx context.Context) error { return serveMails(ctx, ":1025", ":8025") }),
		hidden("pgadmin", func(ctx context.Context) error { return serve(ctx, ":80", http.HandlerFunc(showDatabase)) }),
		hidden("grafana", serveGrafana),
		// A version of a service that starts, but is never well.
		hidden("serve", func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}),
		hidden("unhealthy", func(context.Context) error { return errors.New("never well") }),
		wgetCommand(),
	}
}

// hidden makes a command that runs until the engine stops its container.
func hidden(use string, run func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use:    use,
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM)
			defer stop()
			return run(ctx)
		},
	}
}

// serve serves until the context ends.
func serve(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case <-ctx.Done():
		return server.Close()
	case err := <-ended:
		return err
	}
}

// wgetCommand is the one program of Grafana's image that its health check needs.
func wgetCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "wget",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no address")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[len(args)-1], http.NoBody)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				err = errors.New(resp.Status)
			}
			return errors.Join(err, resp.Body.Close())
		},
	}
}
