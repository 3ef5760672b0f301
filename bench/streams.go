package bench

import "time"

// The scenarios of messages that stream: fanout, spread, fanin, pairs. Each
// opens its connections, then plays a warm-up and a measured phase.

// runFanout: every subscriber gets every message.
func runFanout(r *run) error {
	return r.withFleet(func(f *fleet) error {
		flow := newFlow(f.publishers().l, r.load.Conns, 1, r.load.Window)
		subscribers := newClients(r.load.Conns)
		for _, c := range subscribers {
			c.hello = sub(r.subject(0))
			c.meter = &meter{flow: flow}
		}
		r.watch(subscribers, r.cycle())
		publishers, err := r.openBoth(f, subscribers, 1)
		if err != nil {
			return err
		}
		s := r.publisher(publishers[0], flow, r.subject(0))
		return r.stream(f, traffic{[]source{s}, uint64(r.load.Conns)})
	})
}

// publisher publishes to one subject, at full speed or at the load's rate.
func (r *run) publisher(c *client, flow *flow, subject string) source {
	if r.load.Rate > 0 {
		frame := encode([]string{subject}, 1, r.load.Size, 1)[0].bytes.Bytes
		return &pacer{client: c, frame: frame, every: time.Second / time.Duration(r.load.Rate)}
	}
	// Four chunks a window at least, so that it is never closed for want of a
	// whole chunk.
	return newPump(c, flow, encode([]string{subject}, r.cycle(), r.load.Size, max(1, r.load.Window/4)))
}

// cycle is how many messages publisher encodes: one chunk.
func (r *run) cycle() int {
	if r.load.Rate > 0 {
		return 1
	}
	return max(1, min(r.load.Window/4, chunkBytes/(r.load.Size+pubOverhead)))
}

// pubOverhead is about what a PUB takes beside its payload.
const pubOverhead = 24

// runSpread: each message goes to the next subscriber.
func runSpread(r *run) error {
	return r.withFleet(func(f *fleet) error {
		n := r.load.Conns
		flow := newFlow(f.publishers().l, n, n, r.load.Window)
		subscribers := newClients(n)
		subjects := make([]string, n)
		for i, c := range subscribers {
			subjects[i] = r.subject(i)
			c.hello = sub(subjects[i])
			c.meter = &meter{flow: flow}
		}
		r.watch(subscribers, r.rounds())
		publishers, err := r.openBoth(f, subscribers, 1)
		if err != nil {
			return err
		}
		p := newPump(publishers[0], flow, encode(subjects, n*r.rounds(), r.load.Size, n))
		return r.stream(f, traffic{[]source{p}, 1})
	})
}

// runFanin: each message comes from the next publisher.
func runFanin(r *run) error {
	return r.withFleet(func(f *fleet) error {
		flow := newFlow(f.publishers().l, 1, 1, r.load.Window)
		subscribers := newClients(1)
		subscribers[0].hello = sub(r.subject(0))
		subscribers[0].meter = &meter{flow: flow}
		r.watch(subscribers, 1)
		publishers, err := r.openBoth(f, subscribers, r.load.Conns)
		if err != nil {
			return err
		}
		h := f.publishers()
		s := &roundRobin{
			throttle: throttle{host: h, flow: flow},
			all:      publishers,
			frame:    encode([]string{r.subject(0)}, 1, r.load.Size, 1)[0],
		}
		h.add(s)
		return r.stream(f, traffic{[]source{s}, 1})
	})
}

// runPairs: each publisher has its subscriber.
func runPairs(r *run) error {
	return r.withFleet(func(f *fleet) error {
		subscribers := newClients(r.load.Pairs)
		flows := make([]*flow, r.load.Pairs)
		for i, c := range subscribers {
			flows[i] = newFlow(f.publishers().l, 1, 1, r.load.Window)
			c.hello = sub(r.subject(i))
			c.meter = &meter{flow: flows[i]}
		}
		r.watch(subscribers, r.cycle())
		publishers, err := r.openBoth(f, subscribers, r.load.Pairs)
		if err != nil {
			return err
		}
		t := traffic{copies: 1}
		for i, c := range publishers {
			t.sources = append(t.sources, r.publisher(c, flows[i], r.subject(i)))
		}
		return r.stream(f, t)
	})
}

// withFleet runs do with a fleet that it closes afterwards.
func (r *run) withFleet(do func(*fleet) error) error {
	f, err := newFleet(r.target.Addr, r.load.Readers)
	if err != nil {
		return err
	}
	defer f.close()
	return do(f)
}

// openBoth opens the subscribers on the reading loops and then n publishers on theirs.
func (r *run) openBoth(f *fleet, subscribers []*client, n int) (publishers []*client, err error) {
	if err := f.open(subscribers, f.reader); err != nil {
		return nil, err
	}
	publishers = newClients(n)
	return publishers, f.open(publishers, func(int) *host { return f.publishers() })
}

// newClients makes n clients, close together in memory.
func newClients(n int) []*client {
	all := make([]client, n)
	out := make([]*client, n)
	for i := range all {
		out[i] = &all[i]
	}
	return out
}

// newPump makes a pump and puts it on its client's loop.
func newPump(c *client, flow *flow, chunks []chunk) *pump {
	p := &pump{throttle: throttle{host: c.host, flow: flow}, client: c, chunks: chunks}
	c.host.add(p)
	return p
}

// stream plays the warm-up and the measured phase and reports the latter.
func (r *run) stream(f *fleet, t traffic) error {
	if _, err := r.play(f, t, r.load.Warmup); err != nil {
		return err
	}
	p, err := r.play(f, t, r.load.Duration)
	if err != nil {
		return err
	}
	r.report("published", float64(p.published), "messages")
	r.report("published_per_second", float64(p.published)/p.wall.Seconds(), "1/s")
	r.costs(p, p.delivered, "delivery")
	if bytes := float64(p.delivered) * float64(r.load.Size); bytes > 0 {
		r.report("bytes_per_second", bytes/p.wall.Seconds(), "B/s")
		if r.target.Process != 0 {
			r.report("cpu_ns_per_byte", float64(p.cpu.Nanoseconds())/bytes, "ns")
		}
	}
	return nil
}
