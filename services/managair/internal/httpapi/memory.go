package httpapi

import (
	"strings"
	"sync"

	"github.com/clairberlin/clair-stack/pkg/jsonapi"
)

// arena is the memory of what the resources of one answer consist of. A list of a
// hundred has a thousand attributes and addresses; each for itself, they are most of
// the work of the answer. The pieces are valid until free.
type arena struct {
	attributes    slab[jsonapi.Attribute]
	relationships slab[jsonapi.Relationship]
	text          strings.Builder
	scratch       []byte
}

var arenas = sync.Pool{New: func() any { return new(arena) }}

func newArena() *arena {
	m, _ := arenas.Get().(*arena)
	return m
}

// free gives the memory to other answers. Texts are not among it: they may have
// gone anywhere.
func (m *arena) free() {
	m.attributes.free()
	m.relationships.free()
	m.text = strings.Builder{}
	arenas.Put(m)
}

// string returns a copy of b. Texts share few large pieces of memory.
func (m *arena) string(b []byte) string {
	at := m.room(len(b))
	m.text.Write(b)
	return m.text.String()[at:]
}

// Texts come in pieces that grow with the answer between these sizes, in bytes.
const (
	minText = 1 << 10
	maxText = 32 << 10
)

// room makes room for a text of n bytes and returns where it begins.
func (m *arena) room(n int) int {
	if m.text.Cap()-m.text.Len() < n {
		size := min(max(2*m.text.Cap(), minText), maxText)
		m.text = strings.Builder{}
		m.text.Grow(max(size, n))
	}
	return m.text.Len()
}

// url returns the address of what the segments name, below base.
func (m *arena) url(base string, segments []string) string {
	n := len(base) + len(segments) + 1
	for _, segment := range segments {
		n += len(segment)
	}
	at := m.room(n)
	m.text.WriteString(base)
	for _, segment := range segments {
		m.text.WriteByte('/')
		m.text.WriteString(segment)
	}
	m.text.WriteByte('/')
	return m.text.String()[at:]
}

// slab gives out slices of one large array.
type slab[T any] struct{ items []T }

// The first array has room for a resource, and none is kept that is larger than
// those of a few hundred.
const (
	minSlab = 16
	maxSlab = 1 << 13
)

// take returns a copy of items that can grow by room more.
func (s *slab[T]) take(room int, items []T) []T {
	n := len(items) + room
	if cap(s.items)-len(s.items) < n {
		// What was given out of the old one stays where it is.
		s.items = make([]T, 0, max(2*cap(s.items), n, minSlab))
	}
	at := len(s.items)
	s.items = s.items[:at+n]
	return append(s.items[at:at:at+n], items...)
}

func (s *slab[T]) free() {
	if cap(s.items) > maxSlab {
		s.items = nil
		return
	}
	clear(s.items) // of what they point to
	s.items = s.items[:0]
}

// bodies are buffers for documents.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxBodyKept is the size of the largest buffer that is kept, in bytes.
const maxBodyKept = 1 << 20

// withBody lends a buffer to do, which returns it as it has become.
func withBody(do func([]byte) []byte) {
	buffer, _ := bodies.Get().(*[]byte)
	*buffer = do((*buffer)[:0])
	if cap(*buffer) <= maxBodyKept {
		bodies.Put(buffer)
	}
}
