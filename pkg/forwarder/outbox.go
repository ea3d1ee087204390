package forwarder

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/clairberlin/clair-stack/pkg/ingestclient"
	"github.com/clairberlin/clair-stack/pkg/lorawan"
	ingestv1 "github.com/clairberlin/clair-stack/proto/clair/ingest/v1"
)

// fate is what became of an uplink.
type fate uint8

const (
	stored  fate = iota // the ingestair has it
	spooled             // Redis has it
	refused             // the ingestair will never take it
	foreign             // it is another forwarder's
	dropped             // there was no room
)

// entry is an uplink that waits: encoded, because thousands may.
type entry struct {
	encoded   []byte // as ingestclient.Append makes it
	undecoded bool   // it goes to KeepUndecoded
	samples   uint8
	readings  uint16
	source    ingestv1.Source
	received  time.Time  // by us
	done      func(fate) // may be nil; called once, must not block
}

func (e *entry) finish(f fate) {
	if e.done != nil {
		e.done(f)
	}
}

// devEUI returns the device that sent it, for the log.
func (e *entry) devEUI() lorawan.EUI64 {
	var m *ingestv1.UplinkMetadata
	if e.undecoded {
		var r ingestv1.KeepUndecodedRequest
		if err := proto.Unmarshal(e.encoded, &r); err == nil {
			m = r.GetUplinks()[0].GetMetadata()
		}
	} else {
		var r ingestv1.StoreRequest
		if err := proto.Unmarshal(e.encoded, &r); err == nil {
			m = r.GetUplinks()[0].GetMetadata()
		}
	}
	return lorawan.EUI64(m.GetDevEui())
}

// outbox is a bounded queue of entries, first in, first out.
type outbox struct {
	limit int

	mu      sync.Mutex
	ring    []entry // the queue is ring[head:head+n], modulo its length
	head, n int
	closed  bool
	wake    chan struct{} // has a token when a taker may find something
	room    chan struct{} // closed and forgotten when half of it is free; nil: nobody waits
}

const smallestRing = 64

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, wake: make(chan struct{}, 1)}
}

// put appends an entry; false means that the outbox is full.
func (o *outbox) put(e entry) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n >= o.limit {
		return false
	}
	if o.n == len(o.ring) {
		o.resize(max(2*len(o.ring), smallestRing))
	}
	o.ring[(o.head+o.n)%len(o.ring)] = e
	o.n++
	o.signal()
	return true
}

// Bounds of a batch, well within those of the ingestion service.
const (
	maxBatch      = 1000
	maxBatchBytes = 1 << 20
)

// take removes the oldest entries, as many as fit into a batch, all decoded or all
// not. It waits until there is one; nil means that the outbox is closed and empty,
// or that ctx has ended.
func (o *outbox) take(ctx context.Context) []entry {
	for {
		if batch, closed := o.tryTake(); batch != nil || closed {
			return batch
		}
		select {
		case <-o.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (o *outbox) tryTake() (batch []entry, closed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n == 0 {
		if o.closed {
			o.signal() // for the other takers
		}
		return nil, o.closed
	}
	batch = make([]entry, 0, min(o.n, maxBatch))
	kind, size := o.ring[o.head].undecoded, 0
	for len(batch) < maxBatch && o.n > 0 && o.ring[o.head].undecoded == kind {
		size += len(o.ring[o.head].encoded)
		if size > maxBatchBytes && len(batch) > 0 {
			break
		}
		batch = append(batch, o.ring[o.head])
		o.ring[o.head] = entry{}
		o.head = (o.head + 1) % len(o.ring)
		o.n--
	}
	if o.room != nil && o.n <= o.limit/2 {
		close(o.room)
		o.room = nil
	}
	switch {
	case o.n > 0:
		o.signal() // for the other takers
	case len(o.ring) > smallestRing:
		o.ring, o.head = nil, 0 // what a long queue needed goes back
	}
	return batch, false
}

// len returns how many entries wait.
func (o *outbox) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n
}

// awaitRoom waits while more than half of the outbox is in use. Those who can have
// uplinks kept elsewhere ask before they take more: a broker at QoS 1, the storage.
func (o *outbox) awaitRoom(ctx context.Context) error {
	select {
	case <-o.halfFree():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *outbox) halfFree() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n <= o.limit/2 {
		return closed
	}
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}

// close lets takers end when the outbox is empty.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.signal()
}

// signal is called with mu held.
func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// resize is called with mu held.
func (o *outbox) resize(size int) {
	ring := make([]entry, size)
	for i := range o.n {
		ring[i] = o.ring[(o.head+i)%len(o.ring)]
	}
	o.ring, o.head = ring, 0
}

// request joins the encoded uplinks of a batch.
func request(batch []entry) []byte {
	size := 0
	for i := range batch {
		size += len(batch[i].encoded)
	}
	joined := make([]byte, 0, size)
	for i := range batch {
		joined = append(joined, batch[i].encoded...)
	}
	return joined
}

// encodeEntry makes an entry of an uplink.
func encodeEntry(uplink *ingestv1.Uplink, undecoded *ingestv1.UndecodedUplink) (entry, error) {
	if undecoded != nil {
		encoded, err := ingestclient.Append(nil, undecoded)
		return entry{encoded: encoded, undecoded: true, source: undecoded.GetMetadata().GetSource()}, err
	}
	encoded, err := ingestclient.Append(nil, uplink)
	return entry{
		encoded: encoded, source: uplink.GetMetadata().GetSource(),
		samples: uint8(len(uplink.GetSamples())), readings: uint16(len(uplink.GetReadings())),
	}, err
}
