package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/clairberlin/clair-stack/tools/e2e/internal/play"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/swarm"
	"github.com/clairberlin/clair-stack/tools/e2e/internal/visitor"
)

// reload is the tool that updates services while their code is changed.
type reload struct {
	process *exec.Cmd
	said    swarm.LockedBuilder
	ended   chan struct{}
}

func (d *dev) startReload(ctx context.Context) error {
	r := &reload{ended: make(chan struct{})}
	r.process = exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(d.stack.Tree, "tools/dev/reload.sh"), d.stack.Environment)
	r.process.Env = append(os.Environ(), "CLAIR_SECRETS="+d.stack.Secrets)
	r.process.Stdout, r.process.Stderr = io.MultiWriter(&r.said, d.setting.Notes.Log), io.MultiWriter(&r.said, d.setting.Notes.Log)
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
	return play.Until(ctx, func() error {
		select {
		case <-d.reload.ended:
			return fmt.Errorf("reload.sh ended: %s", swarm.Tail(d.reload.said.String(), 20))
		default:
		}
		if !strings.Contains(d.reload.said.String(), text) {
			return fmt.Errorf("reload.sh does not say %q: %s", text, swarm.Tail(d.reload.said.String(), 20))
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
	return os.WriteFile(filepath.Join(d.stack.Tree, changedFile), changed, 0o600)
}

// awaitEdited waits until the running service answers with a text, and returns how
// long that took.
func (d *dev) awaitEdited(ctx context.Context, text string) (time.Duration, error) {
	begun := time.Now()
	err := play.Until(ctx, func() error {
		body, err := visitor.Read(ctx, devAPI+"/api/edited")
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
	d.stack.Report("from saving a file until the service has changed", "%.0f s", took.Seconds())
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
	if err := os.WriteFile(filepath.Join(d.stack.Tree, "pkg/schema/migrations/90000_edited.sql"), []byte(migration), 0o600); err != nil {
		return err
	}
	err := play.Until(ctx, func() error {
		n, err := d.stack.SQL(ctx, "SELECT count(*) FROM pg_tables WHERE tablename = 'edited'")
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
