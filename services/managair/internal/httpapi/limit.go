package httpapi

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter counts the requests of each client in a token bucket. Each process
// counts for itself.
type limiter struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex
	clients map[string]*rate.Limiter
}

// maxClients bounds the memory. When there are more, those with full buckets are
// forgotten, which takes nothing from them.
const maxClients = 10_000

func newLimiter(perSecond float64, burst int) *limiter {
	if perSecond <= 0 {
		return nil
	}
	return &limiter{rate: rate.Limit(perSecond), burst: max(burst, 1), clients: map[string]*rate.Limiter{}}
}

// window is the time in which an empty bucket fills, in seconds.
func (l *limiter) window() int { return int(math.Ceil(float64(l.burst) / float64(l.rate))) }

// take takes a token. wait is how many seconds to wait when there is none, else 0.
func (l *limiter) take(client string, now time.Time) (remaining, wait int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.clients[client]
	if !ok {
		if len(l.clients) >= maxClients {
			l.forget(now)
		}
		bucket = rate.NewLimiter(l.rate, l.burst)
		l.clients[client] = bucket
	}
	if bucket.AllowN(now, 1) {
		return int(bucket.TokensAt(now)), 0
	}
	missing := 1 - bucket.TokensAt(now)
	return 0, max(int(math.Ceil(missing/float64(l.rate))), 1)
}

func (l *limiter) forget(now time.Time) {
	for client, bucket := range l.clients {
		if bucket.TokensAt(now) >= float64(l.burst) {
			delete(l.clients, client)
		}
	}
	if len(l.clients) >= maxClients {
		clear(l.clients)
	}
}

// gate lets a few at a time do what takes the database long; the others wait, and
// short questions find the database free.
type gate chan struct{}

// gateTime is how long one waits for his turn. There is no point in reading for
// somebody who has gone.
const gateTime = 30 * time.Second

// enter waits for one's turn, until leave is called.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, gateTime)
	defer cancel()
	select {
	case g <- struct{}{}:
		return func() { <-g }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
