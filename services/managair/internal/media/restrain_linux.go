package media

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttributes end the process with its parent.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// restrainSelf gives the process little: memory, processor time, no files. When the
// container is out of memory all the same, the kernel is to end this process first.
func restrainSelf() error {
	var problems []error
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		problems = append(problems, err)
	}
	for resource, most := range map[int]uint64{
		unix.RLIMIT_DATA:  childData,
		unix.RLIMIT_CPU:   childSeconds,
		unix.RLIMIT_FSIZE: 0,
		unix.RLIMIT_CORE:  0,
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			problems = append(problems, fmt.Errorf("limit %d: %w", resource, err))
		}
	}
	return errors.Join(problems...)
}
