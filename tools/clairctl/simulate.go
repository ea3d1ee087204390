package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clairberlin/clair-stack/pkg/simulate"
	"github.com/clairberlin/clair-stack/pkg/ttn"
)

type simulation struct {
	broker       brokerFlags
	nodes        int
	place        string
	tenant       string
	clairchenApp string
	ersApp       string
	backlog      string
	speed        string
	catchUp      bool
	qos          uint8
	list         bool
	waitFor      []string
}

func simulateCommand(out *output) *cobra.Command {
	var s simulation
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Publish uplinks of simulated sensors, as The Things Stack does",
		Long: `Publishes uplinks of Clairchen and Elsys ERS sensors in lived-in rooms, as The
Things Stack v3 does, until it is interrupted. The uplinks depend on the node and
the time only: starting it again repeats what was and goes on.`,
		Example: `  clairctl simulate --broker tcp://localhost:1883 --nodes 10
  clairctl simulate --broker tcp://localhost:1883 --backlog 30d --catch-up
  clairctl simulate --list --nodes 10`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), out)
		},
	}
	f := cmd.Flags()
	s.broker.add(f)
	f.IntVar(&s.nodes, "nodes", 4, "number of sensors, by turns Clairchen and ERS")
	f.StringVar(&s.place, "time-zone", "Europe/Berlin", "where people come and go by the clock")
	f.StringVar(&s.tenant, "tenant", "ttn", "tenant of the applications")
	f.StringVar(&s.clairchenApp, "clairchen-application", "clair-clairchen", "application of the Clairchen")
	f.StringVar(&s.ersApp, "ers-application", "clair-ers", "application of the ERS")
	f.StringVar(&s.backlog, "backlog", "0", "begin so long ago, for example 12h or 30d")
	f.StringVar(&s.speed, "speed", "max", "how much faster than real time a backlog passes: a number, or max")
	f.BoolVar(&s.catchUp, "catch-up", false, "end when the backlog is published")
	f.Uint8Var(&s.qos, "qos", 1, "MQTT quality of service of the publications, 0 or 1")
	f.StringSliceVar(&s.waitFor, "wait-for", nil, "publish nothing before these addresses answer 200, as those do of forwarders that have subscribed: http://host:9090/readyz")
	f.BoolVar(&s.list, "list", false, "print the sensors and publish nothing")
	return cmd
}

func (s *simulation) run(ctx context.Context, out *output) error {
	place, err := time.LoadLocation(s.place)
	if err != nil {
		return usageError{fmt.Errorf("--time-zone: %w", err)}
	}
	backlog, err := parseSpan(s.backlog)
	if err != nil {
		return usageError{fmt.Errorf("--backlog: %w", err)}
	}
	speed, err := parseSpeed(s.speed)
	if err != nil {
		return usageError{err}
	}
	if s.nodes < 1 || s.qos > 1 {
		return usageError{errors.New("--nodes must be positive, and --qos 0 or 1")}
	}
	nodes := simulate.Nodes(s.nodes, place)
	if s.list {
		return listNodes(out, nodes)
	}
	for _, address := range s.waitFor {
		if err := waitFor(ctx, address, time.Second); err != nil {
			if errors.Is(err, context.Canceled) {
				return nil // being interrupted is how it ends
			}
			return err
		}
	}
	client, err := s.broker.connect(ctx, "clairctl-simulate")
	if err != nil {
		return err
	}
	defer client.Disconnect(250)
	progress := newProgress("uplinks published")
	defer progress.end()
	err = simulate.Publish(ctx, client, nodes, simulate.Publishing{
		From: time.Now().Add(-backlog), Speed: speed, CatchUp: s.catchUp, QoS: s.qos,
		Applications: map[simulate.Model]ttn.Application{
			simulate.Clairchen: {ID: s.clairchenApp, Tenant: s.tenant},
			simulate.ERS:       {ID: s.ersApp, Tenant: s.tenant},
		},
		Progress: func(u simulate.Uplink) { progress.add(u.ReceivedAt.Format(time.RFC3339)) },
	})
	if errors.Is(err, context.Canceled) {
		return nil // being interrupted is how it ends
	}
	return err
}

// waitFor asks an address again and again until it answers 200: a broker does not
// keep what nobody has subscribed to yet.
func waitFor(ctx context.Context, address string, pause time.Duration) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return usageError{fmt.Errorf("--wait-for: %w", err)}
		}
		client := http.Client{Timeout: 5 * time.Second}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func listNodes(out *output, nodes []*simulate.Node) error {
	type row struct {
		ID       string `json:"node_id"`
		DevEUI   string `json:"dev_eui"`
		DeviceID string `json:"device_id"`
		Model    string `json:"model"`
		Protocol string `json:"protocol"`
		DataRate string `json:"data_rate"`
		Room     string `json:"room"`
	}
	rows := make([]row, len(nodes))
	for i, n := range nodes {
		rows[i] = row{n.ID().String(), n.DevEUI.String(), n.DeviceID(), string(n.Model), n.Decoder().Protocol(), n.Rate.String(), n.Room.Kind}
	}
	return out.print(rows, func(w io.Writer) {
		fmt.Fprintln(w, "NODE ID\tDEVICE EUI\tMODEL\tDATA RATE\tROOM")
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.DevEUI, r.Model, r.DataRate, r.Room)
		}
	})
}

// parseSpan reads a duration that may also be in days.
func parseSpan(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n float64
		n, err = strconv.ParseFloat(days, 64)
		d = time.Duration(n * float64(24*time.Hour))
	}
	if err != nil || d < 0 || d > 100*365*24*time.Hour {
		return 0, fmt.Errorf("%q is no span like 90m, 12h or 30d", s)
	}
	return d, nil
}

func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 1) {
		return 0, fmt.Errorf("--speed: %q is neither a number from 1 nor max", s)
	}
	return v, nil
}

// progress shows on a terminal how far long work is.
type progress struct {
	what  string
	count int
	shown time.Time
	show  bool
}

func newProgress(what string) *progress {
	info, err := os.Stderr.Stat()
	return &progress{what: what, show: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (p *progress) add(detail string) {
	p.count++
	if now := time.Now(); p.show && now.Sub(p.shown) > 200*time.Millisecond {
		p.shown = now
		fmt.Fprintf(os.Stderr, "\r\033[K%d %s, %s", p.count, p.what, detail)
	}
}

func (p *progress) end() {
	if p.show {
		fmt.Fprintf(os.Stderr, "\r\033[K")
	}
	fmt.Fprintf(os.Stderr, "%d %s\n", p.count, p.what)
}
