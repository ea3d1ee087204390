//go:build !linux

package process

import "syscall"

// dieWithParent does nothing: only Linux knows how.
func dieWithParent(*syscall.SysProcAttr) {}
