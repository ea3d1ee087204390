package process_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
)

// parentVariable makes the test binary a parent that starts a child with the
// named log, tells so, and waits to be killed.
const parentVariable = "TEST_BE_A_PARENT"

func TestMain(m *testing.M) {
	if log := os.Getenv(parentVariable); log != "" {
		p, err := process.Start(process.Spec{Name: "child", Path: "sleep", Args: []string{"600"}, LogFile: log})
		if err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString("started\n")
		<-p.Done()
	}
	os.Exit(m.Run())
}

func shell(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(process.Spec{
		Name: "test", Path: "/bin/sh", Args: []string{"-c", script}, LogFile: filepath.Join(t.TempDir(), "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// started waits until the script has said so.
func started(t *testing.T, p *process.Process) {
	t.Helper()
	err := p.Ready(t.Context(), func(context.Context) error {
		if !strings.Contains(p.LogTail(), "started") {
			return errors.New("not started")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStopAsksAndWaits(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap 'echo asked; exit 0' TERM; echo started; while :; do sleep 0.01; done`)
	started(t, p)
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if got, want := p.LogTail(), "started\nasked"; got != want {
		t.Errorf("log = %q, want %q", got, want)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("stop again: %v", err)
	}
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap '' TERM; echo started; while :; do sleep 0.01; done`)
	started(t, p)
	impatient := errors.New("impatient")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, impatient)
	defer cancel()
	if err := p.Stop(ctx); !errors.Is(err, impatient) {
		t.Errorf("Stop = %v, want %v", err, impatient)
	}
	select {
	case <-p.Done():
	default:
		t.Error("still there")
	}
}

func TestReadyTellsWhyTheProgramEnded(t *testing.T) {
	t.Parallel()
	p := shell(t, `echo cannot bind; exit 3`)
	err := p.Ready(t.Context(), func(context.Context) error { return errors.New("refused") })
	for _, want := range []string{"exit status 3", "cannot bind"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Ready = %v, want it to name %q", err, want)
		}
	}
}

func TestChildDiesWithKilledParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux knows how")
	}
	// The child's log is a pipe, so we read its end as the end of the file.
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+pipe)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	log, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	_ = log.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.ReadAll(log); err != nil {
		t.Errorf("the child outlives its parent: %v", err)
	}
}

func TestReaches(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	me := &process.User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	if !me.Reaches(dir) {
		t.Errorf("I do not reach %s, which is mine", dir)
	}
	other := &process.User{UID: 54321, GID: 54321}
	if other.Reaches(dir) {
		t.Errorf("a stranger reaches %s, which is mine alone", dir)
	}
	// Passing is enough: nobody has to be able to look around.
	for _, d := range []string{filepath.Dir(filepath.Dir(filepath.Dir(dir))), filepath.Dir(filepath.Dir(dir)), filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	if !other.Reaches(dir) {
		t.Errorf("a stranger does not reach %s, where all may pass", dir)
	}
	if other.Reaches(filepath.Join(dir, "absent")) {
		t.Error("a stranger reaches what is not there")
	}
}
