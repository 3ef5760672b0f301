package server

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"gnatsd-ev/internal/config"
)

const (
	// pendingShare is the part of memory that max_pending_total is by default. The system's own
	// buffers of sockets need memory too, and the collector's headroom.
	pendingShare = 4

	// pendingUnknown is the default where nobody says how much memory there is.
	pendingUnknown = 1 << 30
)

// pendingTotal returns the memory budget: what was asked for, or a share of the memory there is.
func pendingTotal(o *config.Options, memory int64) int64 {
	if o.MaxPendingTotal > 0 {
		return o.MaxPendingTotal
	}
	n := int64(pendingUnknown)
	if memory > 0 {
		n = memory / pendingShare
	}
	return max(n, config.MaxPendingTotalMin, config.PayloadsInTotal*int64(o.MaxPayload))
}

// memoryLimit returns how many bytes the process may use, the least of what the machine has and what
// its cgroup and GOMEMLIMIT allow; 0 if nobody says.
func memoryLimit() int64 {
	limit := debug.SetMemoryLimit(-1) // of GOMEMLIMIT; the largest number without
	if n := machineMemory(); n > 0 {
		limit = min(limit, n)
	}
	text, err := os.ReadFile("/proc/self/cgroup") // Linux only
	if err == nil {
		limit = min(limit, cgroupLimit("/sys/fs/cgroup", string(text)))
	}
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}

// cgroupLimit returns the least limit of the groups the process is in and of those above them. groups is
// what /proc/self/cgroup says, root where the groups are mounted.
func cgroupLimit(root, groups string) int64 {
	limit := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(parts) < 3 {
			continue
		}
		base, file := root, "memory.max"
		if parts[1] == "memory" {
			base, file = filepath.Join(root, "memory"), "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		for dir := filepath.Clean("/" + parts[2]); ; dir = filepath.Dir(dir) {
			limit = min(limit, readLimit(filepath.Join(base, dir, file)))
			if dir == "/" {
				break
			}
		}
	}
	return limit
}

// readLimit returns the number in a file; what is none, or no file, is no limit.
func readLimit(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return math.MaxInt64
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 {
		return math.MaxInt64
	}
	return n
}
