//go:build !race

package media

import "time"

const (
	// childTime is for a machine that is busy with other things; the kernel ends the
	// process after childSeconds of computing.
	childTime    = 45 * time.Second
	childSeconds = 10
	// childData is what the kernel gives at the most, in pieces of 64 MiB for the heap.
	// It does not bind what the other bounds let through.
	childData = 256 << 20
)
