package elsys

import "time"

// Interval returns the time between the samples of a message with n of them.
func Interval(n int) time.Duration { return intervals[n] }
