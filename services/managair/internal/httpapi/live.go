package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clairberlin/clair-stack/pkg/fault"
	"github.com/clairberlin/clair-stack/pkg/jsonapi"
	stream "github.com/clairberlin/clair-stack/pkg/live"
	"github.com/clairberlin/clair-stack/pkg/measurement"
	"github.com/clairberlin/clair-stack/pkg/reason"
	"github.com/clairberlin/clair-stack/services/managair/internal/access"
	"github.com/clairberlin/clair-stack/services/managair/internal/identity"
	"github.com/clairberlin/clair-stack/services/managair/internal/live"
	"github.com/clairberlin/clair-stack/services/managair/internal/session"
)

const mediaEvents = "text/event-stream"

const (
	// heartbeat is below the time after which proxies cut silent connections (nginx:
	// 60 s), and tells us that a listener is gone.
	heartbeat = 15 * time.Second
	// listenFor is how long listeners may go on without showing again who they are.
	// Browsers reconnect by themselves.
	listenFor = 15 * time.Minute
	// writeTimeout is how long a socket may take.
	writeTimeout = 10 * time.Second
)

// liveTargets are the parameters that choose what is listened to, with and without
// the brackets of a filter.
var liveTargets = []string{"organization", "site", "room", "installation"}

// liveSince are the parameters that say from where on.
var liveSince = []string{"last_event_id", "recent_s"}

// addLive adds the routes of live values, as server-sent events.
func (a *API) addLive(hub *live.Hub) {
	a.add(Route{
		Method: http.MethodGet, Pattern: Base + "/live", Audience: access.Public, Media: []string{mediaEvents}, Stream: true,
		Handler: func(w http.ResponseWriter, r *http.Request) error {
			q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Filters: liveTargets, Extra: append(slices.Clone(liveTargets), liveSince...), Unpaged: true})
			if err != nil {
				return err
			}
			targets, err := liveTargetsOf(q)
			if err != nil {
				return err
			}
			if len(targets) == 0 && access.CallerFrom(r.Context()).Anonymous() {
				return errNotAuthenticated() // nothing is their own
			}
			return a.serveLive(hub, w, r, targets, q)
		},
	})
	for _, name := range liveTargets {
		a.add(Route{
			Method: http.MethodGet, Pattern: Base + "/" + name + "s/{id}/live", Audience: access.Public, Media: []string{mediaEvents}, Stream: true,
			Handler: func(w http.ResponseWriter, r *http.Request) error {
				id, ok := int64ID(r.PathValue("id"))
				if !ok {
					return errNotFound()
				}
				q, err := jsonapi.ParseQuery(r.URL.RawQuery, jsonapi.Known{Extra: liveSince, Unpaged: true})
				if err != nil {
					return err
				}
				return a.serveLive(hub, w, r, live.Targets{liveTarget(name, id)}, q)
			},
		})
	}
}

// maxLiveTargets bounds what one connection listens to.
const maxLiveTargets = 100

// liveTargetsOf reads what is to be listened to: ids, separated by commas.
func liveTargetsOf(q jsonapi.Query) (live.Targets, error) {
	var targets live.Targets
	for _, name := range liveTargets {
		value, parameter := q.Filter[name], "filter["+name+"]"
		if value == "" {
			value, parameter = q.Extra[name], name
		}
		if value == "" {
			continue
		}
		for text := range strings.SplitSeq(value, ",") {
			id, ok := int64ID(text)
			if !ok || len(targets) == maxLiveTargets {
				return nil, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.Invalid, Parameter: parameter}}
			}
			targets = append(targets, liveTarget(name, id))
		}
	}
	return targets, nil
}

func liveTarget(name string, id int64) live.Target {
	switch name {
	case "organization":
		return live.Target{Organization: id}
	case "site":
		return live.Target{Site: id}
	case "room":
		return live.Target{Room: id}
	default:
		return live.Target{Installation: id}
	}
}

func (a *API) serveLive(hub *live.Hub, w http.ResponseWriter, r *http.Request, targets live.Targets, q jsonapi.Query) error {
	since, err := sinceOf(r, q)
	if err != nil {
		return err
	}
	listener, err := hub.Subscribe(r.Context(), listenerOf(r), targets, since)
	switch {
	case errors.Is(err, live.ErrTooMany):
		return throttled(w, &identity.TooManyAttempts{Wait: heartbeat})
	case fault.Is(err, fault.Unauthenticated):
		return errNotAuthenticated()
	case err != nil:
		return err
	}
	defer listener.Close()
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	// The connection may serve other requests afterwards.
	defer func() { _ = out.control.SetWriteDeadline(time.Time{}) }()

	header := w.Header()
	header.Set("Content-Type", mediaEvents)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // or nginx gathers events
	if r.Method == http.MethodHead {
		return nil
	}
	if err := out.run(r.Context(), listener); err != nil && r.Context().Err() == nil {
		a.log.DebugContext(r.Context(), "live listener lost", "err", err)
	}
	return nil
}

// listenerOf tells who listens, and by which log-in: the stream ends with it.
func listenerOf(r *http.Request) live.Client {
	client := live.Client{Caller: access.CallerFrom(r.Context()), Place: session.ClientOf(r).Place()}
	if c, ok := session.CurrentFrom(r.Context()); ok {
		switch {
		case c.Token != nil:
			client.Login.Token = c.Token.ID
		case c.Session != nil:
			client.Login.Session = c.Session.ID
		}
	}
	return client
}

func sinceOf(r *http.Request, q jsonapi.Query) (live.Since, error) {
	var since live.Since
	if text := q.Extra["recent_s"]; text != "" {
		seconds, err := strconv.ParseUint(text, 10, 8) // larger ones would wrap around as a duration
		since.Recent = time.Duration(seconds) * time.Second
		if err != nil || since.Recent > live.MaxRecent {
			return since, jsonapi.Errors{{Status: http.StatusBadRequest, Reason: reason.Invalid, Parameter: "recent_s"}}
		}
	}
	lastID := q.Extra["last_event_id"]
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		// A browser has reconnected by itself: what is in its address is outdated.
		lastID, since.Recent = id, 0
	}
	if lastID != "" {
		id, err := stream.ParseID(lastID)
		if err != nil {
			// As if it were too old: an error would keep a browser from coming back.
			id = stream.ID{}
		}
		since.Last = &id
	}
	return since, nil
}

type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (o *eventWriter) run(ctx context.Context, listener *live.Listener) error {
	// Not all at once after a restart.
	retry := 1000 + rand.IntN(4000)
	if err := o.deadline(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(o.w, "retry: %d\n\n", retry); err != nil {
		return err
	}
	if err := listener.Begin(ctx, o.write); err != nil {
		return err
	}
	if err := o.control.Flush(); err != nil {
		return err
	}
	for end := time.Now().Add(listenFor); ; {
		why, err := listener.Next(ctx, heartbeat, o.write)
		if err != nil {
			return err
		}
		if why == "" && time.Now().After(end) {
			why = live.EndAge
		}
		if why != "" {
			if err := o.write(why.Event()); err != nil {
				return err
			}
		}
		if err := o.control.Flush(); err != nil {
			return err
		}
		if why != "" {
			return nil
		}
	}
}

func (o *eventWriter) deadline() error {
	return o.control.SetWriteDeadline(time.Now().Add(writeTimeout))
}

func (o *eventWriter) write(e *live.Event) error {
	if err := o.deadline(); err != nil {
		return err
	}
	_, err := o.w.Write(e.Text())
	return err
}

// AppendLiveSample is the live.Encoder of the API: a sample as it stands in series,
// and whose it is.
func AppendLiveSample(dst []byte, installation int64, s measurement.Sample) []byte {
	dst = append(dst, `{"installation_id":"`...)
	dst = strconv.AppendInt(dst, installation, 10)
	dst = append(dst, '"')
	at := len(dst)
	dst = appendSample(dst, s)
	dst[at] = ',' // the members of its object follow ours
	return dst
}
