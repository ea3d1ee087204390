package process

import "syscall"

// dieWithParent has the kernel end the child when we are gone, even by kill -9.
// SIGTERM would leave a child that finishes its work for minutes; SIGQUIT, which
// PostgreSQL treats as "end at once, recover later", would make others dump core.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
