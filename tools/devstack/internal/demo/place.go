package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/clairberlin/clair-stack/tools/devstack/internal/process"
)

// stateDir returns the folder for the demo's data: in the project, unless the user
// that the servers run as cannot come there.
func stateDir(project string) (string, error) {
	dir := filepath.Join(project, ".devstack")
	runAs, err := process.Unprivileged()
	if err != nil {
		return "", err
	}
	if runAs == nil || runAs.Reaches(project) {
		return dir, nil
	}
	// Not the temporary folder, which may be emptied at the next start.
	sum := sha256.Sum256([]byte(project))
	return filepath.Join("/var/tmp", "clair-stack-demo-"+hex.EncodeToString(sum[:4])), nil
}

// errRunning means that a demo uses the folder now.
var errRunning = errors.New("a demo is running already; end it first (Ctrl-C where it runs)")

// occupy makes the folder ours until release is called.
func occupy(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the servers' user must pass
		return nil, err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	// In a folder that all may write to, another could have been first.
	if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || ok && int(stat.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%s is not ours; remove it", dir)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, errRunning
	}
	return func() { _ = lock.Close() }, nil
}

// Reset removes what the demo of a project keeps.
func Reset(project string) (removed string, err error) {
	dir, err := stateDir(project)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	release, err := occupy(dir)
	if err != nil {
		return "", err
	}
	defer release()
	return dir, os.RemoveAll(dir)
}
