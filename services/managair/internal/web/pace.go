package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
)

// A body has some time to begin, and must then keep a pace that the slowest line has.
// It is not bounded as a whole, as by http.Server.ReadTimeout, because a large picture
// on a slow line is honest, and because that would end live streams, too.
var (
	bodyGrace = 15 * time.Second
	bodyRate  = 4 << 10 // bytes per second
)

// ErrSlowBody is what reading a body ends with that comes too slowly.
var ErrSlowBody = fault.New(fault.Invalid, "the body came too slowly")

// pace bounds the time of the request's body, also if nobody reads it: the server does
// then, before it takes the next request.
func pace(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	now := time.Now()
	body := &pacedBody{ReadCloser: r.Body, control: http.NewResponseController(w), begun: now, left: now}
	body.allow()
	r.Body = body
}

type pacedBody struct {
	io.ReadCloser

	control *http.ResponseController
	// begun is moved on by the time in which nobody wanted to read: what waits for its turn
	// here, as pictures do, is not slow for that. Since left, nobody has.
	begun, left time.Time
	read        int
}

// allow sets until when more must have come.
func (b *pacedBody) allow() {
	earned := time.Duration(b.read) * time.Second / time.Duration(bodyRate)
	// Not all writers of tests have deadlines.
	_ = b.control.SetReadDeadline(b.begun.Add(bodyGrace + earned))
}

// Read is that of io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	b.begun = b.begun.Add(time.Since(b.left))
	b.allow()
	n, err := b.ReadCloser.Read(p)
	b.left = time.Now()
	b.read += n
	switch {
	case errors.Is(err, io.EOF):
		// From here on the server listens whether the client goes, for as long as it takes.
		_ = b.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrSlowBody
	}
	return n, err
}
