package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// dev is the stack that developers deploy on their machine, from a copy of this tree
// in which they may write.
type dev struct {
	stage
	reload *reload
}

func devCommand() *cobra.Command {
	d := dev{stage: newStage()}
	d.environment = "tools/e2e/e2e-dev.env"
	var keep bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Works with the development stack; use tools/dev/e2e.sh dev",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return play(cmd.Context(), cmd.OutOrStdout(), &d.stage, d.steps(), d.takeDown, keep)
		},
	}
	d.flags(cmd.Flags(), &keep)
	return cmd
}

func (d *dev) steps() []step {
	return []step{
		{"an engine and a swarm of our own start", d.engine.start},
		{"images are made", d.loadImages},
		{"somebody checks the tree out", d.checkOut},
		{"the development stack is deployed and healthy", d.deploy},
		{"fixtures are loaded, a superuser is created", d.loadData},
		{"API, gRPC and pgAdmin are where they should be", d.knock},
		{"what the simulator sends arrives in the API", d.seeSimulated},
		{"somebody signs up and gets a mail", d.signUp},
		{"a changed line changes the running service", d.changeCode},
		{"what does not build changes nothing, what is mended does", d.breakCode},
		{"a new migration is applied", d.addMigration},
		{"the stack is removed", func(ctx context.Context) error {
			_, err := d.tool(ctx, "rm-stack.sh", "--volumes", "-y")
			return err
		}},
	}
}

func (d *dev) takeDown() {
	if d.reload != nil {
		d.reload.stop()
	}
	d.engine.stop()
}

func (d *dev) checkOut(ctx context.Context) error {
	d.tree = filepath.Join(d.work, "tree")
	if err := os.Mkdir(d.tree, 0o700); err != nil {
		return err
	}
	_, err := d.engine.run(ctx, "bash", "-o", "pipefail", "-c", `git ls-files -z --cached --others --exclude-standard |
		tar --create --null --files-from - --ignore-failed-read | tar --extract --directory "$1"`, "copy", d.tree)
	return err
}

func (d *dev) deploy(ctx context.Context) error {
	for _, tool := range []string{"create-secrets.sh", "create-volumes.sh"} {
		if _, err := d.tool(ctx, tool); err != nil {
			return err
		}
	}
	begun := time.Now()
	if _, err := d.tool(ctx, "deploy-stack.sh", "--timeout", "180"); err != nil {
		return err
	}
	d.report("first deployment until healthy, with migration", "%.0f s", time.Since(begun).Seconds())
	return until(ctx, func() error {
		_, err := d.tool(ctx, "status.sh")
		return err
	})
}

// Where developers find things.
const (
	devAPI     = "http://" + local + ":8888"
	devPGAdmin = "http://" + local + ":8889"
	devGRPC    = "50051"
)

func (d *dev) knock(ctx context.Context) error {
	if err := get(ctx, http.DefaultClient, "", devAPI+apiPath); err != nil {
		return err
	}
	if err := get(ctx, http.DefaultClient, "", devPGAdmin); err != nil {
		return err
	}
	conn, err := grpc.NewClient(net.JoinHostPort(local, devGRPC), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("ingestair is %s", answer.GetStatus())
	}
	return err
}

// simulated is how many nodes the simulator plays unless it is told otherwise.
const simulated = 10

// seeSimulated waits until each simulated node has the greater part of the day that
// the simulator begins with.
func (d *dev) seeSimulated(ctx context.Context) error {
	begun := time.Now()
	total := 0
	err := until(ctx, func() error {
		total = 0
		for i := range simulated {
			path := fmt.Sprintf("%s/api/v1/installations/%d/?include_timeseries=1&filter[from]=%d&filter[to]=%d",
				devAPI, 9000+i, begun.AddDate(0, 0, -1).Unix(), begun.Add(time.Hour).Unix())
			body, err := read(ctx, path)
			if err != nil {
				return err
			}
			times, err := seriesTimes(body)
			if err != nil {
				return err
			}
			var newest int64
			for at := range times {
				newest = max(newest, at)
			}
			// The slowest of them sends every two hours.
			if age := time.Since(time.Unix(newest, 0)); age > 3*time.Hour {
				return fmt.Errorf("the newest of %d samples of node %d is %s old", len(times), i, age.Round(time.Second))
			}
			total += len(times)
		}
		return nil
	})
	d.report("simulated samples in the API", "%d of %d nodes", total, simulated)
	return err
}

func read(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.300s", address, resp.Status, body)
	}
	return body, err
}

// reload is the tool that updates services while their code is changed.
type reload struct {
	process *exec.Cmd
	said    lockedBuilder
	ended   chan struct{}
}

func (d *dev) startReload(ctx context.Context) error {
	r := &reload{ended: make(chan struct{})}
	r.process = exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(d.tree, "tools/dev/reload.sh"), d.environment)
	r.process.Env = append(os.Environ(), "CLAIR_SECRETS="+d.secrets)
	r.process.Stdout, r.process.Stderr = io.MultiWriter(&r.said, d.log), io.MultiWriter(&r.said, d.log)
	r.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.process.Start(); err != nil {
		return err
	}
	go func() {
		_ = r.process.Wait() // it is ended by a signal
		close(r.ended)
	}()
	d.reload = r
	return d.awaitSaid(ctx, "watching")
}

// stop ends it as Ctrl-C does.
func (r *reload) stop() {
	_ = syscall.Kill(-r.process.Process.Pid, syscall.SIGINT)
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-r.process.Process.Pid, syscall.SIGKILL)
	}
}

func (d *dev) awaitSaid(ctx context.Context, text string) error {
	return until(ctx, func() error {
		select {
		case <-d.reload.ended:
			return fmt.Errorf("reload.sh ended: %s", tail(d.reload.said.String(), 20))
		default:
		}
		if !strings.Contains(d.reload.said.String(), text) {
			return fmt.Errorf("reload.sh does not say %q: %s", text, tail(d.reload.said.String(), 20))
		}
		return nil
	})
}

// The line that is changed: beside it comes a route that tells the version.
const (
	changedFile = "services/managair/internal/app/serve.go"
	changedLine = "	mux := http.NewServeMux()\n"
)

// edit changes the service so that it answers with a text, or does not build.
func (d *dev) edit(text string) error {
	original, err := os.ReadFile(changedFile)
	if err != nil {
		return err
	}
	if !bytes.Contains(original, []byte(changedLine)) {
		return fmt.Errorf("%s has no line %q any more", changedFile, changedLine)
	}
	added := changedLine + `	mux.HandleFunc("GET /api/edited", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "` + text + `") })` + "\n"
	changed := bytes.Replace(original, []byte(changedLine), []byte(added), 1)
	return os.WriteFile(filepath.Join(d.tree, changedFile), changed, 0o600)
}

// awaitEdited waits until the running service answers with a text, and returns how
// long that took.
func (d *dev) awaitEdited(ctx context.Context, text string) (time.Duration, error) {
	begun := time.Now()
	err := until(ctx, func() error {
		body, err := read(ctx, devAPI+"/api/edited")
		if err == nil && string(body) != text {
			err = fmt.Errorf("the service answers %q, want %q", body, text)
		}
		return err
	})
	return time.Since(begun), err
}

func (d *dev) changeCode(ctx context.Context) error {
	if err := d.startReload(ctx); err != nil {
		return err
	}
	if err := d.edit("one"); err != nil {
		return err
	}
	took, err := d.awaitEdited(ctx, "one")
	d.report("from saving a file until the service has changed", "%.0f s", took.Seconds())
	return err
}

func (d *dev) breakCode(ctx context.Context) error {
	if err := d.edit("two\" broken"); err != nil {
		return err
	}
	if err := d.awaitSaid(ctx, "syntax error"); err != nil {
		return err
	}
	if _, err := d.awaitEdited(ctx, "one"); err != nil {
		return err
	}
	if err := d.edit("two"); err != nil {
		return err
	}
	_, err := d.awaitEdited(ctx, "two")
	return err
}

func (d *dev) addMigration(ctx context.Context) error {
	const migration = "-- +goose Up\nCREATE TABLE edited (id integer PRIMARY KEY);\n\n-- +goose Down\nDROP TABLE edited;\n"
	if err := os.WriteFile(filepath.Join(d.tree, "pkg/schema/migrations/90000_edited.sql"), []byte(migration), 0o600); err != nil {
		return err
	}
	err := until(ctx, func() error {
		n, err := d.sql(ctx, "SELECT count(*) FROM pg_tables WHERE tablename = 'edited'")
		if err == nil && n != "1" {
			err = errors.New("the table is not there")
		}
		return err
	})
	if err != nil {
		return err
	}
	// A change in pkg is one of all services.
	return d.awaitSaid(ctx, "ers_forwarder runs")
}
