package lifecycle_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clairberlin/clair-stack/pkg/lifecycle"
)

func TestDrainKeepsEarlierPartsRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const delay = 4 * time.Second
		ctx, sigterm := context.WithCancel(t.Context())
		var told, stopped time.Time
		server := lifecycle.Part{Name: "server", Run: func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			stopped = time.Now()
			return nil
		}}
		time.AfterFunc(time.Minute, func() {
			told = time.Now()
			sigterm()
		})
		err := lifecycle.Run(ctx, slog.New(slog.DiscardHandler), delay+time.Second, server, lifecycle.Drain(delay))
		if err != nil {
			t.Fatal(err)
		}
		if got := stopped.Sub(told); got != delay {
			t.Errorf("server stopped %v after the signal, want %v", got, delay)
		}
	})
}
