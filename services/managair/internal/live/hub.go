package live

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
)

// Source is the stream of committed samples.
type Source interface {
	// Bounds returns the first and the last entry that the stream has.
	Bounds(ctx context.Context) (first, last live.ID, err error)
	// Read returns up to count entries after an ID; it waits for one as long as it may.
	Read(ctx context.Context, after live.ID, count int64, wait time.Duration) ([]live.Entry, error)
}

// Target is a thing whose samples a listener wants to see. One part is not zero.
type Target struct {
	Organization, Site, Room, Installation int64
}

// Targets are all that a listener wants to see; none stands for everything of the
// organizations that the caller is a member of. What they may not see of several is
// left out.
type Targets []Target

// key is the same for the same targets in any order.
func (t Targets) key() string {
	parts := make([]string, len(t))
	for i, one := range t {
		parts[i] = fmt.Sprint(one)
	}
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), "")
}

// Installation is a node in a room from one time to another.
type Installation struct {
	ID     int64
	NodeNo int32
	// Both ends are included; a zero To is open.
	From, To time.Time
}

// has reports whether a time is within the installation.
func (i Installation) has(t time.Time) bool {
	return !t.Before(i.From) && (i.To.IsZero() || !t.After(i.To))
}

// Store says who may see what.
type Store interface {
	// LiveInstallations returns the present installations of the targets that the caller
	// may see, ascending by id, and NotFound when they may see none of the targets.
	LiveInstallations(ctx context.Context, caller access.Caller, targets Targets) ([]Installation, error)
	// LastingLogins returns those of the log-ins that have not ended.
	LastingLogins(ctx context.Context, logins []Login) ([]Login, error)
	// WaitForChanges calls changed for everything once it listens, and then whenever
	// something of it has changed. It returns when it cannot listen anymore.
	WaitForChanges(ctx context.Context, changed func(Change)) error
}

// Change is what has changed.
type Change uint8

// The changes.
const (
	Inventory Change = iota // what LiveInstallations depends on
	Logins                  // what LastingLogins depends on
)

// Encoder appends the JSON object of a sample of an installation.
type Encoder func(dst []byte, installation int64, s measurement.Sample) []byte

// Config bounds a hub.
type Config struct {
	MaxListeners  int `env:"LIVE_MAX_LISTENERS" envDefault:"10000" desc:"listeners to live values at the same time, per process"`
	MaxPerAccount int `env:"LIVE_MAX_PER_ACCOUNT" envDefault:"50" desc:"of these, listeners of one account; a browser has one"`
	MaxPerPlace   int `env:"LIVE_MAX_PER_PLACE" envDefault:"300" desc:"of these, listeners of one IPv4 address or /64 of IPv6; a school shares one"`
}

const (
	// Up to readCount entries are read at once, at most each pace: more often would only
	// wake thousands of listeners for a few samples each. The first after a rest goes at
	// once. The count bounds the memory of a burst.
	readCount = 32
	pace      = 50 * time.Millisecond
	readWait  = time.Second
	// A listener is dropped when so many events wait for one socket, or several with
	// together so many bytes.
	maxEvents = 256
	maxBytes  = 1 << 20
	// catchUps is how many listeners at a time read what they missed.
	catchUps = 8
	// recheck is how often permissions are looked at without a notice of a change.
	recheck = time.Minute
	// askTime is how long the store may take to answer.
	askTime = 10 * time.Second
	// aheadWait is how long to wait for an event that a listener has seen on a faster
	// replica.
	aheadWait = 2 * time.Second
)

// Hub hands samples to listeners.
type Hub struct {
	config  Config
	log     *slog.Logger
	source  Source
	store   Store
	encode  Encoder
	metrics *metrics
	changed [2]chan struct{} // by Change
	reading chan struct{}    // a token for each catch-up

	mu       sync.Mutex
	position live.ID // all topics have got what is up to here; zero: Redis is away
	moved    chan struct{}
	closed   bool
	changes  int // how often the inventory or log-ins changed
	topics   map[topicKey]*topic
	byNode   map[int32]map[*topic]struct{}
	count    int // of listeners
	crowd    crowd
}

type topicKey struct {
	user    int64
	targets string
}

// topic is what one user may see of some targets.
type topic struct {
	key       topicKey
	targets   Targets
	spans     map[int32][]Installation
	ids       []int64
	listeners map[*Listener]struct{}
	// frame gathers the samples of a batch while it is handed out.
	frame []byte
}

// New returns a hub; Run makes it work.
func New(cfg Config, log *slog.Logger, source Source, store Store, encode Encoder, m Registerer) *Hub {
	h := &Hub{
		config: cfg, log: log, source: source, store: store, encode: encode,
		changed: [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)},
		reading: make(chan struct{}, catchUps),
		moved:   make(chan struct{}),
		topics:  map[topicKey]*topic{},
		byNode:  map[int32]map[*topic]struct{}{},
		crowd:   newCrowd(cfg),
	}
	h.metrics = newMetrics(m, h)
	return h
}

// Run reads the stream, and looks at permissions, until ctx ends.
func (h *Hub) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { h.read(ctx) })
	running.Go(func() { h.listen(ctx) })
	running.Go(func() { h.recheck(ctx, Inventory, h.checkAll) })
	running.Go(func() { h.recheck(ctx, Logins, h.checkLogins) })
	running.Wait()
}

// Close ends all listeners and takes no new ones.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, t := range h.topics {
		for l := range t.listeners {
			h.end(t, l, EndRestart)
		}
	}
}

// read reads the stream. After a failure something may be missing.
func (h *Hub) read(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		err := h.follow(ctx, func() {
			if failing {
				h.log.InfoContext(ctx, "live values are read again")
			}
			failing = false
		})
		h.mu.Lock()
		h.position = live.ID{}
		h.mu.Unlock()
		if ctx.Err() == nil && !failing {
			failing = true
			h.log.ErrorContext(ctx, "live values cannot be read; listeners wait until Redis is back", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// follow reads from the end of the stream on until it fails.
func (h *Hub) follow(ctx context.Context, started func()) error {
	_, last, err := h.source.Bounds(ctx)
	if err != nil {
		return err
	}
	// Whoever listens already may have missed something while we did not read.
	h.handOut([]live.Entry{{ID: last, Gap: true}})
	started()
	for {
		entries, err := h.source.Read(ctx, last, readCount, readWait)
		if err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		if len(entries) == 0 {
			continue
		}
		last = entries[len(entries)-1].ID
		h.handOut(entries)
		if len(entries) < readCount {
			select {
			case <-ctx.Done():
			case <-time.After(pace):
			}
		}
	}
}

// handOut hands a batch to the topics it concerns.
func (h *Hub) handOut(entries []live.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var touched []*topic
	gap := false
	for _, e := range entries {
		gap = gap || e.Gap
		for _, s := range e.Samples {
			for t := range h.byNode[s.NodeNo] {
				before := len(t.frame)
				t.frame = t.append(t.frame, h.encode, s)
				if before == 0 && len(t.frame) > 0 {
					touched = append(touched, t)
				}
			}
		}
	}
	last := entries[len(entries)-1].ID
	h.position = last
	close(h.moved)
	h.moved = make(chan struct{})
	for _, t := range touched {
		event := sampleEvent(t.frame, last, gap)
		t.frame = nil
		h.push(t, event)
	}
	if gap {
		event := event(nameReset, last, nil)
		for _, t := range h.topics {
			h.push(t, event)
		}
	}
	if published := last.Time(); len(touched) > 0 {
		h.metrics.delay.Observe(max(time.Since(published), 0).Seconds())
	}
}

// append appends what the topic's listeners may see of a sample.
func (t *topic) append(dst []byte, encode Encoder, s live.Sample) []byte {
	for _, i := range t.spans[s.NodeNo] {
		if i.has(s.Time) {
			separator := byte(',')
			if len(dst) == 0 {
				separator = '['
			}
			dst = encode(append(dst, separator), i.ID, s.Sample)
		}
	}
	return dst
}

// push queues an event for all listeners of a topic; h.mu is held.
func (h *Hub) push(t *topic, e *Event) {
	for l := range t.listeners {
		if !l.queue(e) {
			h.metrics.dropped.Inc()
			h.end(t, l, EndSlow)
		}
	}
}

// end ends a listener; h.mu is held.
func (h *Hub) end(t *topic, l *Listener, why End) {
	if _, there := t.listeners[l]; !there {
		return
	}
	delete(t.listeners, l)
	h.count--
	h.crowd.leave(l.client)
	l.why = why
	close(l.ended)
	if len(t.listeners) == 0 {
		delete(h.topics, t.key)
		h.unlink(t)
	}
}

// link makes a topic show installations. The map of spans is replaced and never
// changed: those who catch up read an older one; h.mu is held.
func (h *Hub) link(t *topic, installations []Installation) {
	t.spans = map[int32][]Installation{}
	t.ids = make([]int64, len(installations))
	for i, in := range installations {
		t.ids[i] = in.ID
		t.spans[in.NodeNo] = append(t.spans[in.NodeNo], in)
	}
	for no := range t.spans {
		if h.byNode[no] == nil {
			h.byNode[no] = map[*topic]struct{}{}
		}
		h.byNode[no][t] = struct{}{}
	}
}

func (h *Hub) unlink(t *topic) {
	for no := range t.spans {
		delete(h.byNode[no], t)
		if len(h.byNode[no]) == 0 {
			delete(h.byNode, no)
		}
	}
}

// listen waits for notices of changed permissions.
func (h *Hub) listen(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		err := h.store.WaitForChanges(ctx, func(what Change) {
			failing = false
			h.change(what)
		})
		if ctx.Err() == nil && !failing {
			failing = true
			h.log.WarnContext(ctx, "no notices of changes in inventory and log-ins; looking every minute", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// change notes that permissions or log-ins may have changed.
func (h *Hub) change(what Change) {
	h.mu.Lock()
	h.changes++
	h.mu.Unlock()
	select {
	case h.changed[what] <- struct{}{}:
	default: // there is work to do already
	}
}

// recheck does a check after changes, and now and then.
func (h *Hub) recheck(ctx context.Context, what Change, check func(context.Context) error) {
	timer := time.NewTimer(recheck)
	defer timer.Stop()
	for {
		wait := recheck
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-h.changed[what]:
		}
		if err := check(ctx); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "permissions of live listeners cannot be checked; trying again", "err", err)
			wait = 5 * time.Second
		}
		timer.Reset(wait)
	}
}

func (h *Hub) checkAll(ctx context.Context) error {
	h.mu.Lock()
	all := make([]*topic, 0, len(h.topics))
	for _, t := range h.topics {
		all = append(all, t)
	}
	h.mu.Unlock()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2)
	for _, t := range all {
		g.Go(func() error { return h.check(ctx, t) })
	}
	return g.Wait()
}

// check makes a topic what its user may see now.
func (h *Hub) check(ctx context.Context, t *topic) error {
	installations, err := h.resolve(ctx, t.key.user, t.targets)
	h.mu.Lock()
	defer h.mu.Unlock()
	if fault.Is(err, fault.NotFound) {
		for l := range t.listeners {
			h.end(t, l, EndGone)
		}
		return nil
	}
	if err != nil || h.topics[t.key] != t {
		return err
	}
	h.relink(t, installations)
	return nil
}

// relink replaces what a topic shows, and tells its listeners; h.mu is held.
func (h *Hub) relink(t *topic, installations []Installation) {
	before := t.ids
	h.unlink(t)
	h.link(t, installations)
	if !slices.Equal(before, t.ids) {
		h.push(t, event(nameInstallations, live.ID{}, appendIDs(nil, t.ids)))
	}
}

func (h *Hub) resolve(ctx context.Context, user int64, targets Targets) ([]Installation, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return h.store.LiveInstallations(ctx, access.Caller{UserID: user}, targets)
}

func appendIDs(dst []byte, ids []int64) []byte {
	dst = append(dst, '[')
	for i, id := range ids {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = strconv.AppendInt(dst, id, 10)
		dst = append(dst, '"')
	}
	return append(dst, ']')
}
