package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	environment = "tools/e2e/e2e.env"
	local       = "127.0.0.1"
	proxy       = "http://" + local
)

// story is the life of a deployed stack, told in steps that build on each other.
type story struct {
	stage
	requests  *requests
	browser   *browser // of the superuser
	picture   string   // address of an uploaded one
	rowsSaved int
	stopped   time.Time // since when there has been no worker
}

func (s *story) steps() []step {
	return []step{
		{"an engine and a swarm of our own start", s.engine.start},
		{"images are made", s.makeImages},
		{"the alert rules pass their own tests", s.testRules},
		{"tools refuse what nobody has confirmed", s.refuse},
		{"secrets and volumes are created", s.createSecretsAndVolumes},
		{"the stack is deployed and healthy", s.deploy},
		{"containers are bounded, and ours may do little", s.checkContainers},
		{"deploying again restarts nothing", s.deployAgain},
		{"fixtures are loaded, a superuser is created", s.loadData},
		{"the API answers through the proxy", s.readAPI},
		{"the superuser logs in and uploads a picture", s.logIn},
		{"somebody signs up and gets a mail", s.signUp},
		{"constant load begins; uplinks arrive", s.startLoad},
		{"the schema of tomorrow appears under load", s.expandSchema},
		{"ingestair is scaled to 3", s.scale},
		{"managair and the pages are updated under load", s.updateManagair},
		{"the worker is stopped", s.stopWorker},
		{"ingestair and the forwarders are updated under load", s.updateIngestion},
		{"a broken image rolls back by itself", s.rollBack},
		{"an alert tells of the worker, until it is back", s.seeAlert},
		{"every task, rule and panel is seen", s.watchStack},
		{"no request failed and no sample is lost", s.checkLoad},
		{"the public reads each of the samples", s.readSeries},
		{"the worker has looked after the nodes", s.tasksRun},
		{"Redis refuses everybody, and the tools say so", s.refuseRedis},
		{"the ingestion token is rotated under load", s.rotateToken},
		{"the database's password is rotated under load", s.rotateDatabasePassword},
		{"the killed database comes back, nothing is lost", s.killDatabase},
		{"database and pictures are backed up, the stack is destroyed", s.backUpAndDestroy},
		{"a new stack is deployed", s.deployAnew},
		{"the predecessor's data moves into it, and back", s.moveOver},
		{"the backup is restored into it", s.restore},
		{"HTTPS comes by a certificate of an ACME server", s.useHTTPS},
		{"the stack is removed", s.remove},
	}
}

func (s *story) makeImages(ctx context.Context) error {
	if err := s.loadImages(ctx); err != nil {
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

func (s *story) deployAgain(ctx context.Context) error {
	begun := time.Now()
	if err := s.deployUnchanged(ctx); err != nil {
		return err
	}
	s.report("deployment without a change", "%.0f s", time.Since(begun).Seconds())
	memory, err := s.memory(ctx)
	if err != nil {
		return err
	}
	s.report("memory of our services when idle", "%.0f MB", memory)
	return nil
}

// deployUnchanged deploys what is deployed already. Nothing may come of that.
func (s *story) deployUnchanged(ctx context.Context) error {
	before, err := s.tasks(ctx)
	if err != nil {
		return err
	}
	if _, err := s.tool(ctx, "deploy-stack.sh", "--timeout", "60"); err != nil {
		return err
	}
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

// apiPath is what the constant requests ask for.
const apiPath = "/api/v1/rooms/9000/"

func (s *story) readAPI(ctx context.Context) error {
	return until(ctx, func() error {
		return get(ctx, http.DefaultClient, domain, proxy+apiPath)
	})
}

func (s *story) startLoad(ctx context.Context) error {
	s.loaded = time.Now()
	running := context.WithoutCancel(ctx) // longer than this step
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: requesters}, Timeout: 10 * time.Second}
	s.requests = startRequests(running, func(ctx context.Context) error {
		return get(ctx, client, domain, proxy+apiPath)
	})
	if err := s.startCalls(ctx); err != nil {
		return err
	}
	if err := s.startUplinks(running); err != nil {
		return err
	}
	return until(ctx, func() error { return s.samplesArrive(ctx) })
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

func (s *story) updateManagair(ctx context.Context) error {
	return s.update(ctx, []update{
		{"managair_server", "managair"},
		{"managair_worker", "managair"},
		{"static_frontend", "static-frontend"},
	})
}

func (s *story) updateIngestion(ctx context.Context) error {
	err := s.update(ctx, []update{
		{"ingestair", "ingestair"},
		{"clairchen_forwarder", "clairchen-forwarder"},
		{"ers_forwarder", "ers-forwarder"},
	})
	if err != nil {
		return err
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

type update struct{ service, image string }

func (s *story) update(ctx context.Context, updates []update) error {
	for _, u := range updates {
		begun := time.Now()
		if _, err := s.tool(ctx, "update-services.sh", u.service, registry+"/"+u.image+":two"); err != nil {
			return err
		}
		s.report("rolling update of "+u.service, "%.0f s", time.Since(begun).Seconds())
	}
	return nil
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
	return errors.Join(s.endLoad(ctx, "the updates"))
}

// endLoad ends what startLoad has begun and tells which requests failed, and what
// else did, or was lost.
func (s *story) endLoad(ctx context.Context, during string) (requests, others error) {
	n, failures, p99 := s.requests.stop()
	s.report("HTTP requests during "+during, "%d, failed %d, p99 %d ms", n, len(failures), p99.Milliseconds())
	if len(failures) > 0 {
		requests = fmt.Errorf("%d of %d requests failed, the first: %s", len(failures), n, failures[0])
	}
	calls, err := s.stopCalls(ctx)
	if err != nil {
		return requests, err
	}
	s.report("gRPC calls during "+during, "%d, failed %d, retried %d, p99 %d ms, slowest %d ms (at %s)",
		calls.Calls, calls.Failed, calls.Retried, calls.P99Millis, calls.SlowestMs, calls.SlowestAt)
	if calls.Failed > 0 {
		others = fmt.Errorf("%d of %d calls failed, the last: %s", calls.Failed, calls.Calls, calls.LastError)
	}
	if calls.Acknowledged == 0 {
		others = errors.Join(others, errors.New("no call was made"))
	}
	return requests, errors.Join(others, s.checkUplinks(ctx, during))
}

// tasksRun waits for what the worker does by itself.
func (s *story) tasksRun(ctx context.Context) error {
	return s.checkFidelity(ctx, func(ctx context.Context, path string) ([]byte, error) {
		body, _, err := s.browser.ask(ctx, http.MethodGet, path, nil, nil, http.StatusOK)
		return body, err
	})
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
		return get(ctx, http.DefaultClient, domain, proxy+apiPath)
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
	return s.toolWith(ctx, env, "backup.sh", args...)
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

func (s *story) deployAnew(ctx context.Context) error {
	if _, err := s.tool(ctx, "create-volumes.sh"); err != nil {
		return err
	}
	_, err := s.tool(ctx, "deploy-stack.sh", "--timeout", "180")
	return err
}

func (s *story) restore(ctx context.Context) error {
	begun := time.Now()
	if _, err := s.backup(ctx, "restore", "-y"); err != nil {
		return err
	}
	s.report("restoring the backup, over what was there", "%.0f s", time.Since(begun).Seconds())
	rows, err := s.stored(ctx)
	if err != nil {
		return err
	}
	if len(rows) != s.rowsSaved {
		return fmt.Errorf("%d samples after restoring, %d before", len(rows), s.rowsSaved)
	}
	if err := s.readAPI(ctx); err != nil {
		return err
	}
	return s.seePicture(ctx)
}

func (s *story) remove(ctx context.Context) error {
	_, err := s.tool(ctx, "rm-stack.sh")
	return err
}
