package bench

import (
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Round trips one at a time, as reqrep without a rate and quiet make them. They run on blocking sockets, on a
// thread of their own that goes before all others.

// tripsMax is how many round trips one phase keeps.
const tripsMax = 1 << 20

// measuringNice is the priority of the thread that measures: it must not wait
// for the load it measures beside.
const measuringNice = -10

// promptly runs do on a thread of its own. Without the right to raise its
// priority the thread measures at the usual one.
func promptly(do func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, measuringNice)
		result <- do()
	}()
	return <-result
}

// trips repeats trip for the warm-up and the load's duration and returns the times of
// the latter, sorted.
func (r *run) trips(trip func() error) ([]time.Duration, error) {
	times := make([]time.Duration, 0, tripsMax)
	warm := time.Now().Add(r.load.Warmup)
	end := warm.Add(r.load.Duration)
	for len(times) < tripsMax {
		from := time.Now()
		if from.After(end) {
			break
		}
		if err := trip(); err != nil {
			return nil, err
		}
		if from.After(warm) {
			times = append(times, time.Since(from))
		}
	}
	slices.Sort(times)
	return times, nil
}

// distribution reports the percentiles of sorted times.
func (r *run) distribution(name string, times []time.Duration) {
	for _, p := range percentiles {
		r.report(name+"_"+p.name, float64(Percentile(times, p.at).Nanoseconds())/1000, "us")
	}
	r.report(name+"_count", float64(len(times)), "")
}

// wire opens a connection that has said hello.
func (r *run) wire(hello []byte) (*wire, error) {
	w, err := dialWire(r.target)
	if err != nil {
		return nil, err
	}
	if err := w.connect(hello); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}
