package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Constants of FreeBSD's <sys/cpuset.h>.
const (
	cpuLevelWhich = 3 // the mask of the object itself
	cpuWhichTid   = 1
	cpuWhichPid   = 2
	cpuSetWords   = 16 // CPU_SETSIZE 1024
)

// AllowedCPUs returns the processors this process may run on.
func AllowedCPUs() []int {
	var mask [cpuSetWords]uint64
	_, _, errno := unix.Syscall6(unix.SYS_CPUSET_GETAFFINITY, cpuLevelWhich, cpuWhichPid, ^uintptr(0),
		unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)), 0)
	if errno != 0 {
		return nil
	}
	var cpus []int
	for i := range cpuSetWords * 64 {
		if mask[i/64]&(1<<(i%64)) != 0 {
			cpus = append(cpus, i)
		}
	}
	return cpus
}

// CanPin reports whether this system can bind a thread to a processor.
const CanPin = true

// pinThread binds the calling thread, which must be locked, to one processor.
func pinThread(cpu int) error {
	var mask [cpuSetWords]uint64
	mask[cpu/64] = 1 << (cpu % 64)
	_, _, errno := unix.Syscall6(unix.SYS_CPUSET_SETAFFINITY, cpuLevelWhich, cpuWhichTid, ^uintptr(0),
		unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
