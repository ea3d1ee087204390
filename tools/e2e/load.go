package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

// requests sends HTTP requests through the reverse proxy all the time.
type requests struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	took     []time.Duration
	failures []string
}

// requesters is how many requests are under way at a time.
const requesters = 4

// startRequests asks thirty times a second, below the limit of what one client may
// ask.
func startRequests(ctx context.Context, ask func(context.Context) error) *requests {
	ctx, cancel := context.WithCancel(ctx)
	r := &requests{cancel: cancel}
	ticks := make(chan struct{})
	r.wg.Go(func() {
		defer close(ticks)
		ticker := time.NewTicker(33 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				select {
				case ticks <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for range requesters {
		r.wg.Go(func() {
			for range ticks {
				// Not ctx: what has been begun is to be answered, also when we stop.
				begun := time.Now()
				err := ask(context.WithoutCancel(ctx))
				r.mu.Lock()
				r.took = append(r.took, time.Since(begun))
				if err != nil {
					r.failures = append(r.failures, time.Now().Format(time.TimeOnly)+" "+err.Error())
				}
				r.mu.Unlock()
			}
		})
	}
	return r
}

// soFar returns how many requests there have been, and the failures.
func (r *requests) soFar() (n int, failures []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.took), slices.Clip(r.failures)
}

// stop returns how many requests there were, the failures, and the 99th percentile
// of the times that they took.
func (r *requests) stop() (n int, failures []string, p99 time.Duration) {
	r.cancel()
	r.wg.Wait()
	slices.Sort(r.took)
	if len(r.took) > 0 {
		p99 = r.took[len(r.took)*99/100]
	}
	return len(r.took), r.failures, p99
}

// get asks for a page, which must be there.
func get(ctx context.Context, client *http.Client, host, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Host = host
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %.200s", url, resp.Status, body)
	}
	return nil
}

// uplinks publishes the uplinks of simulated nodes to the broker and remembers
// which samples they carry.
type uplinks struct {
	cancel context.CancelFunc
	ended  chan error

	mu      sync.Mutex
	count   int
	samples map[sampleKey]bool
	last    time.Time // when the last was received by the network
}

type sampleKey struct {
	node uuid.UUID
	time int64
}

// startUplinks plays the nodes' past at speed until it is stopped.
func startUplinks(ctx context.Context, broker string, nodes []*simulate.Node, from time.Time, speed float64) (*uplinks, error) {
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(broker).SetClientID("e2e").SetOrderMatters(true))
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		return nil, fmt.Errorf("connect to the broker: %w", token.Error())
	}
	ctx, cancel := context.WithCancel(ctx)
	u := &uplinks{cancel: cancel, ended: make(chan error, 1), samples: map[sampleKey]bool{}}
	var undecoded error
	publishing := simulate.Publishing{
		From: from, Speed: speed, QoS: 1,
		Applications: map[simulate.Model]ttn.Application{
			simulate.Clairchen: {ID: "clair-clairchen", Tenant: "ttn"},
			simulate.ERS:       {ID: "clair-ers", Tenant: "ttn"},
		},
		Progress: func(up simulate.Uplink) {
			message, err := up.Node.Decoder().Decode(&up.Uplink)
			if err != nil {
				undecoded = err
				return
			}
			u.mu.Lock()
			defer u.mu.Unlock()
			u.count++
			u.last = up.ReceivedAt
			for _, s := range message.Samples {
				u.samples[sampleKey{up.Node.ID(), s.Time.Unix()}] = true
			}
		},
	}
	go func() {
		err := simulate.Publish(ctx, client, nodes, publishing)
		client.Disconnect(2000) // what was published is on its way to the broker
		if ctx.Err() != nil {
			err = nil
		}
		if err == nil {
			err = undecoded
		}
		u.ended <- err
	}()
	return u, nil
}

// stop returns how many uplinks were published, and their samples.
func (u *uplinks) stop() (int, map[sampleKey]bool, error) {
	u.cancel()
	err := <-u.ended
	return u.count, u.samples, err
}
