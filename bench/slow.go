package bench

import (
	"fmt"
	"sync/atomic"
	"time"

	"gnatsd-ev/loop"
)

// runSlow: a share of the subscribers stops reading in the middle of the run. The
// window of a publisher at full speed follows the others only.
func runSlow(r *run) error {
	f, err := newFleet(r.target.Addr, 2) // one loop for the others, one for the slow
	if err != nil {
		return err
	}
	defer f.close()
	f.prepare(r)
	count := min(max(1, r.load.Conns*r.load.Share/100), r.load.Conns-1)
	k := &slowness{run: r, fleet: f, others: newClients(r.load.Conns - count), slow: newClients(count)}
	flow := newFlow(f.publishers().l, len(k.others), 1, r.load.Window)
	stream := r.newStreams(1)[0]
	for _, c := range k.others {
		c.hello = sub(r.subject(0))
		c.meter = &meter{flow: flow}
		r.watch(c, nil, stream)
	}
	for _, c := range k.slow {
		c.hello = sub(r.subject(0))
		c.follower = k
	}
	if err := f.open(k.slow, func(int) *host { return f.hosts[2] }); err != nil {
		return err
	}
	if err := f.open(k.others, func(int) *host { return f.hosts[1] }); err != nil {
		return err
	}
	publisher := newClients(1)
	if err := f.open(publisher, func(int) *host { return f.publishers() }); err != nil {
		return err
	}
	k.source = r.publisher(publisher[0], flow, r.subject(0), stream)
	if err := k.play(); err != nil {
		return err
	}
	return k.count()
}

// A slowness is a run of slow.
type slowness struct {
	ordinary
	run    *run
	fleet  *fleet
	others []*client
	slow   []*client
	source source
	cut    atomic.Int64 // slow ones whose connection the broker has ended
}

// ended counts a slow one that the broker has cut; it answers no question any more.
func (k *slowness) ended(c *client, _ error) {
	k.cut.Add(1)
	c.host.fleet.answered()
}

// play publishes before and after the slow ones stop reading, and waits until the
// others have had everything.
func (k *slowness) play() error {
	r, f := k.run, k.fleet
	k.source.start()
	err := f.rest(r.load.Warmup)
	if err == nil {
		err = k.stretch("before", r.load.Duration)
	}
	if err == nil {
		k.park()
		err = k.stretch("after", r.load.Hold)
	}
	published := k.source.stop()
	if err != nil {
		return err
	}
	if err := f.ask(k.source.clients(), nil); err != nil {
		return err
	}
	if err := f.ask(k.others, nil); err != nil {
		return err
	}
	due := published * uint64(len(k.others))
	if r.load.Verify {
		r.tally.due.Add(due)
	} else if have := f.hosts[1].count(); have != due {
		return fmt.Errorf("subscribers that read had %d messages of %d", have, due)
	}
	return f.failure()
}

// stretch lets d pass and reports what it was like for the publisher and the others.
func (k *slowness) stretch(name string, d time.Duration) error {
	r, f := k.run, k.fleet
	if r.rate > 0 {
		r.measure(f, r.rate*len(k.others))
	}
	before, err := r.take(f)
	if err != nil {
		return err
	}
	sent, had := k.sent(), f.hosts[1].total.Load()
	worst, last, lastAt := -1.0, had, time.Now()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := f.rest(min(time.Until(end), time.Second)); err != nil {
			return err
		}
		now, at := f.hosts[1].total.Load(), time.Now()
		if rate := float64(now-last) / at.Sub(lastAt).Seconds(); worst < 0 || rate < worst {
			worst = rate
		}
		last, lastAt = now, at
	}
	after, err := r.take(f)
	if err != nil {
		return err
	}
	p := after.since(before)
	r.warnOfCompany(p)
	seconds, delivered := p.wall.Seconds(), f.hosts[1].total.Load()-had
	r.report("published_per_second_"+name, float64(k.sent()-sent)/seconds, "1/s")
	r.report("others_per_second_"+name, float64(delivered)/seconds, "1/s")
	r.report("others_worst_second_"+name, max(worst, 0), "1/s")
	if r.target.Process != 0 {
		r.report("cpu_us_per_delivery_"+name, float64(p.cpu.Nanoseconds())/1000/float64(max(delivered, 1)), "us")
		r.report("broker_resident_"+name, float64(after.broker.Resident)/(1<<20), "MB")
	}
	if r.rate > 0 {
		r.distribute("latency_"+name, r.latencies(f))
		r.warnOfLag(f)
	}
	return nil
}

// sent is how much has been published so far.
func (k *slowness) sent() uint64 {
	n := make(chan uint64)
	h := k.fleet.publishers()
	h.l.Do(func(*loop.Loop) {
		switch s := k.source.(type) {
		case *pump:
			n <- s.sent
		case *composer:
			n <- s.sent
		}
	})
	return <-n
}

// park makes the slow ones stop reading. None of them is heard of until it reads on.
func (k *slowness) park() {
	done := make(chan struct{})
	k.fleet.hosts[2].l.Do(func(l *loop.Loop) {
		for _, c := range k.slow {
			l.Park(&c.conn, 0)
		}
		close(done)
	})
	<-done
}

// count finds out how many the broker has cut: once they read on, each of them
// either comes to its PONG or to an end.
func (k *slowness) count() error {
	k.fleet.awaited.Store(int64(len(k.slow)))
	k.fleet.hosts[2].l.Do(func(l *loop.Loop) {
		for _, c := range k.slow {
			c.send(pingLine)
			l.Unpark(&c.conn)
		}
	})
	if err := k.fleet.wait("PING"); err != nil {
		return err
	}
	k.run.report("slow", float64(len(k.slow)), "subscribers")
	k.run.report("slow_cut", float64(k.cut.Load()), "subscribers")
	return nil
}
