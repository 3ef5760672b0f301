package server

import (
	"math"
	"runtime"

	"golang.org/x/sys/unix"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/monitor"
)

const (
	// descriptorsKept is what we need beside connections and loops: standard
	// input to error, the log and its successor while it is reopened, the
	// pid and ports file, Go's own poller, name look-ups, the profiler with
	// a few connections, and a spare part for what a library opens.
	descriptorsKept = 32

	// descriptorsPerLoop is the poller, the doorbell (two where it is a pipe)
	// and the ring for sending.
	descriptorsPerLoop = 4

	// connectionsMax bounds the default where descriptors have no limit;
	// whoever wants more says so.
	connectionsMax = 16 << 20
)

// raiseDescriptorLimit raises the soft limit of open files to the hard one and
// returns what is allowed now. A refusal is no error: the limit says it all.
func raiseDescriptorLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return math.MaxInt32
	}
	if l.Cur < l.Max {
		raised := l
		raised.Cur = l.Max
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			l = raised
		}
	}
	// The type of the fields differs between systems; "unlimited" is the
	// largest value of each.
	if cur := uint64(l.Cur); cur < math.MaxInt32 {
		return int(cur)
	}
	return math.MaxInt32
}

// descriptorReserve returns how many descriptors are not for connections.
func descriptorReserve(o *config.Options) int {
	loops := o.Loops
	if loops == 0 {
		loops = min(runtime.NumCPU(), config.LoopsMax)
	}
	reserve := descriptorsKept + loops*descriptorsPerLoop + 1 + len(o.Listen)
	if o.HTTPPort != 0 {
		reserve += 1 + monitor.ConnectionsMax
	}
	return reserve
}

// connectionsFor returns how many connections a limit of descriptors allows.
// A tiny limit still leaves one: it is better to serve somebody.
func connectionsFor(limit, reserve int) int {
	return min(max(limit-reserve, 1), connectionsMax)
}
