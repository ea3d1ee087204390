// Package load has what comes to a stack all the time: uplinks of simulated nodes,
// gRPC calls and HTTP requests; and the account of what must be stored of that.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/stack"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// Load is the load of a stack.
type Load struct {
	Requests *Requests
	Calls    Caller

	stack   *stack.Stack
	sensors sensors
	began   time.Time
}

// New returns a load that has not begun. Uplinks come from some days ago on, by a
// broker at a host; the calling service gets flags.
func New(s *stack.Stack, host string, days int, callerFlags ...string) *Load {
	return &Load{
		stack:   s,
		Calls:   Caller{stack: s, flags: callerFlags, node: uuid.New()},
		sensors: newSensors("tcp://"+host+":1883", days),
	}
}

// Register loads the example fixtures, and those for our nodes, with the tool for it.
func (l *Load) Register(ctx context.Context, work string) error {
	path := filepath.Join(work, "e2e-fixtures.json")
	if err := os.WriteFile(path, fixtures(l.sensors.nodes, l.Calls.node, l.sensors.from), 0o600); err != nil {
		return err
	}
	folder, err := filepath.Abs("services/managair/testdata/fixtures")
	if err != nil {
		return err
	}
	_, err = l.stack.Tool(ctx, "load-fixtures.sh", filepath.Join(folder, "user-fixtures.json"),
		filepath.Join(folder, "inventory-fixtures.json"), path)
	return err
}

// Begin begins all of it, with requests that ask, and waits until samples arrive.
func (l *Load) Begin(ctx context.Context, ask func(context.Context) error) error {
	l.began = time.Now()
	l.Requests = StartRequests(context.WithoutCancel(ctx), ask) // longer than the step
	if err := l.Calls.Start(ctx); err != nil {
		return err
	}
	if err := l.StartUplinks(ctx); err != nil {
		return err
	}
	return play.Until(ctx, func() error {
		rows, err := stored(ctx, l.stack)
		if err != nil {
			return err
		}
		if n := len(ofNodes(rows)); n < len(l.sensors.nodes)/2 {
			return fmt.Errorf("samples of %d nodes only", n)
		}
		return nil
	})
}

// End ends what Begin has begun. It returns which requests failed, and what else did
// or was lost.
func (l *Load) End(ctx context.Context, during string) (requests, others error) {
	requests = l.EndRequests("during "+during, "")
	return requests, errors.Join(l.EndCalls(ctx, "during "+during), l.CheckUplinks(ctx, during))
}

// EndRequests ends the requests. It returns which failed.
func (l *Load) EndRequests(when, remark string) error {
	n, failures, p99 := l.Requests.Stop()
	l.stack.Report("HTTP requests "+when, "%d, failed %d, p99 %d ms%s", n, len(failures), p99.Milliseconds(), remark)
	for _, failure := range failures {
		_, _ = fmt.Fprintln(l.stack.Notes.Log, "failed:", failure)
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d of %d requests failed (all are in the log), the first: %s, the last: %s", len(failures), n, failures[0], failures[len(failures)-1])
	}
	return nil
}

// EndCalls ends the calls. It returns which failed.
func (l *Load) EndCalls(ctx context.Context, when string) error {
	calls, err := l.Calls.Stop(ctx)
	if err != nil {
		return err
	}
	l.stack.Report("gRPC calls "+when, "%d, failed %d, retried %d, p99 %d ms, slowest %d ms (at %s)",
		calls.Calls, calls.Failed, calls.Retried, calls.P99Millis, calls.SlowestMs, calls.SlowestAt)
	if calls.Failed > 0 {
		err = fmt.Errorf("%d of %d calls failed, the last: %s", calls.Failed, calls.Calls, calls.LastError)
	}
	if calls.Acknowledged == 0 {
		err = errors.Join(err, errors.New("no call was made"))
	}
	return err
}

// StartUplinks starts the uplinks alone.
func (l *Load) StartUplinks(ctx context.Context) error {
	return l.sensors.start(context.WithoutCancel(ctx))
}

// CheckUplinks ends the uplinks and waits until each of their samples is stored, and
// each that calls got an acknowledgement for.
func (l *Load) CheckUplinks(ctx context.Context, during string) error {
	n, samples, err := l.sensors.stop()
	if err != nil {
		return err
	}
	lost, answers := "not known", ""
	if l.sensors.hook != nil {
		answers = "; answers of the webhook so far: " + l.sensors.hook.answers()
	}
	err = play.Until(ctx, func() error {
		missing, err := l.missing(ctx)
		if err != nil {
			return err
		}
		lost = strconv.Itoa(missing)
		if missing > 0 {
			return fmt.Errorf("%d of %d samples are missing%s", missing, len(l.sensors.sent), answers)
		}
		return nil
	})
	l.stack.Report("uplinks during "+during, "%d, samples %d, lost %s%s", n, samples, lost, answers)
	return err
}

// missing counts the samples that were sent or acknowledged and are not stored.
func (l *Load) missing(ctx context.Context) (int, error) {
	rows, err := stored(ctx, l.stack)
	if err != nil {
		return 0, err
	}
	missing, ofCaller := 0, 0
	for key := range l.sensors.sent {
		if !rows[key] {
			missing++
		}
	}
	for key := range rows {
		if key.node == l.Calls.node {
			ofCaller++
		}
	}
	return missing + max(0, l.Calls.acknowledged-ofCaller), nil
}

// Stored counts all samples that the stack has, each of which it has once.
func Stored(ctx context.Context, s *stack.Stack) (int, error) {
	rows, err := stored(ctx, s)
	return len(rows), err
}

// ReadSeries reads what the nodes measured as anyone can, and compares it with what
// they sent.
func (l *Load) ReadSeries(ctx context.Context) error {
	anyone, err := visitor.NewBrowser(stack.Local)
	if err != nil {
		return err
	}
	sent := ofNodes(l.sensors.sent)
	number := 0
	for i, n := range l.sensors.nodes {
		body, err := anyone.See(ctx, visitor.SeriesPath(i, l.sensors.from.AddDate(0, 0, -2), time.Now().AddDate(0, 0, 7)))
		if err != nil {
			return err
		}
		got, err := visitor.SeriesTimes(body)
		if err != nil {
			return err
		}
		for _, at := range sent[n.ID()] {
			if !got[at] {
				return fmt.Errorf("series %d, of node %s, shows %d samples, and not that of %s", i, n.ID(), len(got), time.Unix(at, 0).UTC())
			}
		}
		number += len(got)
	}
	if number == 0 {
		return errors.New("the public series are empty")
	}
	l.stack.Report("samples in public series", "%d", number)
	return nil
}

// CheckFidelity waits until the worker has looked, since the load began, whether nodes
// report, and has noticed that those that were heard of, in the past that is played,
// have been silent since then. read asks the API as somebody who owns them.
func (l *Load) CheckFidelity(ctx context.Context, read func(ctx context.Context, path string) ([]byte, error)) error {
	var checked int64
	heard := map[string]bool{}
	for node := range ofNodes(l.sensors.sent) {
		heard[node.String()] = true
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("the task that is due every minute has not run for three"))
	defer cancel()
	err := play.Until(ctx, func() error {
		body, err := read(ctx, "/api/v1/fidelity/?filter[organization]=1&page[size]=200")
		if err != nil {
			return err
		}
		var list struct {
			Data []struct {
				ID         string
				Attributes struct {
					Fidelity  string
					LastCheck int64 `json:"last_check_s"`
				}
			}
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return fmt.Errorf("%w: %.300s", err, body)
		}
		silent := 0
		for _, f := range list.Data {
			if heard[strings.ToLower(f.ID)] && f.Attributes.Fidelity == "D" && f.Attributes.LastCheck >= l.began.Unix() {
				silent++
				checked = f.Attributes.LastCheck
			}
		}
		if silent == 0 || silent < len(heard) {
			return fmt.Errorf("%d of %d nodes have been found silent since %s", silent, len(heard), l.began.Format(time.TimeOnly))
		}
		return nil
	})
	if err == nil {
		l.stack.Report("nodes looked after by the worker", "%d, last %.0f s ago", len(heard), time.Since(time.Unix(checked, 0)).Seconds())
	}
	return err
}
