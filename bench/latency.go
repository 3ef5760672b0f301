package bench

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/nats-io/nuid"
	"golang.org/x/sys/unix"
)

// The scenarios of round trips: reqrep, quiet. They run on blocking sockets, on a
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
	for _, p := range [...]struct {
		name string
		at   float64
	}{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"max", 100}} {
		r.report(name+"_"+p.name, float64(Percentile(times, p.at).Nanoseconds())/1000, "us")
	}
	r.report(name+"_count", float64(len(times)), "")
}

// runReqrep: a request and its reply, one at a time. With one client the
// requester answers itself; with two they are connections opened one after the
// other; the third case has one opened in between, so that a broker that deals
// connections to two loops has both on one.
func runReqrep(r *run) error {
	for _, c := range [...]struct {
		name    string
		clients int
		between int
	}{{"one", 1, 0}, {"two", 2, 0}, {"same_loop", 2, 1}} {
		if r.load.Clients != 0 && r.load.Clients != c.clients {
			continue
		}
		err := promptly(func() error { return r.reqrep(c.name, c.clients == 1, c.between) })
		if err != nil {
			return err
		}
	}
	return nil
}

// reqrep measures one case.
func (r *run) reqrep(name string, alone bool, between int) error {
	service, inbox := "b."+r.id+".svc", "_INBOX."+nuid.Next()
	hello := sub(inbox)
	if alone {
		hello = fmt.Appendf(hello, "SUB %s 2\r\n", service)
	}
	requester, err := r.wire(hello)
	if err != nil {
		return err
	}
	defer requester.close()
	responder := requester
	for range between {
		w, err := r.wire(nil)
		if err != nil {
			return err
		}
		defer w.close()
	}
	if !alone {
		if responder, err = r.wire(sub(service)); err != nil {
			return err
		}
		defer responder.close()
	}
	request := appendPub(nil, service, inbox, filler(r.load.Size))
	reply := appendPub(nil, inbox, "", filler(r.load.Size))
	before, err := r.take(nil)
	if err != nil {
		return err
	}
	times, err := r.trips(func() error {
		if err := requester.write(request); err != nil {
			return err
		}
		if err := responder.await(responder.reader.Messages + 1); err != nil {
			return err
		}
		if err := responder.write(reply); err != nil {
			return err
		}
		return requester.await(requester.reader.Messages + 1)
	})
	if err != nil {
		return err
	}
	after, err := r.take(nil)
	if err != nil {
		return err
	}
	p := after.since(before)
	r.warnOfCompany(p)
	r.distribution(name, times)
	count := requester.reader.Messages // the replies
	if alone {
		count /= 2 // and the requests
	}
	if r.target.Process != 0 {
		r.report(name+"_cpu_us_per_trip", float64(p.cpu.Nanoseconds())/1000/float64(max(count, 1)), "us")
	}
	if r.target.Profile > 0 {
		r.report(name+"_heap_objects_per_delivery", float64(p.objects)/float64(max(2*count, 1)), "")
	}
	return nil
}

// wire opens a connection that has said hello.
func (r *run) wire(hello []byte) (*wire, error) {
	w, err := dialWire(r.target.Addr)
	if err != nil {
		return nil, err
	}
	if err := w.connect(hello); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}
