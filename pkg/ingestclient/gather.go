package ingestclient

import (
	"context"
	"runtime"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/clairberlin/clair-stack/pkg/fault"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

const (
	// gatherers is how many requests are under way: they keep the ingestair busy while
	// the next one gathers.
	gatherers = 2
	// Bounds of a request, well inside those of the ingestion service.
	maxGatheredSamples = 5_000
	maxGatheredBytes   = 1 << 20
	// gatherTimeout is when an answer is taken for lost.
	gatherTimeout = 10 * time.Second
)

// Gatherer is for programs in which many goroutines have a few samples each: what
// they want to store while two requests are under way travels in the next one. That
// costs a fraction of a call for each, and a caller that is alone does not wait.
type Gatherer struct {
	client *Client

	mu      sync.Mutex
	waiting []*gathered
	sending int
	senders sync.WaitGroup
}

// gathered is what one caller wants to store.
type gathered struct {
	request  []byte
	samples  int
	response *ingestv1.StoreResponse
	err      error
	done     chan struct{} // closed when response and err are final
}

// NewGatherer returns a Gatherer that sends through a client.
func NewGatherer(c *Client) *Gatherer { return &Gatherer{client: c} }

// Store sends uplinks and returns when they are durable, with the outcomes of their
// samples in order. After an error it is unknown what was kept; repeating is
// harmless. The error has a fault kind, and is Invalid only for what is in uplinks.
func (g *Gatherer) Store(ctx context.Context, uplinks ...*ingestv1.Uplink) (*ingestv1.StoreResponse, error) {
	own := &gathered{done: make(chan struct{})}
	for _, u := range uplinks {
		var err error
		if own.request, err = Append(own.request, u); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "an uplink cannot be encoded")
		}
		own.samples += len(u.GetSamples())
	}
	g.mu.Lock()
	g.waiting = append(g.waiting, own)
	if g.sending < gatherers {
		g.sending++
		g.senders.Go(g.send)
	}
	g.mu.Unlock()
	select {
	case <-own.done:
		return own.response, own.err
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "no answer in time")
	}
}

// Close waits for the requests under way. Nothing may be stored after it.
func (g *Gatherer) Close() { g.senders.Wait() }

// send works until nothing waits.
func (g *Gatherer) send() {
	for {
		g.yield()
		batch := g.take()
		if batch == nil {
			return
		}
		g.deliver(batch)
	}
}

// yield lets callers who are ready to run join.
func (g *Gatherer) yield() {
	for before := -1; ; runtime.Gosched() {
		g.mu.Lock()
		now := len(g.waiting)
		g.mu.Unlock()
		if now <= before {
			return
		}
		before = now
	}
}

// take returns what fits into a request, or nil, and the sender ends.
func (g *Gatherer) take() []*gathered {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, samples, bytes := 0, 0, 0
	for n < len(g.waiting) {
		samples, bytes = samples+g.waiting[n].samples, bytes+len(g.waiting[n].request)
		if n > 0 && (samples > maxGatheredSamples || bytes > maxGatheredBytes) {
			break
		}
		n++
	}
	if n == 0 {
		g.sending--
		return nil
	}
	batch := g.waiting[:n:n]
	if g.waiting = g.waiting[n:]; len(g.waiting) == 0 {
		g.waiting = nil
	}
	return batch
}

// deliver sends a batch and tells each caller. What the ingestair calls invalid is
// halved until that is alone.
func (g *Gatherer) deliver(batch []*gathered) {
	request := batch[0].request
	if len(batch) > 1 {
		request = nil
		for _, b := range batch {
			request = append(request, b.request...)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), gatherTimeout)
	response, err := g.client.Store(ctx, request)
	cancel()
	if fault.Is(err, fault.Invalid) && len(batch) > 1 {
		half := len(batch) / 2
		g.deliver(batch[:half])
		g.deliver(batch[half:])
		return
	}
	if err == nil {
		err = share(batch, response)
	}
	for _, b := range batch {
		if err != nil {
			b.response, b.err = nil, err
		}
		close(b.done)
	}
}

// share gives each caller its part of a response.
func share(batch []*gathered, response *ingestv1.StoreResponse) error {
	outcomes, rejections := response.GetOutcomes(), response.GetRejections()
	first := 0
	for _, b := range batch {
		if len(outcomes) < b.samples {
			return fault.New(fault.Unavailable, "the ingestair answers for %d samples less than were sent", b.samples-len(outcomes))
		}
		b.response = &ingestv1.StoreResponse{Outcomes: outcomes[:b.samples:b.samples]}
		outcomes = outcomes[b.samples:]
		for len(rejections) > 0 && int(rejections[0].GetSample()) < first+b.samples {
			r := proto.CloneOf(rejections[0])
			r.Sample -= uint32(first)
			b.response.Rejections = append(b.response.Rejections, r)
			rejections = rejections[1:]
		}
		first += b.samples
	}
	return nil
}
