package hostile

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/inventory"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/stacktest"
)

// stream is a connection that hears live values.
type stream struct {
	status int
	lines  *bufio.Scanner
	close  func()
}

// listen opens a stream; its body must be closed.
func (c client) listen(ctx context.Context, t *testing.T, path string) stream {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.stack.URL()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if c.token != "" {
		req.Header.Set("Authorization", "Token "+c.token)
	}
	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // the stream closes it
	if err != nil {
		t.Fatal(err)
	}
	s := stream{resp.StatusCode, bufio.NewScanner(resp.Body), func() { _ = resp.Body.Close() }}
	t.Cleanup(s.close)
	return s
}

// until reads on to an event of that name, and returns its data.
func (s stream) until(event string) string {
	there := false
	for s.lines.Scan() {
		there = there || s.lines.Text() == "event: "+event
		if data, ok := strings.CutPrefix(s.lines.Text(), "data: "); ok && there {
			return data
		}
	}
	return "the end"
}

// Somebody was thrown out, or has logged out on a machine that others use, and a
// stream was left open.
func TestExMemberListensOn(t *testing.T) {
	t.Parallel()
	s := newScore(t, "ex-member, live values")
	running := stacktest.Start(t, stacktest.Options{})
	school := house()
	room := &school.Sites[0].Rooms[0]
	room.Nodes = append(room.Nodes, inventory.Node{ // that only members see
		DevEUI: devEUI + 1, Protocol: "CLAIRCHEN", Model: inventory.Clairchen, Alias: "C2", From: time.Unix(1_600_000_000, 0),
	})
	running.Load(t, school)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)

	gone, stays := logIn(t, running, mallory), logIn(t, running, mallory)
	left, other := gone.listen(ctx, t, "/api/v1/live/"), stays.listen(ctx, t, "/api/v1/live/")
	if ready := left.until("ready"); ready == "the end" {
		t.Fatal("no stream")
	}
	other.until("ready")
	if got := gone.do(ctx, http.MethodPost, "/api/v1/auth/logout/", "application/vnd.api+json", http.NoBody); got.status != http.StatusOK {
		t.Fatalf("log out: %d %s", got.status, got.body)
	}
	end := left.until("end")
	s.check(t, end == `{"reason":"login"}`, "after the log-out: %s", end)
	again := gone.listen(ctx, t, "/api/v1/live/")
	s.check(t, again.status == http.StatusUnauthorized, "listening after the log-out: %d", again.status)

	// Thrown out of the organization by a fellow.
	olga := logIn(t, running, "olga")
	theirs := stays.listen(ctx, t, "/api/v1/live/?organization=1")
	ready := theirs.until("ready")
	s.check(t, ready == `{"installations":["1","2"]}`, "as a member: %s", ready)
	memberships := olga.do(ctx, http.MethodGet, "/api/v1/memberships/?filter[username]="+mallory, "", http.NoBody)
	if got := olga.do(ctx, http.MethodDelete, "/api/v1/memberships/"+idIn(t, memberships)+"/", "", http.NoBody); got.status != http.StatusNoContent {
		t.Fatalf("throw out: %d %s", got.status, got.body)
	}
	now := theirs.until("installations")
	s.check(t, now == `["1"]`, "after the end of the membership: %s", now)
}
