//go:build race

package media

import "time"

// The race detector maps terabytes, and takes ten times as long.
const (
	childTime    = 5 * time.Minute
	childSeconds = 150
	childData    = 1 << 62
)
