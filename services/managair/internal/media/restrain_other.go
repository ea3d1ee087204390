//go:build !linux

package media

import "syscall"

// childAttributes has nothing to say on systems that the stack is only developed on.
func childAttributes() *syscall.SysProcAttr { return nil }

// restrainSelf leaves it at the bounds of the runtime.
func restrainSelf() error { return nil }
