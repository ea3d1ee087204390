package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/frontdoor"
)

func frontdoorCommand() *cobra.Command {
	var listen, dist, managair string
	cmd := &cobra.Command{
		Use:   "frontdoor",
		Short: "Serve the built web frontend, and managair behind it, as one origin",
		Long: `Serves the pages that "tools/dev/frontend.sh build" made and passes on to managair
what is its own, as the reverse proxy and nginx do in production. It prints its
address when it serves, and runs until it is ended.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return serveFrontdoor(ctx, listen, dist, managair)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 chooses one")
	cmd.Flags().StringVar(&dist, "dist", "services/static-frontend/dist", "folder with the built pages; empty for none")
	cmd.Flags().StringVar(&managair, "managair", "http://127.0.0.1:8888", "where managair is")
	return cmd
}

func serveFrontdoor(ctx context.Context, listen, dist, managair string) error {
	target, err := url.Parse(managair)
	if err != nil {
		return err
	}
	door, err := frontdoor.New(dist, target)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: door, ReadHeaderTimeout: 10 * time.Second}
	fmt.Printf("http://%s\n", listener.Addr())
	ended := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer ended()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
