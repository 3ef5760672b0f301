package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// processCPU reads the process's own clock: the sum of utime and stime in
// /proc/<pid>/stat, in nanoseconds instead of hundredths of a second.
func processCPU(pid int) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED; what clock_getcpuclockid(3) returns for a process
	return clock(int32(^pid<<3 | sched))
}

// threadCPU is the processor time of the calling thread.
func threadCPU() (time.Duration, error) { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

func clock(id int32) (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}
