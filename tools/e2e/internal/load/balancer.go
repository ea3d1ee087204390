package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// Balancer stands in for the load balancer, or the DNS with health checks, before
// the proxies of several nodes: it asks each whether it is well, sends requests to
// those that are in turn, and what fails there to the next.
type Balancer struct {
	Entries []*Entry
	next    atomic.Uint64
	wg      sync.WaitGroup
	cancel  context.CancelFunc

	mu      sync.Mutex
	retried []string // what failed at first
}

// Entry is the proxy of a node.
type Entry struct {
	Name   string
	base   string
	client *http.Client
	well   atomic.Bool
}

const (
	checkInterval = 500 * time.Millisecond
	checksToRise  = 4 // in a row, before a node is taken in again
	checksToFall  = 2 // without an answer, in a row
	tryTimeout    = 4 * time.Second
	maxTries      = 4
)

// StartBalancer begins to look at the proxies of nodes.
func StartBalancer(ctx context.Context, machines []*swarm.Machine) *Balancer {
	ctx, cancel := context.WithCancel(ctx)
	b := &Balancer{cancel: cancel}
	for _, m := range machines {
		e := &Entry{Name: m.Name, base: "http://" + m.Address, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: requesters}}}
		b.Entries = append(b.Entries, e)
		b.wg.Go(func() { e.watch(ctx) })
	}
	return b
}

// Stop ends that.
func (b *Balancer) Stop() {
	b.cancel()
	b.wg.Wait()
}

func (e *Entry) watch(ctx context.Context) {
	// Not the connections of requests: it must see that no new ones are taken.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	good, silent := 0, 0
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		// One that says that it ends is left at once, one that does not answer in time may
		// only be slow.
		switch err := visitor.Get(ctx, client, "", e.base+"/ping"); {
		case err == nil:
			good, silent = good+1, 0
		case os.IsTimeout(err) && silent+1 < checksToFall:
			silent++
		default:
			good = 0
		}
		if good == 0 && e.well.Swap(false) {
			e.client.CloseIdleConnections()
		}
		if good >= checksToRise {
			e.well.Store(true)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Well reports whether the proxy is taken for one that answers.
func (e *Entry) Well() bool { return e.well.Load() }

// pick returns the next proxy that is well. When none seems to be, any is better
// than none.
func (b *Balancer) pick() *Entry {
	for range b.Entries {
		if e := b.Entries[b.next.Add(1)%uint64(len(b.Entries))]; e.well.Load() {
			return e
		}
	}
	return b.Entries[b.next.Add(1)%uint64(len(b.Entries))]
}

// Request is sent through the balancer; its answer must be 200.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

// Do sends a request, at another node again when one does not answer, and returns
// the answer's body and header.
func (b *Balancer) Do(ctx context.Context, r Request) ([]byte, http.Header, error) {
	for try := 1; ; try++ {
		begun := time.Now()
		e := b.pick()
		again, body, header, err := e.Do(ctx, r)
		if err == nil {
			return body, header, nil
		}
		err = fmt.Errorf("%s, after %s, through %s: %w", time.Now().Format(time.TimeOnly), time.Since(begun).Round(time.Millisecond), e.Name, err)
		if !again || try == maxTries || ctx.Err() != nil {
			return nil, nil, err
		}
		b.mu.Lock()
		b.retried = append(b.retried, err.Error())
		b.mu.Unlock()
	}
}

// Do sends a request to this node, and reports whether another node may be asked the
// same.
func (e *Entry) Do(ctx context.Context, r Request) (again bool, body []byte, header http.Header, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, e.base+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return false, nil, nil, err
	}
	req.Host = stack.Domain
	maps.Copy(req.Header, r.Header)
	resp, err := e.client.Do(req)
	if err != nil {
		return true, nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return true, nil, nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return false, body, resp.Header, nil
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, nil, nil, fmt.Errorf("%s %s: %s: %.200s", r.Method, r.Path, resp.Status, body)
}

// Retries returns what had to be sent again.
func (b *Balancer) Retries() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.retried)
}
