// Package ratelimit counts what clients do, so that none does more than its share.
package ratelimit

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter counts what each client does in a token bucket. Each process counts for
// itself.
type Limiter struct {
	rate  rate.Limit
	burst int

	mu      sync.Mutex
	clients map[string]*rate.Limiter
}

// maxClients bounds the memory. When there are more, those with the fullest buckets
// are forgotten, which takes least from them.
const maxClients = 10_000

// New returns a limiter, or nil, which limits nothing, for no rate.
func New(perSecond float64, burst int) *Limiter {
	if perSecond <= 0 {
		return nil
	}
	return &Limiter{rate: rate.Limit(perSecond), burst: max(burst, 1), clients: map[string]*rate.Limiter{}}
}

// Burst is how much a client may do at once.
func (l *Limiter) Burst() int { return l.burst }

// Window is the time in which an empty bucket fills, in seconds.
func (l *Limiter) Window() int { return int(math.Ceil(float64(l.burst) / float64(l.rate))) }

// Take takes a token. wait is how many seconds to wait when there is none, else 0.
func (l *Limiter) Take(client string, now time.Time) (remaining, wait int) {
	return l.TakeN(client, 1, now)
}

// TakeN takes n tokens, or as many as a full bucket has, or none.
func (l *Limiter) TakeN(client string, n int, now time.Time) (remaining, wait int) {
	n = min(n, l.burst)
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
	if bucket.AllowN(now, n) {
		return int(bucket.TokensAt(now)), 0
	}
	return 0, l.missing(bucket, n, now)
}

// GiveBack undoes TakeN.
func (l *Limiter) GiveBack(client string, n int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bucket, ok := l.clients[client]; ok { // else it is as good as full
		bucket.AllowN(now, -min(n, l.burst)) // fills; what is too much flows over
	}
}

// Wait returns how many seconds the client has to wait, and takes nothing.
func (l *Limiter) Wait(client string, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.clients[client]
	if !ok || bucket.TokensAt(now) >= 1 {
		return 0
	}
	return l.missing(bucket, 1, now)
}

func (l *Limiter) missing(bucket *rate.Limiter, n int, now time.Time) int {
	return max(int(math.Ceil((float64(n)-bucket.TokensAt(now))/float64(l.rate))), 1)
}

// forget makes room: of the clients the half that is nearest to a full bucket goes, so
// that nobody empties a bucket and has it forgotten by coming from many addresses.
func (l *Limiter) forget(now time.Time) {
	type client struct {
		name   string
		tokens float64
	}
	all := make([]client, 0, len(l.clients))
	for name, bucket := range l.clients {
		all = append(all, client{name, bucket.TokensAt(now)})
	}
	slices.SortFunc(all, func(a, b client) int { return cmp.Compare(b.tokens, a.tokens) })
	for _, c := range all[:len(all)/2] {
		delete(l.clients, c.name)
	}
}
