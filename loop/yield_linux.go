package loop

import "golang.org/x/sys/unix"

func (system) Yield() bool {
	_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) // never fails on Linux
	return true
}
