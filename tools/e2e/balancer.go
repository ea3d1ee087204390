package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// balancer stands in for the load balancer, or the DNS with health checks, before
// the proxies of several nodes: it asks each whether it is well, sends requests to
// those that are in turn, and what fails there to the next.
type balancer struct {
	entries []*entry
	next    atomic.Uint64
	wg      sync.WaitGroup
	cancel  context.CancelFunc

	mu      sync.Mutex
	retried []string // what failed at first
}

// entry is the proxy of a node.
type entry struct {
	name   string
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

func startBalancer(ctx context.Context, machines []*machine) *balancer {
	ctx, cancel := context.WithCancel(ctx)
	b := &balancer{cancel: cancel}
	for _, m := range machines {
		e := &entry{name: m.name, base: "http://" + m.address, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: requesters}}}
		b.entries = append(b.entries, e)
		b.wg.Go(func() { e.watch(ctx) })
	}
	return b
}

func (b *balancer) stop() {
	b.cancel()
	b.wg.Wait()
}

func (e *entry) watch(ctx context.Context) {
	// Not the connections of requests: it must see that no new ones are taken.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	good, silent := 0, 0
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		// One that says that it ends is left at once, one that does not answer in time may
		// only be slow.
		switch err := get(ctx, client, "", e.base+"/ping"); {
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

// pick returns the next proxy that is well. When none seems to be, any is better
// than none.
func (b *balancer) pick() *entry {
	for range b.entries {
		if e := b.entries[b.next.Add(1)%uint64(len(b.entries))]; e.well.Load() {
			return e
		}
	}
	return b.entries[b.next.Add(1)%uint64(len(b.entries))]
}

// request is sent through the balancer; its answer must be 200.
type request struct {
	method, path string
	header       map[string]string
	body         []byte
}

// do sends a request, at another node again when one does not answer, and returns
// the answer's body and header.
func (b *balancer) do(ctx context.Context, r request) ([]byte, http.Header, error) {
	for try := 1; ; try++ {
		begun := time.Now()
		e := b.pick()
		again, body, header, err := e.do(ctx, r)
		if err == nil {
			return body, header, nil
		}
		err = fmt.Errorf("%s, after %s, through %s: %w", time.Now().Format(time.TimeOnly), time.Since(begun).Round(time.Millisecond), e.name, err)
		if !again || try == maxTries || ctx.Err() != nil {
			return nil, nil, err
		}
		b.mu.Lock()
		b.retried = append(b.retried, err.Error())
		b.mu.Unlock()
	}
}

// do tells also whether another node may be asked the same.
func (e *entry) do(ctx context.Context, r request) (again bool, body []byte, header http.Header, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, e.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return false, nil, nil, err
	}
	req.Host = domain
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
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
	return again, nil, nil, fmt.Errorf("%s %s: %s: %.200s", r.method, r.path, resp.Status, body)
}

// retries returns what had to be sent again.
func (b *balancer) retries() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.retried)
}
