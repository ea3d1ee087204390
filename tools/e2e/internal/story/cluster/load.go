package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/load"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

func (c *cluster) startLoad(ctx context.Context) error {
	c.balancer = load.StartBalancer(context.WithoutCancel(ctx), c.nodes.Machines) // longer than this step
	if err := play.Until(ctx, func() error { return c.logIn(ctx) }); err != nil {
		return err
	}
	alternately := []load.Request{
		{Method: http.MethodGet, Path: visitor.RoomPath},
		{Method: http.MethodGet, Path: "/api/v1/auth/user/", Header: http.Header{"Cookie": {c.session}}},
	}
	var n atomic.Uint64
	return c.load.Begin(ctx, func(ctx context.Context) error {
		_, _, err := c.balancer.Do(ctx, alternately[n.Add(1)%2])
		return err
	})
}

// logIn begins a session, which is to outlive all that follows.
func (c *cluster) logIn(ctx context.Context) error {
	body, header, err := c.balancer.Do(ctx, load.Request{
		Method: http.MethodPost, Path: "/api/v1/auth/login/",
		Header: http.Header{"Content-Type": {"application/vnd.api+json"}},
		Body:   fmt.Appendf(nil, `{"data":{"type":"LoginView","attributes":{"username":%q,"password":%q}}}`, operator, stack.SuperuserPassword),
	})
	if err != nil {
		return err
	}
	var document struct {
		Data struct{ Attributes struct{ Key string } }
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return err
	}
	c.token = document.Data.Attributes.Key
	for _, cookie := range (&http.Response{Header: header}).Cookies() {
		if cookie.Name == "sessionid" {
			c.session = cookie.Name + "=" + cookie.Value
		}
	}
	if c.token == "" || c.session == "" {
		return errors.New("the log-in gave no token or no session")
	}
	return nil
}

// countCalls waits until each replica of ingestair gets its share of the calls: old
// connections end after 90 seconds, and the new ones go to all.
func (c *cluster) countCalls(ctx context.Context) error {
	begun := time.Now()
	return play.Until(ctx, func() error {
		const window = 5 * time.Second
		before, err := c.load.Calls.SoFar(ctx)
		if err != nil {
			return err
		}
		select {
		case <-time.After(window):
		case <-ctx.Done():
			return ctx.Err()
		}
		after, err := c.load.Calls.SoFar(ctx)
		if err != nil {
			return err
		}
		var shares []int
		sum := 0
		for server, n := range after.ByServer {
			if n -= before.ByServer[server]; n > 0 {
				shares = append(shares, n)
				sum += n
			}
		}
		slices.Sort(shares)
		if len(shares) != len(c.nodes.Machines) || shares[0] < sum/len(c.nodes.Machines)/2 {
			return fmt.Errorf("calls per replica: %v", shares)
		}
		c.stack.Report("gRPC calls per replica of ingestair, in 5 s", "%s; so %.0f s after scaling",
			strings.Trim(fmt.Sprint(shares), "[]"), time.Since(begun).Seconds())
		return nil
	})
}

// during watches the load while something happens. It returns a function that
// makes a line of the figures and tells what failed, and what had to be sent again.
func (c *cluster) during(ctx context.Context) (func(what string) (retried int, err error), error) {
	n, failures := c.load.Requests.SoFar()
	retries := len(c.balancer.Retries())
	calls, err := c.load.Calls.SoFar(ctx)
	if err != nil {
		return nil, err
	}
	return func(what string) (int, error) {
		n2, failures2 := c.load.Requests.SoFar()
		failed := failures2[len(failures):]
		again := c.balancer.Retries()[retries:]
		calls2, err := c.load.Calls.SoFar(ctx)
		if err != nil {
			return 0, err
		}
		c.stack.Report("  HTTP requests", "%d, failed %d, sent again %d", n2-n, len(failed), len(again))
		c.stack.Report("  gRPC calls", "%d, failed %d, sent again %d", calls2.Calls-calls.Calls, calls2.Failed-calls.Failed, calls2.Retried-calls.Retried)
		for _, text := range again {
			_, _ = fmt.Fprintln(c.setting.Notes.Log, "sent again:", text)
		}
		if len(failed) > 0 {
			err = fmt.Errorf("%d requests failed during %s, the last: %s", len(failed), what, lastOf(failed))
		}
		if calls2.Failed > calls.Failed {
			err = errors.Join(err, fmt.Errorf("%d calls failed during %s, the last: %s", calls2.Failed-calls.Failed, what, calls2.LastError))
		}
		return len(again), err
	}, nil
}

func lastOf(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return texts[len(texts)-1]
}
