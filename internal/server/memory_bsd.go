//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package server

import "golang.org/x/sys/unix"

// machineMemory is how much memory the machine has, 0 if it does not say.
func machineMemory() int64 {
	for _, name := range []string{"hw.memsize", "hw.physmem64", "hw.physmem"} { // macOS; NetBSD, 64 bits; the others
		if n, err := unix.SysctlUint64(name); err == nil {
			return int64(n)
		}
	}
	return 0
}
