package monitor

import (
	"math"
	"runtime/metrics"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what the process's processor time was some time ago.
type usage struct {
	mu   sync.Mutex // a leaf; guards all
	at   time.Time
	cpu  time.Duration
	last float64
}

// usageEvery is how far apart two looks are at least: who asks more often is told the same.
const usageEvery = time.Second

// percent is the processors used since the last look, 100 for one; at first, 0.
func (u *usage) percent(now time.Time) float64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if passed := now.Sub(u.at); passed >= usageEvery {
		cpu := processCPU()
		if !u.at.IsZero() {
			u.last = math.Round(1000*(cpu-u.cpu).Seconds()/passed.Seconds()) / 10
		}
		u.at, u.cpu = now, cpu
	}
	return u.last
}

// processCPU is the time of all threads, 0 if the system does not tell.
func processCPU() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// collector is what Go's collector has cost so far. Seconds only grow: who takes the
// difference of two answers has what it cost in between.
type collector struct {
	GC           float64 `json:"gc_cpu_seconds"`      // of processors, for collecting
	Total        float64 `json:"total_cpu_seconds"`   // GOMAXPROCS times the time passed
	Idle         float64 `json:"idle_cpu_seconds"`    // of those, unused
	Process      float64 `json:"process_cpu_seconds"` // of all threads, as the system counts
	Collections  uint64  `json:"collections"`
	LongestPause int64   `json:"longest_pause"` // nanoseconds, since the start, rounded up
	HeapLive     uint64  `json:"heap_live_bytes"`
	HeapGoal     uint64  `json:"heap_goal_bytes"`
}

func readCollector() collector {
	s := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"},
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/goal:bytes"},
		{Name: "/sched/pauses/total/gc:seconds"},
	}
	metrics.Read(s)
	return collector{
		GC: s[0].Value.Float64(), Total: s[1].Value.Float64(), Idle: s[2].Value.Float64(), Process: processCPU().Seconds(),
		Collections: s[3].Value.Uint64(), HeapLive: s[4].Value.Uint64(), HeapGoal: s[5].Value.Uint64(),
		LongestPause: longest(s[6].Value.Float64Histogram()),
	}
}

// longest is the upper end of the last bucket that holds something, in nanoseconds.
func longest(h *metrics.Float64Histogram) int64 {
	for i := len(h.Counts) - 1; i >= 0; i-- {
		if h.Counts[i] == 0 {
			continue
		}
		end := h.Buckets[i+1]
		if math.IsInf(end, 1) {
			end = h.Buckets[i]
		}
		return int64(end * 1e9)
	}
	return 0
}
