package bench

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"gnatsd-ev/loop"
)

// broadcastPause is between one message that all have had and the next: a
// broker is idle when a message comes.
const broadcastPause = 20 * time.Millisecond

// runBroadcast: one message to all, and the time until the last one has it.
func runBroadcast(r *run) error {
	return r.withFleet(func(f *fleet) error {
		flow := newFlow(f.publishers().l, r.load.Conns, 1, 1)
		subscribers := newClients(r.load.Conns)
		for _, c := range subscribers {
			c.hello = r.dialect().subscribe(r.subject(0))
			c.meter = &meter{flow: flow}
		}
		publishers, err := r.openBoth(f, subscribers, 1)
		if err != nil {
			return err
		}
		quiet, err := r.settled(f)
		if err != nil {
			return err
		}
		v := &volley{host: f.publishers(), client: publishers[0], flow: flow, landed: make(chan time.Duration, 1)}
		v.frame = r.encode([]string{r.subject(0)}, 1, r.load.Size, 1)[0]
		v.host.add(v)
		if r.load.Warmup > 0 {
			if _, err := r.volleys(f, v, r.load.Warmup); err != nil {
				return err
			}
		}
		before, err := r.take(f)
		if err != nil {
			return err
		}
		times, err := r.volleys(f, v, r.load.Duration)
		if err != nil {
			return err
		}
		after, err := r.take(f)
		if err != nil {
			return err
		}
		slices.Sort(times)
		r.distribution("last", times)
		p := after.since(before)
		r.report("delivered", float64(p.delivered), "")
		r.costs(p, p.delivered, "delivery")
		if r.target.Process != 0 {
			r.report("broker_resident_before", float64(before.broker.Resident)/(1<<20), "MB")
		}
		return r.held(f, quiet)
	})
}

// settled is the broker before the first message, if memory is asked for.
func (r *run) settled(f *fleet) (sample, error) {
	if r.load.Settle == 0 {
		return sample{}, nil
	}
	if err := f.rest(r.load.Settle); err != nil {
		return sample{}, err
	}
	quiet, err := r.take(f)
	if err == nil && r.target.Process != 0 {
		r.report("bytes_per_conn", r.perConn(quiet), "B")
	}
	return quiet, err
}

// held lets connections be for the load's time, and reports what they hold then.
func (r *run) held(f *fleet, quiet sample) error {
	if r.load.Hold == 0 {
		return nil
	}
	last, err := r.take(f)
	if err != nil {
		return err
	}
	if err := r.hold(f, last, r.load.Hold); err != nil {
		return err
	}
	if before := r.perConn(quiet); r.load.Settle > 0 && r.target.Process != 0 && before > 0 {
		after, _ := r.result.Metric("bytes_per_conn_held")
		r.report("memory_growth", after/before, "")
	}
	return nil
}

// perConn is the broker's memory for each connection.
func (r *run) perConn(s sample) float64 {
	return float64(s.broker.Resident-r.idle.Resident) / float64(r.load.Conns)
}

// volleys fires one message after another for d, one at least.
func (r *run) volleys(f *fleet, v *volley, d time.Duration) ([]time.Duration, error) {
	var times []time.Duration
	for end := time.Now().Add(d); len(times) == 0 || time.Now().Before(end); {
		v.fire()
		took, err := v.land(f)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
		if err := f.rest(broadcastPause); err != nil {
			return nil, err
		}
	}
	return times, f.drain(traffic{}, v.sent.Load()*uint64(r.load.Conns))
}

// A volley publishes one message and waits until every subscriber of its flow has had it.
type volley struct {
	host   *host
	client *client
	flow   *flow
	frame  chunk
	landed chan time.Duration
	sent   atomic.Uint64

	// Publishers' loop only.
	flying bool
	at     time.Time
}

// fire publishes one message.
func (v *volley) fire() {
	v.host.l.Do(func(l *loop.Loop) {
		v.at, v.flying = time.Now(), true
		v.sent.Add(1)
		l.Send(&v.client.conn, v.frame.span(l))
	})
}

// landTime is how much longer nobody may get the message for each subscriber there is: where a
// machine is emulated, a million sockets keep its kernel busy by themselves for a while.
const landTime = 100 * time.Microsecond

// land waits for the last subscriber, as long as some get the message.
func (v *volley) land(f *fleet) (time.Duration, error) {
	have, patience := f.delivered(), answerTime+time.Duration(v.flow.subscribers)*landTime
	for {
		select {
		case took := <-v.landed:
			return took, nil
		case err := <-f.failed:
			return 0, err
		case <-time.After(patience):
		}
		now := f.delivered()
		if now == have {
			return 0, fmt.Errorf("some of %d subscribers have had no message for %v", v.flow.subscribers, patience)
		}
		have = now
	}
}

// commit looks whether the message in flight has reached the last subscriber,
// and lets the flow wake the loop when it does.
func (v *volley) commit() (more bool) {
	if !v.flying {
		return false
	}
	v.flow.waiting.Store(true)
	if v.flow.over.Load() == v.sent.Load() {
		v.flying = false
		v.landed <- time.Since(v.at)
	}
	return false
}
