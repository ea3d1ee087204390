package hostile

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/pkg/bomb"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stack"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// A member uploads pictures that need any amount of memory or time.
//
//nolint:paralleltest // memory is measured
func TestMemberUploadsBombs(t *testing.T) {
	s := newScore(t, "member, pictures")
	running := stacktest.Start(t, stacktest.Options{Change: func(o *stack.Options) {
		o.Env = append(o.Env, "MEDIA_FOLDER="+t.TempDir())
	}})
	installation := running.Load(t, house()).Installations[devEUI]
	member, visitor := logIn(t, running, mallory), client{stack: running}

	const container = 256 << 20 // as in compose/docker-compose.yml
	bounded := newGroup(t, container)
	// What it had before it was moved there is not counted: some 30 MB.
	bounded.take(t, running.Managair.PID())
	t.Cleanup(func() { running.Managair.Kill() }) // before the group is removed

	for _, upload := range []struct {
		name    string
		picture []byte
		status  int
	}{
		{"16-bit PNG of 40 megapixels", bomb.PNG(6324, 6324, bomb.Deep), http.StatusBadRequest},
		{"16-bit PNG of 12 megapixels", bomb.PNG(4096, 3072, bomb.Deep), http.StatusOK},
		{"progressive JPEG of 40 megapixels", bomb.JPEG(6324, 6324, bomb.Full, 1), http.StatusBadRequest},
		{"progressive JPEG of 12 megapixels", bomb.JPEG(4096, 3072, bomb.Halve, 1), http.StatusBadRequest},
		{"progressive JPEG of 12 megapixels in full colour", bomb.JPEG(4096, 3072, bomb.Full, 1), http.StatusBadRequest},
	} {
		got := member.upload(t.Context(), installation, upload.picture)
		s.check(t, got.status == upload.status, "%s: %d %s, want %d", upload.name, got.status, got.body, upload.status)

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		answers := make(chan answer, 8)
		for range cap(answers) {
			go func() { answers <- member.upload(ctx, installation, upload.picture) }()
		}
		for range cap(answers) {
			got := <-answers
			full := got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") != ""
			s.check(t, got.status == upload.status || full, "eight of %s: %d %s", upload.name, got.status, got.body)
		}
		cancel()
		select {
		case <-running.Managair.Ended():
			t.Fatalf("%s: managair ended: %s", upload.name, running.Managair.LogTail())
		default:
		}
		got = visitor.do(t.Context(), http.MethodGet, "/api/v1/rooms/", "", http.NoBody)
		s.check(t, got.status == http.StatusOK, "after %s: %d %s", upload.name, got.status, got.body)
	}
	const most = 200 // MB
	peak := bounded.peakMB(t)
	t.Logf("managair with the processes that decode: %.0f MB at the most, in a group of %d MB", peak, container/1_000_000)
	s.check(t, peak <= most, "%.0f MB, want at most %d", peak, most)
}
