package sublist

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkGrow fills an index from nothing and reports what a Set costs around
// the thousandth and around the last, and the slowest single one of those that
// doubled a directory, in CPU time of the thread. The collector is off while it
// runs: its pauses are not the table's. Nor are the few Sets of a millisecond
// that a slowest of all would show on a shared machine: a million allocations
// of 24 bytes without any table show the same.
func BenchmarkGrow(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, kind := range []struct{ name, format string }{{"literal", "orders.eu.%d.created"}, {"pattern", "orders.%d.*"}} {
		for _, size := range sizes[1:] {
			b.Run(kind.name+"/"+fmt.Sprint(size), func(b *testing.B) {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				defer debug.SetGCPercent(debug.SetGCPercent(-1))
				all, v := subjects(size, kind.format), new(value)
				var thousandth, last, slowest time.Duration
				for range b.N {
					x := New[value]()
					set := func(from, to int) time.Duration {
						start := threadTime()
						for i := from; i < to; i++ {
							x.Set(all[i], v)
						}
						return threadTime() - start
					}
					set(0, 500)
					thousandth += set(500, 1_500)
					for i := 1_500; i < size-10_000; i++ {
						before := directories(x)
						if took := set(i, i+1); directories(x) != before {
							slowest = max(slowest, took)
						}
					}
					last += set(size-10_000, size)
					x = nil
					runtime.GC()
				}
				b.ReportMetric(float64(thousandth)/float64(b.N)/1_000, "ns/thousandth")
				b.ReportMetric(float64(last)/float64(b.N)/10_000, "ns/last")
				b.ReportMetric(float64(slowest)/1e3, "slowest-doubling-us")
			})
		}
	}
}

// directories is the depth of both directories together.
func directories(x *Index[value]) (depth uint8) {
	if d := x.literals.dir.Load(); d != nil {
		depth = d.depth
	}
	if t := x.patterns.Load(); t != nil {
		depth += t.edges.dir.Load().depth
	}
	return depth
}

// threadTime is the CPU time this thread has had.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
