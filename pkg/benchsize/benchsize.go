// Package benchsize says how much a benchmark does: as much as makes good figures, or
// little, where it is only to be seen to run, as in "make test" (CLAIR_BENCH=short).
package benchsize

import "os"

// Short reports whether benchmarks are only to be seen to run.
func Short() bool { return os.Getenv("CLAIR_BENCH") == "short" }

// Of returns how much a benchmark does.
func Of(full, short int) int {
	if Short() {
		return short
	}
	return full
}
