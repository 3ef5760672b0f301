package bench

// The scenarios of messages that stream: fanout, spread, fanin, pairs. Each
// opens its connections, then plays a warm-up and a measured phase.

// runFanout: every subscriber gets every message.
func runFanout(r *run) error {
	return r.withFleet(func(f *fleet) error {
		flow := newFlow(f.publishers().l, r.load.Conns, 1, r.load.Window)
		subscribers, stream := newClients(r.load.Conns), r.newStreams(1)[0]
		for _, c := range subscribers {
			c.hello = r.dialect().subscribe(r.subject(0))
			c.meter = &meter{flow: flow}
			r.watch(c, nil, stream)
		}
		publishers, err := r.openBoth(f, subscribers, 1)
		if err != nil {
			return err
		}
		s := r.publisher(publishers[0], flow, r.subject(0), stream)
		return r.stream(f, traffic{sources: []source{s}, copies: uint64(r.load.Conns)})
	})
}

// publisher publishes to one subject, at full speed or at the load's rate.
func (r *run) publisher(c *client, flow *flow, subject string, stream *stream) source {
	if r.composed() {
		return r.compose(c.host, flow, r.rate, route{c, subject, "", stream})
	}
	// Four chunks a window at least, so that it is never closed for want of a
	// whole chunk.
	count := max(1, min(r.load.Window/4, chunkBytes/(r.load.Size+pubOverhead)))
	return newPump(c, flow, r.encode([]string{subject}, count, r.load.Size, max(1, r.load.Window/4)))
}

// pubOverhead is about what a PUB takes beside its payload.
const pubOverhead = 24

// runSpread: each message goes to the next subscriber.
func runSpread(r *run) error {
	return r.withFleet(func(f *fleet) error {
		n := r.load.Conns
		flow := newFlow(f.publishers().l, n, n, r.load.Window)
		subscribers, streams := newClients(n), r.newStreams(n)
		subjects := make([]string, n)
		for i, c := range subscribers {
			subjects[i] = r.subject(i)
			c.hello = r.dialect().subscribe(subjects[i])
			c.meter = &meter{flow: flow}
			r.watch(c, nil, streams[i])
		}
		publishers, err := r.openBoth(f, subscribers, 1)
		if err != nil {
			return err
		}
		var s source
		if r.composed() {
			routes := make([]route, n)
			for i := range routes {
				routes[i] = route{publishers[0], subjects[i], "", streams[i]}
			}
			s = r.compose(f.publishers(), flow, r.rate, routes...)
		} else {
			s = newPump(publishers[0], flow, r.encode(subjects, n, r.load.Size, n))
		}
		return r.stream(f, traffic{sources: []source{s}, copies: 1})
	})
}

// runFanin: each message comes from the next publisher.
func runFanin(r *run) error {
	return r.withFleet(func(f *fleet) error {
		flow := newFlow(f.publishers().l, 1, 1, r.load.Window)
		subscribers, streams := newClients(1), r.newStreams(r.load.Conns)
		subscribers[0].hello = r.dialect().subscribe(r.subject(0))
		subscribers[0].meter = &meter{flow: flow}
		r.watch(subscribers[0], nil, streams...)
		publishers, err := r.openBoth(f, subscribers, r.load.Conns)
		if err != nil {
			return err
		}
		h := f.publishers()
		if r.composed() {
			routes := make([]route, len(publishers))
			for i, c := range publishers {
				routes[i] = route{c, r.subject(0), "", streams[i]}
			}
			return r.stream(f, traffic{sources: []source{r.compose(h, flow, r.rate, routes...)}, copies: 1})
		}
		s := &roundRobin{
			throttle: throttle{host: h, flow: flow},
			all:      publishers,
			frame:    r.encode([]string{r.subject(0)}, 1, r.load.Size, 1)[0],
		}
		h.add(s)
		return r.stream(f, traffic{sources: []source{s}, copies: 1})
	})
}

// runPairs: each publisher has its subscriber. A rate is that of all together.
func runPairs(r *run) error {
	return r.withFleet(func(f *fleet) error {
		subscribers, streams := newClients(r.load.Pairs), r.newStreams(r.load.Pairs)
		flows := make([]*flow, r.load.Pairs)
		for i, c := range subscribers {
			flows[i] = newFlow(f.publishers().l, 1, 1, r.load.Window)
			c.hello = r.dialect().subscribe(r.subject(i))
			c.meter = &meter{flow: flows[i]}
			r.watch(c, nil, streams[i])
		}
		publishers, err := r.openBoth(f, subscribers, r.load.Pairs)
		if err != nil {
			return err
		}
		t := traffic{copies: 1}
		if r.rate > 0 {
			routes := make([]route, len(publishers))
			for i, c := range publishers {
				routes[i] = route{c, r.subject(i), "", streams[i]}
			}
			t.sources = []source{r.compose(f.publishers(), nil, r.rate, routes...)}
			return r.stream(f, t)
		}
		for i, c := range publishers {
			t.sources = append(t.sources, r.publisher(c, flows[i], r.subject(i), streams[i]))
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
	f.prepare(r)
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
	p, err := r.measured(f, t)
	if err != nil {
		return err
	}
	r.costs(p, p.delivered, "delivery")
	if bytes := float64(p.delivered) * float64(r.load.Size); bytes > 0 {
		r.report("bytes_per_second", bytes/p.wall.Seconds(), "B/s")
		if r.target.Process != 0 {
			r.report("cpu_ns_per_byte", float64(p.cpu.Nanoseconds())/bytes, "ns")
		}
	}
	return nil
}

// measured plays the warm-up and the measured phase, and reports what was
// published in the latter and how long it took to arrive.
func (r *run) measured(f *fleet, t traffic) (phase, error) {
	p, err := r.play(f, t, r.load.Warmup)
	if err != nil {
		return p, err
	}
	if r.rate > 0 {
		r.measure(f, r.rate*int(t.copies))
	}
	if p, err = r.play(f, t, r.load.Duration); err != nil {
		return p, err
	}
	r.report("published", float64(p.published), "messages")
	r.report("published_per_second", float64(p.published)/p.wall.Seconds(), "1/s")
	if r.rate > 0 {
		r.latency(f)
	}
	return p, nil
}
