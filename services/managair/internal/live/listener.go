package live

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/live"
)

// The names of events.
const (
	nameReady         = "ready"
	nameSample        = "sample"
	nameReset         = "reset"
	nameInstallations = "installations"
	nameBeat          = "beat"
	nameEnd           = "end"
)

// Event is one server-sent event, ready to be written. Many listeners share it.
type Event struct {
	text []byte
}

// Text is the event as it goes over the wire
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).
func (e *Event) Text() []byte { return e.text }

// event makes an event. A zero id is none; data is JSON without line breaks.
func event(name string, id live.ID, data []byte) *Event {
	b := make([]byte, 0, len(data)+64)
	b = append(append(append(b, "event: "...), name...), '\n')
	if id != (live.ID{}) {
		b = append(append(append(b, "id: "...), id.String()...), '\n')
	}
	if len(data) == 0 {
		data = []byte("{}") // an event without data is not dispatched
	}
	b = append(append(append(b, "data: "...), data...), "\n\n"...)
	return &Event{b}
}

// sampleEvent makes the event of the samples that frame has gathered. When a reset
// follows, it bears no id: a listener who loses the connection between the two
// must not go on after the reset.
func sampleEvent(frame []byte, last live.ID, resetFollows bool) *Event {
	if resetFollows {
		last = live.ID{}
	}
	return event(nameSample, last, append(frame, ']'))
}

// End says why a listener was ended.
type End string

// The ends.
const (
	EndSlow    End = "slow"    // they do not read fast enough
	EndGone    End = "gone"    // what they listen to is not there anymore, or not for them
	EndRestart End = "restart" // the server stops
	EndAge     End = "age"     // now and then listeners have to show again who they are
	EndLogin   End = "login"   // their session or token has ended
)

// Event returns the last event of a listener: its data is {"reason":".."}.
func (e End) Event() *Event { return event(nameEnd, live.ID{}, []byte(`{"reason":"`+string(e)+`"}`)) }

// Listener gets the events of a topic.
type Listener struct {
	hub    *Hub
	topic  *topic
	client Client
	// missed is what comes before the queued events: entries after from up to to.
	from, to live.ID
	catchUp  bool
	reset    bool // instead
	ids      []int64
	spans    *topic // as they were at the beginning

	queued chan *Event
	bytes  atomic.Int64
	ended  chan struct{}
	why    End // valid when ended is closed
}

// queue queues an event, and returns false when the queue is full.
func (l *Listener) queue(e *Event) bool {
	size := int64(len(e.text))
	if waiting := l.bytes.Add(size); waiting > maxBytes && waiting > size {
		return false
	}
	select {
	case l.queued <- e:
		return true
	default:
		return false
	}
}

// Since says from where on a listener wants to hear; the zero value is from now on. Of
// both the earlier counts.
type Since struct {
	// Last is the id of the last event that was seen.
	Last *live.ID
	// Recent is for how long before now: a page has fetched what it shows a moment before it
	// listens, and must not miss what was committed between.
	Recent time.Duration
}

// MaxRecent bounds Since.Recent.
const MaxRecent = time.Minute

// from returns the place after which a listener is to hear who begins at a position;
// false: at the position itself.
func (s Since) from(position live.ID, now time.Time) (live.ID, bool) {
	var from live.ID
	if s.Last != nil {
		from = *s.Last
	}
	// Without a position there is nothing that could be read again.
	if s.Recent > 0 && position != (live.ID{}) {
		recent := live.ID{Milliseconds: uint64(max(now.Add(-s.Recent).UnixMilli(), 0))}
		if s.Last == nil || recent.Compare(from) < 0 {
			from = recent
		}
		return from, true
	}
	return from, s.Last != nil
}

// Subscribe returns a listener, who must be closed. NotFound: there is none of the targets
// for the caller. Unavailable: there are too many listeners, with ErrTooMany of this client.
// Unauthenticated: the log-in has just ended. While Redis is away listeners
// are taken all the same: a browser would not try again after an error.
func (h *Hub) Subscribe(ctx context.Context, client Client, targets Targets, since Since) (*Listener, error) {
	ahead := since.Last != nil && !h.wait(ctx, *since.Last)
	for {
		h.mu.Lock()
		changes := h.changes
		h.mu.Unlock()
		installations, err := h.resolve(ctx, client.Caller.UserID, targets)
		if err == nil {
			err = h.mustLast(ctx, client.Login)
		}
		if err != nil {
			return nil, err
		}
		l, err := h.join(client, targets, installations, changes, since, ahead)
		if l != nil || err != nil {
			return l, err
		}
		// Something has changed in the meantime.
	}
}

// wait waits until the hub has handed out the event with an id, and reports
// whether it has. A replica may be a moment behind the one that a listener was on.
func (h *Hub) wait(ctx context.Context, id live.ID) bool {
	ctx, cancel := context.WithTimeout(ctx, aheadWait)
	defer cancel()
	for {
		h.mu.Lock()
		there, moved := id.Compare(h.position) <= 0, h.moved
		h.mu.Unlock()
		if there {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-moved:
		}
	}
}

// join adds a listener to a topic; nil without an error means: resolve again.
func (h *Hub) join(client Client, targets Targets, installations []Installation, changes int, since Since, ahead bool) (*Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, fault.New(fault.Unavailable, "the server is stopping")
	case h.count >= h.config.MaxListeners:
		return nil, fault.New(fault.Unavailable, "there are too many listeners")
	case h.changes != changes:
		return nil, nil //nolint:nilnil // said above
	case !h.crowd.admit(client):
		return nil, ErrTooMany
	}
	key := topicKey{client.Caller.UserID, targets.key()}
	t := h.topics[key]
	if t == nil {
		t = &topic{key: key, targets: targets, listeners: map[*Listener]struct{}{}}
		h.topics[key] = t
		h.link(t, installations)
	} else {
		h.relink(t, installations)
	}
	l := &Listener{
		hub: h, topic: t, client: client, to: h.position, ids: t.ids, spans: &topic{spans: t.spans},
		queued: make(chan *Event, maxEvents), ended: make(chan struct{}),
	}
	if ahead { // an id that was never given, or of a Redis that lost its data or is away
		l.reset = true
	} else {
		l.from, l.catchUp = since.from(h.position, time.Now())
	}
	t.listeners[l] = struct{}{}
	h.count++
	return l, nil
}

// Close takes the listener away. It may be called at any time.
func (l *Listener) Close() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	l.hub.end(l.topic, l, EndGone)
}

// Begin hands the first events to write: "ready", and then what the listener has
// missed, or "reset". Errors are those of write.
func (l *Listener) Begin(ctx context.Context, write func(*Event) error) error {
	ready := append(appendIDs([]byte(`{"installations":`), l.ids), '}')
	if !l.catchUp && !l.reset {
		return write(event(nameReady, l.to, ready))
	}
	// No id: the listener has seen nothing yet.
	if err := write(event(nameReady, live.ID{}, ready)); err != nil {
		return err
	}
	if l.reset {
		return write(event(nameReset, l.to, nil))
	}
	return l.missed(ctx, write)
}

// missed hands out what came between the last event that was seen and the place
// where the queue begins, and "reset" when that cannot be told.
func (l *Listener) missed(ctx context.Context, write func(*Event) error) error {
	for after := l.from; after.Compare(l.to) < 0; {
		entries, whole, err := l.read(ctx, after)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || !whole {
			return write(event(nameReset, l.to, nil))
		}
		if len(entries) == 0 {
			break
		}
		var frame []byte
		for _, e := range entries {
			for _, s := range e.Samples {
				frame = l.spans.append(frame, l.hub.encode, s)
			}
		}
		after = entries[len(entries)-1].ID
		if len(frame) == 0 {
			continue
		}
		if err := write(sampleEvent(frame, after, false)); err != nil {
			return err
		}
	}
	return write(mark(l.to))
}

// read reads the next of the missed entries; whole is false when some are missing.
func (l *Listener) read(ctx context.Context, after live.ID) (entries []live.Entry, whole bool, err error) {
	select {
	case l.hub.reading <- struct{}{}:
		defer func() { <-l.hub.reading }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if entries, err = l.hub.source.Read(ctx, after, readCount, 0); err != nil {
		return nil, false, err
	}
	// Asked afterwards: old entries go first, so as long as one is there that is not
	// after this place, none after it was gone when we read.
	first, _, err := l.hub.source.Bounds(ctx)
	if err != nil {
		return nil, false, err
	}
	whole = first.Compare(after) <= 0
	for i, e := range entries {
		if e.ID.Compare(l.to) > 0 {
			return entries[:i], whole, nil // the rest is in the queue
		}
		whole = whole && !e.Gap
	}
	return entries, whole, nil
}

// mark makes a block that tells how far a listener is without being an event.
func mark(id live.ID) *Event { return &Event{[]byte(": here\nid: " + id.String() + "\n\n")} }

// Next hands the events that are due to write; it waits for the first one until the
// heartbeat is due, and then hands that. It returns the reason when it is the end;
// otherwise errors are those of write or of ctx.
func (l *Listener) Next(ctx context.Context, heartbeat time.Duration, write func(*Event) error) (End, error) {
	timer := time.NewTimer(heartbeat)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-l.ended:
		return l.why, nil
	case e := <-l.queued:
		for {
			l.bytes.Add(-int64(len(e.text)))
			if err := write(e); err != nil {
				return "", err
			}
			select {
			case e = <-l.queued:
			default:
				return "", nil
			}
		}
	case <-timer.C:
		return "", write(l.heartbeat())
	}
}

// heartbeat tells how late it is, and how far the listener is, so that they need not
// begin anew when nothing concerned them for a long time. It is an event, because a page cannot
// hear comments, and a stream that somebody holds back looks like one without news.
func (l *Listener) heartbeat() *Event {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	position := l.hub.position
	// Events are queued in the same moment in which the position moves.
	if len(l.queued) > 0 {
		position = live.ID{}
	}
	return event(nameBeat, position, append(strconv.AppendInt([]byte(`{"now_s":`), time.Now().Unix(), 10), '}'))
}
