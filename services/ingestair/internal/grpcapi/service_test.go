package grpcapi

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/clairberlin/clair-stack/pkg/keeping"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/ingestair/internal/ingest"
)

// hangingStore stores everything, but not before it is let go.
type hangingStore struct{ letGo chan struct{} }

func (s hangingStore) Keep(ctx context.Context, f *keeping.Flush) error {
	select {
	case <-s.letGo:
	case <-ctx.Done():
		return ctx.Err()
	}
	for i := range f.Rows {
		f.Rows[i].Outcome = keeping.Stored
	}
	return nil
}

func (hangingStore) KeepUndecoded(context.Context, []ingest.UndecodedUplink) error { return nil }

// eagerStream has as many messages as it is asked for, up to a number.
type eagerStream struct {
	grpc.ServerStream

	messages       int32
	read, answered atomic.Int32
}

func (*eagerStream) Context() context.Context { return context.Background() }

func (s *eagerStream) RecvMsg(m any) error {
	if s.read.Add(1) > s.messages {
		return io.EOF
	}
	in := m.(*storeStreamRequest)
	in.batch = ingest.Batch{
		Uplinks: []ingest.Uplink{{End: 1}}, Samples: []measurement.Sample{{Time: time.Now(), CO2PPM: 400, Status: measurement.Measured}},
	}
	return nil
}

func (s *eagerStream) SendMsg(any) error {
	s.answered.Add(1)
	return nil
}

// TestFlowControl: a sender that is faster than the store is not read further than
// some messages ahead of the answers, and is read on as they go out.
func TestFlowControl(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := hangingStore{make(chan struct{})}
		log := slog.New(slog.DiscardHandler)
		in := ingest.New(store, nil, log, time.Now, ingest.NewMetrics(prometheus.NewRegistry()))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- in.Run(ctx, func() {}) }()
		s := &service{ingester: in, log: log, streamAge: time.Hour}
		stream := &eagerStream{messages: 10 * maxUnanswered}
		go func() { ended <- s.storeStream(stream) }()
		synctest.Wait()
		// One waits for its answer, one to be put with the others.
		if n := stream.read.Load(); n != maxUnanswered+2 || stream.answered.Load() != 0 {
			t.Errorf("%d messages were read ahead, want %d; %d answered", n, maxUnanswered+2, stream.answered.Load())
		}
		close(store.letGo)
		if err := <-ended; err != nil || stream.answered.Load() != stream.messages {
			t.Errorf("%d of %d messages were answered, %v", stream.answered.Load(), stream.messages, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
