package hostile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// group is a control group whose memory is bounded as a container's is.
type group struct {
	dir, peak string
}

// newGroup makes a group of so many bytes, in version 2 or 1 of the kernel's interface.
// Only root can, and not in every container.
func newGroup(t *testing.T, bytes int) *group {
	t.Helper()
	name := fmt.Sprintf("clair-hostile-%d", os.Getpid())
	g, err := newGroupV2(name, bytes)
	if err != nil {
		var errV1 error
		if g, errV1 = newGroupV1(name, bytes); errV1 != nil {
			t.Skipf("NOT TESTED: no control group of %d MiB can be made here: %v", bytes>>20, errors.Join(err, errV1))
		}
	}
	t.Cleanup(func() {
		if err := unix.Rmdir(g.dir); err != nil {
			t.Errorf("remove %s: %v", g.dir, err)
		}
	})
	return g
}

func newGroupV2(name string, bytes int) (*group, error) {
	root := "/sys/fs/cgroup"
	if err := set(filepath.Join(root, "cgroup.subtree_control"), "+memory"); err != nil {
		return nil, err
	}
	g := &group{dir: filepath.Join(root, name), peak: "memory.peak"}
	return g, g.make(map[string]int{"memory.max": bytes, "memory.swap.max": 0})
}

func newGroupV1(name string, bytes int) (*group, error) {
	g := &group{dir: filepath.Join("/sys/fs/cgroup/memory", name), peak: "memory.max_usage_in_bytes"}
	if _, err := os.Stat(filepath.Dir(g.dir)); err != nil {
		return nil, err
	}
	return g, g.make(map[string]int{"memory.limit_in_bytes": bytes, "memory.memsw.limit_in_bytes": bytes})
}

func (g *group) make(limits map[string]int) error {
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return err
	}
	// The one with swap comes after the one without.
	for _, file := range []string{"memory.max", "memory.limit_in_bytes", "memory.swap.max", "memory.memsw.limit_in_bytes"} {
		limit, ok := limits[file]
		if !ok {
			continue
		}
		err := set(filepath.Join(g.dir, file), strconv.Itoa(limit))
		if err != nil && !strings.Contains(file, "sw") { // kernels without accounting of swap
			return errors.Join(err, unix.Rmdir(g.dir))
		}
	}
	return nil
}

// take puts a process into the group.
func (g *group) take(t *testing.T, pid int) {
	t.Helper()
	if err := set(filepath.Join(g.dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
		t.Fatal(err)
	}
}

// set writes to a file of the kernel's, and never makes one.
func set(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// peakMB returns what the group used at its highest.
func (g *group) peakMB(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.peak))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n / 1e6
}
