// Package server runs real servers (PostgreSQL, Redis, Mosquitto) for a while:
// on free ports of the loopback interface, with data in a given folder, as
// children that end with us. Each can be killed and started again on the same
// port and data, which is what fault tests do.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/clairberlin/clair-stack/pkg/freeport"
	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
)

// Host is where all servers listen.
const Host = freeport.Host

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 30 * time.Second
	// startTries is enough for a query that goes on for seconds after its server was
	// killed, because it waits for nothing and so does not notice.
	startTries = 100
	startPause = 200 * time.Millisecond
)

// Server is one server: not yet started, running, or ended.
type Server struct {
	// Port is the TCP port. It is chosen at the first start, unless given.
	Port int

	name    string
	prepare func(ctx context.Context) error // before the first start; may be nil
	command func() (process.Spec, error)
	probe   func(ctx context.Context) error
	process *process.Process
}

// Start starts the server and waits until it serves.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errors.New("took too long to start"))
	defer cancel()
	if s.prepare != nil {
		if err := s.prepare(ctx); err != nil {
			return fmt.Errorf("start %s: %w", s.name, err)
		}
		s.prepare = nil
	}
	choose := s.Port == 0
	for try := 1; ; try++ {
		if choose {
			var err error
			if s.Port, err = freeport.Find(ctx); err != nil {
				return fmt.Errorf("start %s: %w", s.name, err)
			}
		}
		err := s.start(ctx)
		if err == nil || try == startTries || !passing(err) {
			return err
		}
		select {
		case <-time.After(startPause):
		case <-ctx.Done():
			return err
		}
	}
}

// passing reports whether a server did not start for a reason that goes away: a free
// port was taken by another before the server had it, or what a killed PostgreSQL
// left behind is still ending.
func passing(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "address already in use") ||
		strings.Contains(text, "pre-existing shared memory block")
}

func (s *Server) start(ctx context.Context) error {
	spec, err := s.command()
	if err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	p, err := process.Start(spec)
	if err != nil {
		return err
	}
	if err := p.Ready(ctx, s.probe); err != nil {
		p.Kill()
		return err
	}
	s.process = p
	return nil
}

// Stop ends the server in an orderly way. It returns how it ended, also when it
// had ended before. That it never started, or was killed by us, is not an error.
func (s *Server) Stop(ctx context.Context) error {
	if s.process == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, stopTimeout, errors.New("took too long to stop"))
	defer cancel()
	return s.process.Stop(ctx)
}

// PID is the process id of a running server.
func (s *Server) PID() int { return s.process.PID() }

// Kill ends the server as a crash does. Start brings it back.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.Kill()
		s.process = nil
	}
}

// Name is what the server is called in messages.
func (s *Server) Name() string { return s.name }

// Ended is closed when the running server ends, for whatever reason.
func (s *Server) Ended() <-chan struct{} { return s.process.Done() }

// LogTail returns the last lines that the running or stopped server wrote.
func (s *Server) LogTail() string { return s.process.LogTail() }

// Address returns host:port of a started server.
func (s *Server) Address() string { return net.JoinHostPort(Host, strconv.Itoa(s.Port)) }

func (s *Server) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", s.Address())
}

// PreferPort returns the port when nobody uses it, and any free one else.
func PreferPort(ctx context.Context, port int) (int, error) {
	if freeport.Free(ctx, port) {
		return port, nil
	}
	return freeport.Find(ctx)
}

const (
	tempPrefix = "clair-stack-"
	lockName   = "lock"
)

// TempDir makes a folder for the data of servers, reachable for the user that they run
// as. The returned function removes it. What a killed process could not remove is removed
// here, by the next one.
//
// Data that is not durable need not outlive the machine, and is some hundred megabytes: it
// is kept in memory, where there is room. Each test has a database of hundreds of small
// files for a moment, and on a disk to make and to remove them is most of a test's work.
func TempDir(durable bool) (dir string, remove func(), err error) {
	if !durable && roomInMemory() {
		return tempDirIn(memory)
	}
	return tempDirIn(os.TempDir())
}

// memory is where Linux has files in memory.
const memory = "/dev/shm"

// roomInMemory reports whether there is far more than test servers ever need.
func roomInMemory() bool {
	const enough = 8 << 30 // bytes
	var fs syscall.Statfs_t
	if syscall.Statfs(memory, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < enough { //nolint:gosec // sizes are positive
		return false
	}
	// It may be larger than what is free of the memory itself.
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return false
	}
	var available uint64
	if _, rest, ok := strings.Cut(string(info), "MemAvailable:"); ok {
		_, _ = fmt.Sscan(rest, &available) // kB
	}
	return available<<10 >= enough
}

func tempDirIn(parent string) (dir string, remove func(), err error) {
	sweep(parent)
	if dir, err = os.MkdirTemp(parent, tempPrefix); err != nil {
		return "", nil, err
	}
	lock, err := os.Create(filepath.Join(dir, lockName))
	if err == nil {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err == nil {
		err = os.Chmod(dir, 0o711) //nolint:gosec // the user that the servers run as must pass
	}
	remove = func() {
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
	if err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}

// sweep removes the folders of processes that are gone: those whose lock is free.
func sweep(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, tempPrefix+"*", lockName))
	for _, name := range locks {
		lock, err := os.Open(name)
		if err != nil {
			continue
		}
		// A new folder is not locked yet for a moment.
		info, err := lock.Stat()
		if err == nil && time.Since(info.ModTime()) > time.Minute &&
			syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(name))
		}
		_ = lock.Close()
	}
}
