//go:build !linux

package pgdb

import "syscall"

// boundUnacknowledged does nothing: keep-alives have to do.
func boundUnacknowledged(string, string, syscall.RawConn) error { return nil }
