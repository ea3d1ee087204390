package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/clairberlin/clair-stack/pkg/simulate"
)

// What both environment files of the end-to-end tests say.
const (
	domain   = "clair.test"
	registry = "clair-e2e"
	stack    = "clair"
)

const superuserPassword = "correct horse battery staple"

// stage is a swarm with a stack on it, what is done to that, and what came of it.
type stage struct {
	engine      engine // that docker commands are for
	tree        string // whose tools are used; empty: this one
	environment string // file that the tools are given, as seen from there
	toolFlags   []string
	callerFlags []string // of the service that calls, which must be on the engine's node
	skip        string   // steps that are left out
	work        string
	images      string
	secrets     string
	days        int    // of the past that nodes play
	broker      string // address that uplinks are published to
	entry       string // host of the proxy, and of the mail viewer
	log         *os.File
	figures     []figure

	nodes   []*simulate.Node
	caller  uuid.UUID // the node of our own gRPC calls
	from    time.Time // since when the nodes measure
	played  time.Time // until when they have been played
	loaded  time.Time // when the load began
	mailed  int       // mails that the worker has sent
	uplinks *uplinks
	calls   string // id of the container that calls
	callers int    // how many there have been
	sent    map[sampleKey]bool
	called  int // samples acknowledged to our own calls
}

type step struct {
	name string
	do   func(context.Context) error
}

// tool runs one of the tools with our environment file.
func (s *stage) tool(ctx context.Context, name string, args ...string) (string, error) {
	return s.toolWith(ctx, nil, name, args...)
}

func (s *stage) toolWith(ctx context.Context, env []string, name string, args ...string) (string, error) {
	command := slices.Concat([]string{filepath.Join(s.tree, "tools", name), s.environment}, s.toolFlags, args)
	return s.engine.runWith(ctx, nil, append(env, "CLAIR_SECRETS="+s.secrets), command...)
}

func (s *stage) docker(ctx context.Context, args ...string) (string, error) {
	out, err := s.engine.run(ctx, append([]string{"docker"}, args...)...)
	return strings.TrimSpace(out), err
}

func (s *stage) report(name, format string, args ...any) {
	s.figures = append(s.figures, figure{name, fmt.Sprintf(format, args...)})
}

// tasks returns the ids of the tasks that run.
func (s *stage) tasks(ctx context.Context) (map[string]bool, error) {
	out, err := s.docker(ctx, "stack", "ps", "--quiet", "--no-trunc", "--filter", "desired-state=running", stack)
	ids := map[string]bool{}
	for id := range strings.FieldsSeq(out) {
		ids[id] = true
	}
	return ids, err
}

// startUplinks plays the nodes on from where they have been played to: what is sent
// again is stored already, and would not be missed.
func (s *stage) startUplinks(ctx context.Context) (err error) {
	const speed = 400 // some ten uplinks a second
	s.uplinks, err = startUplinks(ctx, s.broker, s.nodes, s.played, speed)
	return err
}

// startCalls starts a service in the stack's network that calls ingestair.
func (s *stage) startCalls(ctx context.Context) error {
	secret, err := s.docker(ctx, "service", "inspect", "--format",
		"{{range .Spec.TaskTemplate.ContainerSpec.Secrets}}{{.SecretName}}\n{{end}}", stack+"_clairchen_forwarder")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(secret) {
		if strings.HasPrefix(name, stack+"_ingest_token_") {
			secret = name
		}
	}
	// Each has a week of the node's past to itself.
	from := time.Now().AddDate(0, 0, 7*(s.callers-5))
	s.callers++
	_, err = s.docker(ctx, slices.Concat([]string{
		"service", "create", "--quiet", "--detach", "--name", "calls", "--no-resolve-image",
		"--no-healthcheck", "--restart-condition", "none", "--network", stack + "_backend",
		"--secret", "source=" + secret + ",target=ingest_token,mode=0444", "--env", "INGEST_TOKEN_FILE=/run/secrets/ingest_token",
		"--env", "INGESTAIR_ADDRESS=dns:///ingestair:50051",
	}, s.callerFlags, []string{
		registry + "/e2e:one", "calls", "--node", s.caller.String(), "--from", strconv.FormatInt(from.Unix(), 10),
	})...)
	if err != nil {
		return err
	}
	return until(ctx, func() error {
		s.calls, err = s.docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name=calls")
		if err == nil && s.calls == "" {
			err = errors.New("no container of the caller runs")
		}
		return err
	})
}

// stopCalls ends the calling service and returns what it reported.
func (s *stage) stopCalls(ctx context.Context) (callReport, error) {
	if _, err := s.docker(ctx, "stop", "--time", "40", s.calls); err != nil {
		return callReport{}, err
	}
	out, err := s.docker(ctx, "logs", s.calls)
	if err != nil {
		return callReport{}, err
	}
	r, err := parseReport(strings.Split(out, "\n"))
	if err == nil && !r.Ended {
		err = errors.New("the caller did not end by itself")
	}
	if err != nil {
		return r, err
	}
	s.called += r.Acknowledged
	_, err = s.docker(ctx, "service", "rm", "calls")
	return r, err
}

func (s *stage) sql(ctx context.Context, query string) (string, error) {
	db, err := s.docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+stack+"_db")
	if err != nil {
		return "", err
	}
	return s.docker(ctx, "exec", db, "psql", "--no-align", "--tuples-only", "--username", "clair", "--dbname", "clair", "--command", query)
}

// checkUplinks ends the uplinks and waits until each of their samples is stored.
func (s *stage) checkUplinks(ctx context.Context, during string) error {
	n, samples, err := s.uplinks.stop()
	if err != nil {
		return err
	}
	if s.sent == nil {
		s.sent = map[sampleKey]bool{}
	}
	before := len(s.sent)
	for key := range samples {
		s.sent[key] = true
	}
	if len(s.sent) == before {
		return errors.New("no uplink was sent, or none with new samples")
	}
	s.played = s.uplinks.last
	var missing int
	err = until(ctx, func() error {
		var err error
		missing, err = s.missing(ctx)
		if err == nil && missing > 0 {
			err = fmt.Errorf("%d of %d samples are missing", missing, len(s.sent))
		}
		return err
	})
	s.report("uplinks during "+during, "%d, samples %d, lost %d", n, len(samples), missing)
	return err
}

// missing counts the samples that were sent or acknowledged and are not stored.
func (s *stage) missing(ctx context.Context) (int, error) {
	rows, err := s.stored(ctx)
	if err != nil {
		return 0, err
	}
	missing, ofCaller := 0, 0
	for key := range s.sent {
		if !rows[key] {
			missing++
		}
	}
	for key := range rows {
		if key.node == s.caller {
			ofCaller++
		}
	}
	return missing + max(0, s.called-ofCaller), nil
}

// stored returns the keys of all samples that the stack has.
func (s *stage) stored(ctx context.Context) (map[sampleKey]bool, error) {
	out, err := s.tool(ctx, "dump-samples-csv.sh", "-")
	if err != nil {
		return nil, err
	}
	rows := map[sampleKey]bool{}
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, r := range records[1:] {
		node, err := uuid.Parse(r[0])
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339, r[2])
		if err != nil {
			return nil, err
		}
		key := sampleKey{node, at.Unix()}
		if rows[key] {
			return nil, fmt.Errorf("node %s has two samples at %s", node, at)
		}
		rows[key] = true
	}
	return rows, nil
}

// explain says how the stack is, when a step has failed.
func (s *stage) explain(w io.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, args := range [][]string{
		{"service", "ls"},
		{"stack", "ps", "--no-trunc", "--format", "{{.Name}} {{.Image}} {{.CurrentState}} {{.Error}}", stack},
	} {
		if out, err := s.docker(ctx, args...); err == nil {
			_, _ = fmt.Fprintln(w, tail(out, 40))
		}
	}
	services, _ := s.docker(ctx, "service", "ls", "--format", "{{.Name}}")
	for name := range strings.FieldsSeq(services) {
		_, _ = s.docker(ctx, "service", "logs", "--tail", "60", name) // into the log
	}
	_, _ = fmt.Fprintln(w, "everything in detail: artefacts/e2e/e2e.log")
}

func (s *stage) loadData(ctx context.Context) error {
	s.from = time.Now().AddDate(0, 0, -s.days).Truncate(time.Hour)
	s.played = s.from
	s.nodes = simulate.Nodes(20, time.UTC)
	s.caller = uuid.New()
	path := filepath.Join(s.work, "e2e-fixtures.json")
	if err := os.WriteFile(path, fixtures(s.nodes, s.caller, s.from), 0o600); err != nil {
		return err
	}
	folder, err := filepath.Abs("services/managair/testdata/fixtures")
	if err != nil {
		return err
	}
	_, err = s.tool(ctx, "load-fixtures.sh", filepath.Join(folder, "user-fixtures.json"),
		filepath.Join(folder, "inventory-fixtures.json"), path)
	if err != nil {
		return err
	}
	_, err = s.toolWith(ctx, []string{"SUPERUSER_PASSWORD=" + superuserPassword},
		"manage.sh", "-y", "createsuperuser", "--noinput", "--username", superuser, "--email", "root@clair.test")
	return err
}

// exitCode returns that of a command; -1 when it could not be run.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

// until tries until it succeeds or the step's time is over.
func until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; at last: %w", context.Cause(ctx), err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// loadImages gives the engine all images that the stack needs.
func (s *stage) loadImages(ctx context.Context) error {
	if err := s.engine.importImages(ctx); err != nil {
		return err
	}
	if _, err := s.docker(ctx, "load", "--quiet", "--input", s.images); err != nil {
		return err
	}
	// Our own program plays the viewers.
	for _, name := range []string{"mail", "pgadmin"} {
		text := "FROM " + registry + "/e2e:one\nHEALTHCHECK NONE\nCMD [\"" + name + "\"]\n"
		_, err := s.engine.runWith(ctx, strings.NewReader(text), nil, "docker", "build", "--quiet", "--tag", "clair-standin/"+name, "-")
		if err != nil {
			return err
		}
	}
	_, err := s.docker(ctx, "build", "--quiet", "--network", "none", "--tag", "clair-standin/grafana",
		"--file", "tools/e2e/standins/grafana.Dockerfile", "tools/e2e/standins")
	if err != nil {
		return err
	}
	return s.makeFrontend(ctx)
}

// makeFrontend makes the image of the pages, where they have been built.
func (s *stage) makeFrontend(ctx context.Context) error {
	if !pagesBuilt() {
		_, err := s.docker(ctx, "tag", "clair-standin/nginx", registry+"/static-frontend:one")
		return err
	}
	_, err := s.engine.runWith(ctx, nil, []string{"CLAIR_REGISTRY=" + registry, "NGINX_IMAGE=clair-standin/nginx"},
		"tools/build-images.sh", "--load", "--tag", "one", "static-frontend")
	return err
}

func pagesBuilt() bool {
	_, err := os.Stat("services/static-frontend/dist/index.html")
	return err == nil
}

// samplesArrive tells whether samples of most nodes are still missing.
func (s *stage) samplesArrive(ctx context.Context) error {
	rows, err := s.stored(ctx)
	if err != nil {
		return err
	}
	nodes := map[uuid.UUID]bool{}
	for key := range rows {
		nodes[key.node] = true
	}
	if len(nodes) < len(s.nodes)/2 {
		return fmt.Errorf("samples of %d nodes only", len(nodes))
	}
	return nil
}
