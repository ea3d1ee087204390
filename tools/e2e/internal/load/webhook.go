package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clairberlin/clair-stack/pkg/lorawan"
	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ttn"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// webhook posts uplinks as The Things Stack's poorest edition does, to the address that
// docs/operations.md names: each once, none is sent again, and three failures in a row end it
// for longer than any story lasts.
type webhook struct {
	hook ttn.Hook
}

func newWebhook(entry, secret string) *webhook {
	transport := visitor.ThroughProxy(entry)
	transport.MaxIdleConnsPerHost = posters
	return &webhook{ttn.Hook{
		Header: http.Header{"Authorization": {"Bearer " + secret}}, Transport: transport, SwitchOffAfter: 3, SwitchOffFor: time.Hour,
	}}
}

// posters is how many posts may be under way: an answer may take five seconds.
const posters = 64

// paths are how people fill in the base URL and the paths of events in the console.
var paths = []string{"", "/", "/up", "/uplink/message"}

// play posts what nodes send until ctx ends. What else happens to devices is posted, too,
// since people tick more than one kind of message.
func (w *webhook) play(ctx context.Context, nodes []*simulate.Node, p simulate.Publishing) error {
	var posts errgroup.Group
	posts.SetLimit(posters)
	n := 0
	err := simulate.Play(ctx, nodes, p, func(u simulate.Uplink) error {
		_, message := u.Message(applications[u.Node.Model])
		messages := [][]byte{message}
		if n%16 == 0 {
			for _, kind := range []string{"join_accept", "downlink_queued"} {
				messages = append(messages, ttn.EncodeEvent(applications[u.Node.Model], &u.Uplink, kind))
			}
		}
		address := webhookAddress(u.Node.Model) + paths[n%len(paths)]
		n++
		posts.Go(func() error {
			for _, m := range messages {
				w.hook.Post(ctx, address, m)
			}
			return nil
		})
		return nil
	})
	return errors.Join(err, posts.Wait())
}

func webhookAddress(model simulate.Model) string {
	return "http://" + stack.Domain + "/webhook/" + string(model)
}

// PostUplinks lets the uplinks of some nodes come by the webhook alone, through the proxy at
// an entry, with the secret that a file has.
func (l *Load) PostUplinks(entry, secretFile string) error {
	secret, err := os.ReadFile(secretFile)
	if err != nil {
		return err
	}
	l.sensors.hook = newWebhook(entry, strings.TrimSpace(string(secret)))
	return nil
}

// PostWrongly posts what is not to be taken, as somebody does who has filled in the console
// wrongly, or who is a stranger.
func PostWrongly(ctx context.Context, entry string) error {
	node := simulate.Nodes(1, time.UTC)[0]
	message := ttn.EncodeEvent(applications[node.Model], &lorawan.Uplink{DevEUI: node.DevEUI, DeviceID: node.DeviceID()}, "join_accept")
	for _, c := range []struct {
		secret, path string
		want         []int
	}{
		{"", "", []int{http.StatusUnauthorized}},
		{"no secret of anybody", "/up", []int{http.StatusUnauthorized}},
		// There the pages answer.
		{"no secret of anybody", "-of-others", []int{http.StatusNotFound, http.StatusMethodNotAllowed}},
	} {
		w := newWebhook(entry, c.secret)
		address := webhookAddress(node.Model) + c.path
		w.hook.Post(ctx, address, message)
		for code := range w.hook.Answers() {
			if !slices.Contains(c.want, code) {
				return fmt.Errorf("POST %s: %s, want %v", address, w.answers(), c.want)
			}
		}
	}
	return nil
}

// answers tells how often each code was the answer.
func (w *webhook) answers() string {
	answers := w.hook.Answers()
	var told []string
	for _, code := range slices.Sorted(maps.Keys(answers)) {
		name := fmt.Sprint(code)
		if code == ttn.NoAnswer {
			name = "no answer"
		}
		told = append(told, fmt.Sprintf("%s: %d", name, answers[code]))
	}
	return strings.Join(told, ", ")
}

// Newcomer is a sensor of a room that is set up while the story goes on, a Clairchen.
func Newcomer() *simulate.Node { return simulate.Nodes(numNodes+2, time.UTC)[numNodes] }

// PostNewest posts the newest uplink of a node once.
func (l *Load) PostNewest(ctx context.Context, node *simulate.Node) error {
	var newest simulate.Uplink
	for u := range node.Uplinks(time.Now().Add(-12*time.Hour), time.Now()) {
		newest = u
	}
	_, message := newest.Message(applications[node.Model])
	if w := l.sensors.hook; !w.hook.Post(ctx, webhookAddress(node.Model), message) {
		return fmt.Errorf("the webhook answers %s", w.answers())
	}
	return nil
}
