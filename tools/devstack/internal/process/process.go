// Package process runs programs as children that can be ended in order, and that
// do not outlive us whatever happens to us (on Linux; elsewhere only when we end
// in an orderly way).
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	Name string   // as in messages, for example "postgres"
	Path string   // of the program
	Args []string // without the program's name
	Env  []string // the whole environment, as NAME=value; nil is our own
	Dir  string   // working directory; empty is our own
	// User is who to run as; nil is who we are. Only root can choose.
	User *User
	// LogFile is a path to which standard output and error are appended.
	LogFile string
	// StopSignal asks the program to end in an orderly way; 0 is SIGTERM.
	StopSignal syscall.Signal
}

// Process is a running or ended child. Its methods may be called at the same time.
type Process struct {
	spec Spec
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid when done is closed

	logBegin int64 // where its own part of the log file begins
}

// Start starts a program in a process group of its own, so that Ctrl-C on the
// terminal reaches us alone and we choose the order in which things end.
func Start(spec Spec) (*Process, error) {
	// No CommandContext: it would kill, and we ask first.
	cmd := exec.Command(spec.Path, spec.Args...) //nolint:noctx // see above
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if spec.User != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: spec.User.UID, Gid: spec.User.GID}
	}
	log, err := os.OpenFile(spec.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	logBegin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		logBegin = 0 // a pipe has no place
	}

	ended, err := Run(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	p := &Process{spec: spec, cmd: cmd, done: make(chan struct{}), logBegin: logBegin}
	go func() {
		p.err = <-ended
		close(p.done)
	}()
	return p, nil
}

// Run starts a command that dies with us and sends what its Wait returns.
func Run(cmd *exec.Cmd) (ended <-chan error, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(cmd.SysProcAttr)
	started, waited := make(chan error), make(chan error, 1)
	go func() {
		// The kernel sends the parent-death signal when the thread that forked
		// ends, not the process; so this thread stays with the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			waited <- cmd.Wait()
		}
	}()
	return waited, <-started
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how an ended program ended; nil is exit code 0. It waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Stop asks the program to end and waits for it. When ctx ends first, the program
// is killed, which is an error, as is an exit code other than 0.
func (p *Process) Stop(ctx context.Context) error {
	sig := p.spec.StopSignal
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.spec.Name, err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("stop %s: %w", p.spec.Name, p.err)
		}
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("stop %s: killed: %w", p.spec.Name, context.Cause(ctx))
	}
}

// Kill ends the program and its process group as kill -9 does, and waits until it
// is gone.
func (p *Process) Kill() {
	select {
	case <-p.done: // its number may be another's by now
	default:
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	}
	<-p.done
}

// Ready waits until probe succeeds. It fails when the program ends or ctx does;
// the error then carries the last lines of the program's log.
func (p *Process) Ready(ctx context.Context, probe func(context.Context) error) error {
	const pause = 20 * time.Millisecond
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := probe(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended instead of becoming ready (%w)\n%s", p.spec.Name, p.exit(), p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not become ready: %w\n%s", p.spec.Name, err, p.LogTail())
		case <-time.After(pause):
		}
	}
}

func (p *Process) exit() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// LogTail returns the last lines that the program wrote, at most 16 KiB: what a killed
// PostgreSQL leaves behind says good-bye in many lines, and the one that tells why the
// next one does not start is among them.
func (p *Process) LogTail() string {
	const size = 16 << 10
	f, err := os.Open(p.spec.LogFile)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(p.logBegin, end-size), io.SeekStart)
	}
	tail, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(tail))
}

// User is an account of this machine.
type User struct {
	Name     string
	UID, GID uint32
}

// Unprivileged returns the account that servers run as, which refuse or should
// not be root: nil, meaning ourselves, unless we are root.
func Unprivileged() (*User, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is a value here
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &User{Name: name, UID: uint32(uid), GID: uint32(gid)}, nil
	}
	return nil, errors.New("run as root, but there is neither a user postgres nor nobody for the servers")
}

// Own makes the user the owner of a file or folder. A nil user owns what we make.
func (u *User) Own(path string) error {
	if u == nil {
		return nil
	}
	return os.Lchown(path, int(u.UID), int(u.GID))
}

// Reaches reports whether the user can pass all folders on the way to path, and path.
func (u *User) Reaches(path string) bool {
	for {
		info, err := os.Stat(path)
		if err != nil {
			return false
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		const pass = 0o1
		allowed := info.Mode().Perm()
		switch {
		case stat.Uid == u.UID:
			allowed >>= 6
		case stat.Gid == u.GID:
			allowed >>= 3
		}
		if allowed&pass == 0 {
			return false
		}
		parent := filepath.Dir(path)
		if parent == path {
			return true
		}
		path = parent
	}
}

// MakeDir makes a folder, with its parents, that only the user can look into.
func (u *User) MakeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return u.Own(path)
}
