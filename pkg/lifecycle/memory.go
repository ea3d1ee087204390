package lifecycle

import "github.com/KimMachineGun/automemlimit/memlimit"

// memoryShare is the part of a container's memory that the runtime tries to get along
// with. The rest is for what it does not count: stacks of threads, buffers of the
// kernel, and processes that we start.
const memoryShare = 0.8

// LimitMemory lets the runtime know how much memory the container has, so that it
// collects more often before the kernel ends the process. GOMEMLIMIT wins, and
// without a container nothing is limited.
func LimitMemory() {
	// What cannot be found out is left as it is: no reason not to start.
	_, _ = memlimit.Set(memlimit.WithRatio(memoryShare))
}
