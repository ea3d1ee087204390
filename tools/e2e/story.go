package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
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

const (
	environment = "tools/e2e/e2e.env"
	domain      = "clair.test"
	proxy       = "http://127.0.0.1"
	registry    = "clair-e2e"
	stack       = "clair"
)

// story is the life of a deployed stack, told in steps that build on each other.
type story struct {
	engine  engine
	work    string
	images  string
	secrets string
	log     *os.File
	figures []figure

	nodes     []*simulate.Node
	caller    uuid.UUID // the node of our own gRPC calls
	from      time.Time // since when the nodes measure
	requests  *requests
	uplinks   *uplinks
	calls     string // id of the container that calls
	callers   int    // how many there have been
	sent      map[sampleKey]bool
	called    int // samples acknowledged to our own calls
	rowsSaved int
}

type step struct {
	name string
	do   func(context.Context) error
}

func (s *story) steps() []step {
	return []step{
		{"an engine and a swarm of our own start", s.engine.start},
		{"images are made", s.makeImages},
		{"tools refuse what nobody has confirmed", s.refuse},
		{"secrets and volumes are created", s.createSecretsAndVolumes},
		{"the stack is deployed and healthy", s.deploy},
		{"deploying again restarts nothing", s.deployAgain},
		{"fixtures are loaded, a superuser is created", s.loadData},
		{"the API answers through the proxy", s.readAPI},
		{"constant load begins; uplinks arrive", s.startLoad},
		{"ingestair is scaled to 3", s.scale},
		{"every service is updated under load", s.update},
		{"a broken image rolls back by itself", s.rollBack},
		{"no request failed and no sample is lost", s.checkLoad},
		{"the ingestion token is rotated under load", s.rotateToken},
		{"the killed database comes back, nothing is lost", s.killDatabase},
		{"the database is backed up and the stack destroyed", s.backUpAndDestroy},
		{"the backup is restored into a new stack", s.restore},
		{"HTTPS comes by a certificate of an ACME server", s.useHTTPS},
		{"the stack is removed", s.remove},
	}
}

// tool runs one of the tools with our environment file.
func (s *story) tool(ctx context.Context, name string, args ...string) (string, error) {
	return s.toolWith(ctx, nil, nil, name, args...)
}

func (s *story) toolWith(ctx context.Context, stdin io.Reader, env []string, name string, args ...string) (string, error) {
	command := append([]string{"tools/" + name, environment}, args...)
	return s.engine.runWith(ctx, stdin, append(env, "CLAIR_SECRETS="+s.secrets), command...)
}

func (s *story) docker(ctx context.Context, args ...string) (string, error) {
	out, err := s.engine.run(ctx, append([]string{"docker"}, args...)...)
	return strings.TrimSpace(out), err
}

func (s *story) report(name, format string, args ...any) {
	s.figures = append(s.figures, figure{name, fmt.Sprintf(format, args...)})
}

func (s *story) makeImages(ctx context.Context) error {
	if err := s.engine.importImages(ctx); err != nil {
		return err
	}
	if _, err := s.docker(ctx, "load", "--quiet", "--input", s.images); err != nil {
		return err
	}
	if err := s.makeFrontend(ctx); err != nil {
		return err
	}
	// Another name is another version to the swarm.
	services := []string{"managair", "ingestair", "clairchen-forwarder", "ers-forwarder", "static-frontend"}
	for _, name := range services {
		if _, err := s.docker(ctx, "tag", registry+"/"+name+":one", registry+"/"+name+":two"); err != nil {
			return err
		}
	}
	// It runs, but is never healthy: our own program under managair's name.
	broken := "FROM " + registry + "/e2e:one\nENTRYPOINT [\"/e2e\"]\nHEALTHCHECK CMD [\"/e2e\", \"unhealthy\"]\n"
	_, err := s.engine.runWith(ctx, strings.NewReader(broken), nil, "docker", "build", "--quiet", "--tag", registry+"/managair:broken", "-")
	if err != nil {
		return err
	}
	for _, name := range services[:4] { // the frontend's stands on a stand-in
		size, err := s.docker(ctx, "image", "inspect", "--format", "{{.Size}}", registry+"/"+name+":one")
		if err != nil {
			return err
		}
		n, err := strconv.ParseFloat(size, 64)
		if err != nil {
			return err
		}
		s.report("image of "+name, "%.1f MB", n/1e6)
	}
	return nil
}

// makeFrontend makes the image of the pages, where they have been built.
func (s *story) makeFrontend(ctx context.Context) error {
	if _, err := os.Stat("services/static-frontend/dist/index.html"); err != nil {
		_, err := s.docker(ctx, "tag", "clair-standin/nginx", registry+"/static-frontend:one")
		return err
	}
	_, err := s.engine.runWith(ctx, nil, []string{"CLAIR_REGISTRY=" + registry, "NGINX_IMAGE=clair-standin/nginx"},
		"tools/build-images.sh", "--load", "--tag", "one", "static-frontend")
	return err
}

// refuse calls tools as one should not, before there is anything to break.
func (s *story) refuse(ctx context.Context) error {
	elsewhere := filepath.Join(s.work, "elsewhere.env")
	text := "DOCKER_CONTEXT=elsewhere\nCLAIR_DOMAIN=elsewhere.test\nDOCKER_STACK_DEPLOY_ARGS='-c compose/docker-compose.yml'\n"
	if err := os.WriteFile(elsewhere, []byte(text), 0o600); err != nil {
		return err
	}
	for _, c := range []struct {
		why  string
		args []string
		code int
	}{
		{"another context, and nobody to ask", []string{"tools/rm-stack.sh", elsewhere}, 3},
		{"data would be lost, and nobody to ask", []string{"tools/rm-stack.sh", environment, "--volumes"}, 3},
		{"there is no such environment", []string{"tools/status.sh", "nowhere"}, 2},
		{"without an environment", []string{"tools/deploy-stack.sh"}, 2},
		{"secrets are missing", []string{"tools/deploy-stack.sh", environment}, 1},
		{"help is no mistake", []string{"tools/deploy-stack.sh", "--help"}, 0},
	} {
		_, err := s.engine.runWith(ctx, nil, []string{"CLAIR_SECRETS=" + s.secrets}, c.args...)
		if code := exitCode(err); code != c.code {
			return fmt.Errorf("%s: %s ended with %d, want %d: %w", c.why, strings.Join(c.args, " "), code, c.code, err)
		}
	}
	return nil
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

func (s *story) createSecretsAndVolumes(ctx context.Context) error {
	for _, tool := range []string{"create-secrets.sh", "create-volumes.sh"} {
		if _, err := s.tool(ctx, tool); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) deploy(ctx context.Context) error {
	begun := time.Now()
	if _, err := s.tool(ctx, "deploy-stack.sh", "--timeout", "180"); err != nil {
		return err
	}
	s.report("first deployment until healthy, with migration", "%.0f s", time.Since(begun).Seconds())
	return nil
}

// tasks returns the ids of the tasks that run.
func (s *story) tasks(ctx context.Context) (map[string]bool, error) {
	out, err := s.docker(ctx, "stack", "ps", "--quiet", "--no-trunc", "--filter", "desired-state=running", stack)
	ids := map[string]bool{}
	for id := range strings.FieldsSeq(out) {
		ids[id] = true
	}
	return ids, err
}

func (s *story) deployAgain(ctx context.Context) error {
	before, err := s.tasks(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	if _, err := s.tool(ctx, "deploy-stack.sh", "--timeout", "60"); err != nil {
		return err
	}
	s.report("deployment without a change", "%.0f s", time.Since(begun).Seconds())
	after, err := s.tasks(ctx)
	if err != nil {
		return err
	}
	for id := range before {
		if !after[id] {
			return fmt.Errorf("task %s was replaced", id)
		}
	}
	if len(after) != len(before) {
		return fmt.Errorf("%d tasks run, and %d before", len(after), len(before))
	}
	memory, err := s.memory(ctx)
	if err != nil {
		return err
	}
	s.report("memory of our services when idle", "%.0f MB", memory)
	return nil
}

// memory returns the megabytes that our own services take.
func (s *story) memory(ctx context.Context) (sum float64, err error) {
	out, err := s.docker(ctx, "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.ContainsFunc([]string{"managair", "ingestair", "forwarder"}, func(name string) bool {
			return strings.Contains(fields[0], name)
		}) {
			continue
		}
		number, factor := strings.TrimSuffix(fields[1], "MiB"), 1.048576
		if n, ok := strings.CutSuffix(fields[1], "GiB"); ok {
			number, factor = n, 1073.741824
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, fmt.Errorf("memory %q: %w", line, err)
		}
		sum += n * factor
	}
	return sum, nil
}

func (s *story) loadData(ctx context.Context) error {
	s.from = time.Now().AddDate(0, 0, -4).Truncate(time.Hour)
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
	_, err = s.toolWith(ctx, nil, []string{"SUPERUSER_PASSWORD=correct horse battery staple"},
		"manage.sh", "-y", "createsuperuser", "--noinput", "--username", "root", "--email", "root@clair.test")
	return err
}

// apiPath is what the constant requests ask for.
const apiPath = "/api/v1/rooms/9000/"

func (s *story) readAPI(ctx context.Context) error {
	return until(ctx, func() error {
		return get(ctx, http.DefaultClient, domain, proxy+apiPath, http.StatusOK)
	})
}

func (s *story) startLoad(ctx context.Context) error {
	running := context.WithoutCancel(ctx) // longer than this step
	s.requests = startRequests(running, domain, proxy+apiPath)
	if err := s.startCalls(ctx); err != nil {
		return err
	}
	if err := s.startUplinks(running); err != nil {
		return err
	}
	return until(ctx, func() error {
		rows, err := s.stored(ctx)
		if err == nil && len(rows) == 0 {
			err = errors.New("no samples yet")
		}
		nodes := map[uuid.UUID]bool{}
		for key := range rows {
			nodes[key.node] = true
		}
		if err == nil && len(nodes) < len(s.nodes)/2 {
			err = fmt.Errorf("samples of %d nodes only", len(nodes))
		}
		return err
	})
}

func (s *story) startUplinks(ctx context.Context) (err error) {
	const speed = 400 // some ten uplinks a second
	s.uplinks, err = startUplinks(ctx, s.nodes, s.from, speed)
	return err
}

// startCalls starts a service in the stack's network that calls ingestair.
func (s *story) startCalls(ctx context.Context) error {
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
	_, err = s.docker(ctx, "service", "create", "--quiet", "--detach", "--name", "calls", "--no-resolve-image",
		"--no-healthcheck", "--restart-condition", "none", "--network", stack+"_backend",
		"--secret", "source="+secret+",target=ingest_token,mode=0444", "--env", "INGEST_TOKEN_FILE=/run/secrets/ingest_token",
		"--env", "INGESTAIR_ADDRESS=dns:///ingestair:50051", registry+"/e2e:one",
		"calls", "--node", s.caller.String(), "--from", strconv.FormatInt(from.Unix(), 10))
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
func (s *story) stopCalls(ctx context.Context) (callReport, error) {
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

func (s *story) scale(ctx context.Context) error {
	begun := time.Now()
	if _, err := s.docker(ctx, "service", "scale", "--detach", stack+"_ingestair=3"); err != nil {
		return err
	}
	err := until(ctx, func() error {
		_, err := s.tool(ctx, "status.sh")
		return err
	})
	s.report("ingestair from 1 task to 3", "%.0f s", time.Since(begun).Seconds())
	return err
}

func (s *story) update(ctx context.Context) error {
	for _, u := range []struct{ service, image string }{
		{"managair_server", "managair"},
		{"managair_worker", "managair"},
		{"static_frontend", "static-frontend"},
		{"ingestair", "ingestair"},
		{"clairchen_forwarder", "clairchen-forwarder"},
		{"ers_forwarder", "ers-forwarder"},
	} {
		begun := time.Now()
		if _, err := s.tool(ctx, "update-services.sh", u.service, registry+"/"+u.image+":two"); err != nil {
			return err
		}
		s.report("rolling update of "+u.service, "%.0f s", time.Since(begun).Seconds())
	}
	// Each task has served: the callers' connections found all of them.
	return until(ctx, func() error {
		n, err := s.sql(ctx, "SELECT count(DISTINCT client_addr) FROM pg_stat_activity WHERE application_name = 'ingestair'")
		if err == nil && n != "3" {
			err = fmt.Errorf("%s of 3 tasks of ingestair have database connections", n)
		}
		return err
	})
}

func (s *story) sql(ctx context.Context, query string) (string, error) {
	db, err := s.docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+stack+"_db")
	if err != nil {
		return "", err
	}
	return s.docker(ctx, "exec", db, "psql", "--no-align", "--tuples-only", "--username", "clair", "--dbname", "clair", "--command", query)
}

func (s *story) rollBack(ctx context.Context) error {
	begun := time.Now()
	_, err := s.tool(ctx, "update-services.sh", "managair_server", registry+"/managair:broken")
	const rolledBack = 5
	if exitCode(err) != rolledBack {
		return fmt.Errorf("update to a broken image: got %w, want exit status %d", err, rolledBack)
	}
	s.report("broken image: until the old version is back", "%.0f s", time.Since(begun).Seconds())
	image, err := s.docker(ctx, "service", "inspect", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Image}}", stack+"_managair_server")
	if err == nil && image != registry+"/managair:two" {
		err = fmt.Errorf("runs %s after the roll-back", image)
	}
	return err
}

func (s *story) checkLoad(ctx context.Context) error {
	n, failures, p99 := s.requests.stop()
	s.report("HTTP requests during the updates", "%d, failed %d, p99 %d ms", n, len(failures), p99.Milliseconds())
	calls, err := s.stopCalls(ctx)
	if err != nil {
		return err
	}
	s.report("gRPC calls during the updates", "%d, failed %d, retried %d, p99 %d ms, slowest %d ms (at %s)",
		calls.Calls, calls.Failed, calls.Retried, calls.P99Millis, calls.SlowestMs, calls.SlowestAt)
	if len(failures) > 0 {
		err = fmt.Errorf("%d of %d requests failed, the first: %s", len(failures), n, failures[0])
	}
	if calls.Failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d calls failed, the last: %s", calls.Failed, calls.Calls, calls.LastError))
	}
	if calls.Acknowledged == 0 {
		err = errors.Join(err, errors.New("no call was made"))
	}
	return errors.Join(err, s.checkUplinks(ctx, "the updates"))
}

// checkUplinks ends the uplinks and waits until each of their samples is stored.
func (s *story) checkUplinks(ctx context.Context, during string) error {
	n, samples, err := s.uplinks.stop()
	if err != nil {
		return err
	}
	if s.sent == nil {
		s.sent = map[sampleKey]bool{}
	}
	for key := range samples {
		s.sent[key] = true
	}
	if len(samples) == 0 {
		return errors.New("no uplink was sent")
	}
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
func (s *story) missing(ctx context.Context) (int, error) {
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
func (s *story) stored(ctx context.Context) (map[sampleKey]bool, error) {
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

func (s *story) rotateToken(ctx context.Context) error {
	if err := s.startUplinks(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	begun := time.Now()
	if _, err := s.tool(ctx, "rotate-secret.sh", "ingest_token"); err != nil {
		return err
	}
	s.report("rotation of the ingestion token", "%.0f s", time.Since(begun).Seconds())
	return s.checkUplinks(ctx, "the rotation")
}

func (s *story) killDatabase(ctx context.Context) error {
	if err := s.startCalls(ctx); err != nil {
		return err
	}
	if err := s.startUplinks(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	db, err := s.docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+stack+"_db")
	if err != nil {
		return err
	}
	begun := time.Now()
	if _, err := s.docker(ctx, "kill", "--signal", "KILL", db); err != nil {
		return err
	}
	err = until(ctx, func() error {
		return get(ctx, http.DefaultClient, domain, proxy+apiPath, http.StatusOK)
	})
	if err != nil {
		return err
	}
	_, err = s.tool(ctx, "status.sh")
	for ; err != nil && ctx.Err() == nil; _, err = s.tool(ctx, "status.sh") {
		time.Sleep(time.Second)
	}
	if err != nil {
		return err
	}
	s.report("database killed: until all is well again", "%.0f s", time.Since(begun).Seconds())
	calls, err := s.stopCalls(ctx)
	if err != nil {
		return err
	}
	s.report("gRPC calls meanwhile", "%d, failed %d, retried %d", calls.Calls, calls.Failed, calls.Retried)
	return s.checkUplinks(ctx, "the death of the database")
}

// backup runs the tool for backups, with a folder to keep them.
func (s *story) backup(ctx context.Context, args ...string) (string, error) {
	env := []string{"RESTIC_REPOSITORY=" + filepath.Join(s.work, "backups"), "RESTIC_CACHE_DIR=" + filepath.Join(s.work, "restic")}
	return s.toolWith(ctx, nil, env, "backup.sh", args...)
}

func (s *story) backUpAndDestroy(ctx context.Context) error {
	rows, err := s.stored(ctx)
	if err != nil {
		return err
	}
	s.rowsSaved = len(rows)
	begun := time.Now()
	if _, err := s.backup(ctx); err != nil {
		return err
	}
	s.report("backup, encrypted", "%.0f s", time.Since(begun).Seconds())
	if _, err := s.backup(ctx, "check"); err != nil {
		return err
	}
	_, err = s.tool(ctx, "rm-stack.sh", "--volumes", "-y")
	return err
}

func (s *story) restore(ctx context.Context) error {
	if _, err := s.tool(ctx, "create-volumes.sh"); err != nil {
		return err
	}
	if _, err := s.tool(ctx, "deploy-stack.sh", "--timeout", "180"); err != nil {
		return err
	}
	begun := time.Now()
	if _, err := s.backup(ctx, "restore", "-y"); err != nil {
		return err
	}
	s.report("restoring the backup", "%.0f s", time.Since(begun).Seconds())
	rows, err := s.stored(ctx)
	if err != nil {
		return err
	}
	if len(rows) != s.rowsSaved {
		return fmt.Errorf("%d samples after restoring, %d before", len(rows), s.rowsSaved)
	}
	return s.readAPI(ctx)
}

func (s *story) remove(ctx context.Context) error {
	_, err := s.tool(ctx, "rm-stack.sh")
	return err
}

// explain says how the stack is, when a step has failed.
func (s *story) explain(w io.Writer) {
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
