package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// cluster is the life of a stack on three nodes, one of which has the data. Load
// comes from outside of them all the time, through a balancer.
type cluster struct {
	stage
	machines []*machine
	cgroup   string
	balancer *balancer
	requests *requests
	pictures *http.Server
	token    string   // of a log-in
	session  string   // cookie of the same log-in
	lost     *machine // that led
}

// The parts that nodes play. The first makes the swarm, and is likely to lead it.
const (
	first = iota
	worker
	data
)

// spread are the services of which each node may have tasks.
var spread = []string{"managair_server", "managair_worker", "ingestair", "clairchen_forwarder", "ers_forwarder", "static_frontend"}

func clusterCommand() *cobra.Command {
	c := cluster{stage: stage{
		environment: "tools/e2e/cluster.env", toolFlags: []string{"-y"}, days: 7,
		callerFlags: []string{"--constraint", "node.labels.clair.data == true"},
	}}
	var keep bool
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Plays the life of a stack on three nodes; use tools/dev/e2e.sh cluster",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for i := range 3 {
				name := fmt.Sprintf("node%d", i+1)
				c.machines = append(c.machines, &machine{
					name: name, address: fmt.Sprintf("10.99.0.%d", i+1), folder: filepath.Join(c.work, name),
					cgroup: "/" + c.cgroup + "/" + name, run: c.engine.run,
				})
			}
			c.broker = "tcp://" + c.machines[data].address + ":1883"
			c.entry = c.machines[data].address
			c.operateThrough(c.machines[first])
			return play(cmd.Context(), cmd.OutOrStdout(), &c.stage, c.steps(), c.takeDown, keep)
		},
	}
	c.flags(cmd.Flags(), &keep)
	cmd.Flags().StringVar(&c.cgroup, "cgroup", "clair-e2e", "control group above those of all containers")
	return cmd
}

func (c *cluster) steps() []step {
	return []step{
		{"three engines start and make a swarm of three managers", c.start},
		{"images are made and brought to every node", c.makeImages},
		{"secrets and volumes are created", c.prepare},
		{"the stack is deployed; the data is where it belongs", c.deploy},
		{"fixtures are loaded, an operator has a password", c.loadAll},
		{"somebody logs in; constant load begins from outside", c.startLoad},
		{"somebody signs up and gets a mail", c.signUp},
		{"managair, its worker and ingestair are scaled to 3", c.scale},
		{"a picture is the same on every node", c.sharePicture},
		{"gRPC calls go to all replicas", c.countCalls},
		{"a node is drained: no request fails", c.drain},
		{"the node comes back and gets tasks again", c.rebalance},
		{"a node is cut off and replaced", c.cutOff},
		{"the node that was cut off rejoins", c.rejoin},
		{"the leader is lost; another deploys and scales", c.loseLeader},
		{"the lost leader rejoins", c.findLeader},
		{"nothing is lost, periodic tasks ran once", c.check},
		{"the stack is removed", func(ctx context.Context) error {
			_, err := c.tool(ctx, "rm-stack.sh", "--volumes")
			return err
		}},
	}
}

// operateThrough says which manager the tools are given. Single docker commands go
// to the node with the data, which is not lost.
func (c *cluster) operateThrough(m *machine) {
	c.engine.env = []string{
		"DOCKER_CONFIG=" + filepath.Join(c.work, "docker-config"),
		"DOCKER_CONTEXT=" + c.machines[data].name, "E2E_CONTEXT=" + m.name,
	}
}

func (c *cluster) takeDown() {
	if c.balancer != nil {
		c.balancer.stop()
	}
	if c.pictures != nil {
		_ = c.pictures.Close()
	}
	if err := each(c.machines, (*machine).kill); err != nil {
		_, _ = fmt.Fprintln(c.log, err)
	}
}

func (c *cluster) start(ctx context.Context) error {
	begun := time.Now()
	if err := makeNetwork(ctx, c.engine.run); err != nil {
		return err
	}
	if err := each(c.machines, func(m *machine) error { return m.start(ctx) }); err != nil {
		return err
	}
	// As an operator would have them, by ssh.
	for _, m := range c.machines {
		if _, err := c.engine.runWith(ctx, nil, []string{"DOCKER_CONTEXT="}, "docker", "context", "create", m.name, "--docker", "host=unix://"+m.socket()); err != nil {
			return err
		}
	}
	founder := c.machines[first]
	if _, err := c.on(ctx, founder, "swarm", "init", "--advertise-addr", founder.address, "--task-history-limit", "3"); err != nil {
		return err
	}
	token, err := c.on(ctx, founder, "swarm", "join-token", "--quiet", "manager")
	if err != nil {
		return err
	}
	// One after the other: each changes the quorum.
	for _, m := range c.machines[1:] {
		if _, err := c.on(ctx, m, "swarm", "join", "--advertise-addr", m.address, "--token", token, founder.address); err != nil {
			return err
		}
	}
	if _, err := c.docker(ctx, "node", "update", "--label-add", "clair.data=true", c.machines[data].name); err != nil {
		return err
	}
	err = until(ctx, func() error { return c.allWell(ctx) })
	c.report("three engines and their swarm", "%.0f s", time.Since(begun).Seconds())
	return err
}

// on runs docker at a certain node.
func (c *cluster) on(ctx context.Context, m *machine, args ...string) (string, error) {
	return c.docker(ctx, append([]string{"--context", m.name}, args...)...)
}

// nodeState is what the swarm says of a node.
type nodeState struct {
	Hostname, Status, Availability, ManagerStatus string
}

// nodeStates asks a node for the states of all, by name.
func (c *cluster) nodeStates(ctx context.Context, asked *machine) (map[string]nodeState, error) {
	out, err := c.on(ctx, asked, "node", "ls", "--format", "{{json .}}")
	if err != nil {
		return nil, err
	}
	states := map[string]nodeState{}
	for line := range strings.Lines(out) {
		var s nodeState
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return nil, err
		}
		states[s.Hostname] = s
	}
	return states, nil
}

// allWell tells which node is not a ready manager.
func (c *cluster) allWell(ctx context.Context) error {
	states, err := c.nodeStates(ctx, c.machines[data])
	if err != nil {
		return err
	}
	for _, m := range c.machines {
		if s := states[m.name]; s.Status != "Ready" || (s.ManagerStatus != "Leader" && s.ManagerStatus != "Reachable") {
			return fmt.Errorf("%s is %s, as a manager %q", m.name, s.Status, s.ManagerStatus)
		}
	}
	return nil
}

func (c *cluster) makeImages(ctx context.Context) error {
	begun := time.Now()
	if err := c.loadImages(ctx); err != nil {
		return err
	}
	others := slices.Concat(c.machines[:data], c.machines[data+1:])
	if err := c.copyImages(ctx, c.machines[data], others); err != nil {
		return err
	}
	c.report("images made, and copied to the other nodes", "%.0f s", time.Since(begun).Seconds())
	return nil
}

func (c *cluster) prepare(ctx context.Context) error {
	var err error
	if c.pictures, err = servePictures(ctx); err != nil {
		return err
	}
	if _, err := c.tool(ctx, "create-secrets.sh"); err != nil {
		return err
	}
	// Volumes belong to a node; the others get theirs of pictures with a task.
	_, err = c.toolWith(ctx, []string{"E2E_CONTEXT=" + c.machines[data].name}, "create-volumes.sh")
	return err
}

func (c *cluster) deploy(ctx context.Context) error {
	begun := time.Now()
	if _, err := c.tool(ctx, "deploy-stack.sh", "--timeout", "240"); err != nil {
		return err
	}
	c.report("first deployment until healthy, with migration", "%.0f s", time.Since(begun).Seconds())
	placed, err := c.placement(ctx)
	if err != nil {
		return err
	}
	for _, service := range []string{"db", "redis"} {
		if got := placed[service]; len(got) != 1 || got[c.machines[data].name] != 1 {
			return fmt.Errorf("%s is on %v, want it on %s", service, got, c.machines[data].name)
		}
	}
	for _, service := range spread {
		if len(placed[service]) < 2 {
			return fmt.Errorf("all tasks of %s are on %v", service, placed[service])
		}
	}
	if got := placed["reverse_proxy"]; len(got) != len(c.machines) {
		return fmt.Errorf("proxies are on %v", got)
	}
	return nil
}

// placement counts the running tasks of each service on each node.
func (c *cluster) placement(ctx context.Context) (map[string]map[string]int, error) {
	out, err := c.docker(ctx, "stack", "ps", "--filter", "desired-state=running", "--format", "{{.Name}} {{.Node}} {{.CurrentState}}", stack)
	if err != nil {
		return nil, err
	}
	placed := map[string]map[string]int{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "Running" {
			continue
		}
		service, _, _ := strings.Cut(strings.TrimPrefix(fields[0], stack+"_"), ".")
		if placed[service] == nil {
			placed[service] = map[string]int{}
		}
		placed[service][fields[1]]++
	}
	return placed, nil
}

// away tells which services still have tasks on a node, or are not well.
func (c *cluster) away(ctx context.Context, from *machine) error {
	placed, err := c.placement(ctx)
	if err != nil {
		return err
	}
	for service, on := range placed {
		if on[from.name] > 0 {
			return fmt.Errorf("%s is on %s", service, from.name)
		}
	}
	return c.well(ctx)
}

// well tells what the tool says that is not well.
func (c *cluster) well(ctx context.Context) error {
	_, err := c.tool(ctx, "status.sh")
	return err
}

// operator owns the organization that the installations of the fixtures belong to.
const operator = "tomTester"

func (c *cluster) loadAll(ctx context.Context) error {
	if err := c.loadData(ctx); err != nil {
		return err
	}
	_, err := c.engine.runWith(ctx, strings.NewReader(superuserPassword+"\n"), []string{"CLAIR_SECRETS=" + c.secrets},
		"tools/manage.sh", c.environment, "-y", "changepassword", operator)
	return err
}

func (c *cluster) startLoad(ctx context.Context) error {
	c.loaded = time.Now()
	running := context.WithoutCancel(ctx) // longer than this step
	c.balancer = startBalancer(running, c.machines)
	if err := until(ctx, func() error { return c.logIn(ctx) }); err != nil {
		return err
	}
	alternately := []request{
		{method: http.MethodGet, path: apiPath},
		{method: http.MethodGet, path: "/api/v1/auth/user/", header: map[string]string{"Cookie": c.session}},
	}
	var n atomic.Uint64
	c.requests = startRequests(running, func(ctx context.Context) error {
		_, _, err := c.balancer.do(ctx, alternately[n.Add(1)%2])
		return err
	})
	if err := c.startCalls(ctx); err != nil {
		return err
	}
	if err := c.startUplinks(running); err != nil {
		return err
	}
	return until(ctx, func() error { return c.samplesArrive(ctx) })
}

// logIn begins a session, which is to outlive all that follows.
func (c *cluster) logIn(ctx context.Context) error {
	body, header, err := c.balancer.do(ctx, request{
		method: http.MethodPost, path: "/api/v1/auth/login/",
		header: map[string]string{"Content-Type": "application/vnd.api+json"},
		body:   fmt.Appendf(nil, `{"data":{"type":"LoginView","attributes":{"username":%q,"password":%q}}}`, operator, superuserPassword),
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

func (c *cluster) scale(ctx context.Context) error {
	begun := time.Now()
	_, err := c.docker(ctx, "service", "scale", "--detach", stack+"_managair_server=3", stack+"_managair_worker=3", stack+"_ingestair=3")
	if err != nil {
		return err
	}
	if err := until(ctx, func() error { return c.well(ctx) }); err != nil {
		return err
	}
	c.report("managair, worker, ingestair from 2 tasks to 3", "%.0f s", time.Since(begun).Seconds())
	placed, err := c.placement(ctx)
	if err != nil {
		return err
	}
	for _, service := range []string{"managair_server", "managair_worker", "ingestair"} {
		if len(placed[service]) != len(c.machines) {
			return fmt.Errorf("%s is on %v, want it on every node", service, placed[service])
		}
	}
	return nil
}

// countCalls waits until each replica of ingestair gets its share of the calls: old
// connections end after 90 seconds, and the new ones go to all.
func (c *cluster) countCalls(ctx context.Context) error {
	begun := time.Now()
	return until(ctx, func() error {
		const window = 5 * time.Second
		before, err := c.callsSoFar(ctx)
		if err != nil {
			return err
		}
		select {
		case <-time.After(window):
		case <-ctx.Done():
			return ctx.Err()
		}
		after, err := c.callsSoFar(ctx)
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
		if len(shares) != len(c.machines) || shares[0] < sum/len(c.machines)/2 {
			return fmt.Errorf("calls per replica: %v", shares)
		}
		c.report("gRPC calls per replica of ingestair, in 5 s", "%s; so %.0f s after scaling",
			strings.Trim(fmt.Sprint(shares), "[]"), time.Since(begun).Seconds())
		return nil
	})
}

// callsSoFar is the newest report of the service that calls.
func (c *cluster) callsSoFar(ctx context.Context) (callReport, error) {
	out, err := c.docker(ctx, "logs", "--tail", "2", c.calls)
	if err != nil {
		return callReport{}, err
	}
	return parseReport(strings.Split(out, "\n"))
}

// during watches the load while something happens. It returns a function that
// makes a line of the figures and tells what failed, and what had to be sent again.
func (c *cluster) during(ctx context.Context) (func(what string) (retried int, err error), error) {
	n, failures := c.requests.soFar()
	retries := len(c.balancer.retries())
	calls, err := c.callsSoFar(ctx)
	if err != nil {
		return nil, err
	}
	return func(what string) (int, error) {
		n2, failures2 := c.requests.soFar()
		failed := failures2[len(failures):]
		again := c.balancer.retries()[retries:]
		calls2, err := c.callsSoFar(ctx)
		if err != nil {
			return 0, err
		}
		c.report("  HTTP requests", "%d, failed %d, sent again %d", n2-n, len(failed), len(again))
		c.report("  gRPC calls", "%d, failed %d, sent again %d", calls2.Calls-calls.Calls, calls2.Failed-calls.Failed, calls2.Retried-calls.Retried)
		for _, text := range again {
			_, _ = fmt.Fprintln(c.log, "sent again:", text)
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

func (c *cluster) drain(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	m := c.machines[worker]
	if _, err := c.docker(ctx, "node", "update", "--availability", "drain", m.name); err != nil {
		return err
	}
	if err := until(ctx, func() error { return c.away(ctx, m) }); err != nil {
		return err
	}
	c.report("a node drained: until its tasks run elsewhere", "%.0f s", time.Since(begun).Seconds())
	again, err := result("draining")
	if err == nil && again > 0 {
		err = fmt.Errorf("%d requests failed at first, the last: %s", again, lastOf(c.balancer.retries()))
	}
	return err
}

func lastOf(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return texts[len(texts)-1]
}

// rebalance gives the node that was drained tasks again, which a swarm does not do
// by itself.
func (c *cluster) rebalance(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	m := c.machines[worker]
	if _, err := c.docker(ctx, "node", "update", "--availability", "active", m.name); err != nil {
		return err
	}
	if err := c.restartAll(ctx); err != nil {
		return err
	}
	c.report("the node back: until tasks are spread again", "%.0f s", time.Since(begun).Seconds())
	placed, err := c.placement(ctx)
	if err != nil {
		return err
	}
	for _, service := range []string{"reverse_proxy", "managair_server", "ingestair"} {
		if placed[service][m.name] == 0 {
			return fmt.Errorf("%s is on %v", service, placed[service])
		}
	}
	again, err := result("spreading")
	if err == nil && again > 0 {
		err = fmt.Errorf("%d requests failed at first, the last: %s", again, lastOf(c.balancer.retries()))
	}
	return err
}

// restartAll restarts all services that are spread, at the same time.
func (c *cluster) restartAll(ctx context.Context) error {
	errs := make(chan error, len(spread))
	for _, service := range spread {
		go func() {
			_, err := c.tool(ctx, "restart-service.sh", service)
			errs <- err
		}()
	}
	var all error
	for range spread {
		all = errors.Join(all, <-errs)
	}
	return all
}

func (c *cluster) cutOff(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	m := c.machines[worker]
	placed, err := c.placement(ctx)
	if err != nil {
		return err
	}
	tasks := 0
	for _, on := range placed {
		tasks += on[m.name]
	}
	begun := time.Now()
	if err := m.cutOff(ctx); err != nil {
		return err
	}
	err = until(ctx, func() error {
		states, err := c.nodeStates(ctx, c.machines[data])
		if err == nil && states[m.name].Status != "Down" {
			err = fmt.Errorf("%s is %s", m.name, states[m.name].Status)
		}
		return err
	})
	if err != nil {
		return err
	}
	down := time.Since(begun)
	if err := until(ctx, func() error { return c.away(ctx, m) }); err != nil {
		return err
	}
	c.report("a node cut off: until it is known as down", "%.0f s", down.Seconds())
	c.report("a node cut off: until its tasks are replaced", "%.0f s (%d tasks)", time.Since(begun).Seconds(), tasks)
	_, err = result("the cut")
	return err
}

func (c *cluster) rejoin(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	m := c.machines[worker]
	if err := m.plugIn(ctx); err != nil {
		return err
	}
	if err := until(ctx, func() error { return c.back(ctx, m) }); err != nil {
		return err
	}
	c.report("plugged in again: until it takes requests", "%.0f s", time.Since(begun).Seconds())
	_, err = result("rejoining")
	return err
}

// back tells what a node that was away lacks.
func (c *cluster) back(ctx context.Context, m *machine) error {
	if err := c.allWell(ctx); err != nil {
		return err
	}
	placed, err := c.placement(ctx)
	if err != nil {
		return err
	}
	if placed["reverse_proxy"][m.name] == 0 {
		return fmt.Errorf("no proxy runs on %s", m.name)
	}
	for _, e := range c.balancer.entries {
		if e.name == m.name && !e.well.Load() {
			return fmt.Errorf("the proxy on %s does not answer", m.name)
		}
	}
	return c.well(ctx)
}

func (c *cluster) loseLeader(ctx context.Context) error {
	lost, err := c.withoutData(ctx)
	if err != nil {
		return err
	}
	c.lost = lost
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	c.operateThrough(c.machines[data])
	begun := time.Now()
	if err := lost.kill(); err != nil {
		return err
	}
	err = until(ctx, func() error {
		m, err := c.leads(ctx, c.machines[data])
		if err == nil && m == lost {
			err = errors.New("the lost one still counts as the leader")
		}
		return err
	})
	if err != nil {
		return err
	}
	c.report("the leader lost: until another leads", "%.0f s", time.Since(begun).Seconds())
	// Up, not down: which tasks go is the swarm's choice, and it does not know yet that
	// some are lost.
	scaled := time.Now()
	_, err = c.docker(ctx, "service", "scale", "--detach", stack+"_ingestair=4", stack+"_managair_server=4")
	if err != nil {
		return err
	}
	if err := until(ctx, func() error { return c.away(ctx, lost) }); err != nil {
		return err
	}
	c.report("the leader lost: until its tasks are replaced", "%.0f s", time.Since(begun).Seconds())
	c.report("  scaled meanwhile", "%.0f s", time.Since(scaled).Seconds())
	deployed := time.Now()
	_, err = c.toolWith(ctx, []string{"FRONTEND_REPLICAS=3", "LOG_LEVEL=WARN"}, "deploy-stack.sh", "--timeout", "240")
	if err != nil {
		return err
	}
	c.report("  a deployment that changes every service", "%.0f s", time.Since(deployed).Seconds())
	_, err = result("the loss of the leader")
	return err
}

// leads returns the node that leads, as another one says.
func (c *cluster) leads(ctx context.Context, asked *machine) (*machine, error) {
	states, err := c.nodeStates(ctx, asked)
	if err != nil {
		return nil, err
	}
	for _, m := range c.machines {
		if states[m.name].ManagerStatus == "Leader" {
			return m, nil
		}
	}
	return nil, errors.New("nobody leads")
}

// withoutData makes sure that the node with the data does not lead, as it may on a
// busy machine, and returns the one that does.
func (c *cluster) withoutData(ctx context.Context) (found *machine, err error) {
	asked, avoided := c.machines[first], c.machines[data]
	found, err = c.leads(ctx, asked)
	if err != nil || found != avoided {
		return found, err
	}
	if _, err := c.on(ctx, asked, "node", "demote", avoided.name); err != nil {
		return nil, err
	}
	err = until(ctx, func() (err error) {
		found, err = c.leads(ctx, asked)
		if err == nil && found == avoided {
			err = errors.New("the node with the data still leads")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	// The swarm itself changes the node's record meanwhile, and refuses ours then as
	// "out of sequence".
	err = until(ctx, func() error {
		_, err := c.on(ctx, asked, "node", "promote", avoided.name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, until(ctx, func() error { return c.allWell(ctx) })
}

// findLeader starts the lost leader again, with what its disk has.
func (c *cluster) findLeader(ctx context.Context) error {
	result, err := c.during(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := c.lost.start(ctx); err != nil {
		return err
	}
	if err := until(ctx, func() error { return c.back(ctx, c.lost) }); err != nil {
		return err
	}
	c.report("started again: until it takes requests", "%.0f s", time.Since(begun).Seconds())
	_, err = result("the return of the leader")
	return err
}

func (c *cluster) check(ctx context.Context) error {
	n, failures, p99 := c.requests.stop()
	c.report("HTTP requests in all", "%d, half of them in one session; failed %d, sent again %d, p99 %d ms",
		n, len(failures), len(c.balancer.retries()), p99.Milliseconds())
	var failed error
	if len(failures) > 0 {
		failed = fmt.Errorf("%d of %d requests failed, the first: %s", len(failures), n, failures[0])
	}
	calls, err := c.stopCalls(ctx)
	if err != nil {
		return errors.Join(failed, err)
	}
	c.report("gRPC calls in all", "%d, failed %d, sent again %d, p99 %d ms, slowest %d ms",
		calls.Calls, calls.Failed, calls.Retried, calls.P99Millis, calls.SlowestMs)
	if calls.Failed > 0 {
		failed = errors.Join(failed, fmt.Errorf("%d of %d calls failed, the last: %s", calls.Failed, calls.Calls, calls.LastError))
	}
	return errors.Join(failed, c.checkUplinks(ctx, "all of this"), c.checkTicks(ctx), c.checkFidelity(ctx, c.readAsOperator))
}

func (c *cluster) readAsOperator(ctx context.Context, path string) ([]byte, error) {
	body, _, err := c.balancer.do(ctx, request{method: http.MethodGet, path: path, header: map[string]string{"Authorization": "Token " + c.token}})
	return body, err
}

// checkTicks counts how often the worker did what is due every minute. The queue
// has counted executions, and keeps the task of each tick for an hour.
func (c *cluster) checkTicks(ctx context.Context) error {
	const queue = "asynq:{managair}:"
	container, err := c.docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+stack+"_redis")
	if err != nil {
		return err
	}
	// In one script, because they go on.
	out, err := c.docker(ctx, "exec", container, "redis-cli", "EVAL", `
		local answer = {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) or '0'}
		for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do answer[#answer + 1] = id end
		return answer`, "3", queue+"processed", queue+"failed", queue+"completed")
	if err != nil {
		return err
	}
	var executions, failed int
	fields := strings.Fields(out)
	if len(fields) < 2 {
		return fmt.Errorf("no task was executed: %q", out)
	}
	if executions, err = strconv.Atoi(fields[0]); err != nil {
		return err
	}
	if failed, err = strconv.Atoi(fields[1]); err != nil {
		return err
	}
	executions -= failed   // which are tried again
	executions -= c.mailed // which are not kept
	tasks := fields[2:]
	const minutely = "fidelity:check:"
	ticks := map[time.Time]bool{}
	for _, id := range tasks {
		at, ok := strings.CutPrefix(id, minutely)
		if !ok {
			continue
		}
		tick, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return err
		}
		ticks[tick] = true
	}
	if len(ticks) < 2 {
		return fmt.Errorf("%d ticks in %v", len(ticks), tasks)
	}
	sorted := slices.SortedFunc(maps.Keys(ticks), time.Time.Compare)
	due := int(sorted[len(sorted)-1].Sub(sorted[0])/time.Minute) + 1
	others := len(tasks) - len(ticks)
	c.report("a task that is due every minute", "minutes %d, enqueued %d, executed %d (and failed %d)",
		due, len(ticks), executions-others, failed)
	if len(ticks) != due {
		return fmt.Errorf("%d of %d ticks were worked: %v", len(ticks), due, sorted)
	}
	if executions != len(tasks) {
		return fmt.Errorf("%d tasks were executed %d times", len(tasks), executions)
	}
	return nil
}
