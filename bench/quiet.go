package bench

import (
	"fmt"
	"slices"
	"time"
)

// Sides are what can go on beside the quiet client, in the order they are run.
var Sides = []string{"nothing", "flood", "flood-subs", "broadcast"}

const (
	flooders      = 2 // publishers at full speed
	broadcastRate = 4 // a second
)

// runQuiet: one client that sends a PING now and then.
func runQuiet(r *run) error {
	r.rate = 0 // the load's is that of the PINGs
	for _, side := range Sides {
		if r.load.Beside != "" && r.load.Beside != side {
			continue
		}
		if err := r.withFleet(func(f *fleet) error { return r.quiet(f, side) }); err != nil {
			return fmt.Errorf("beside %s: %w", side, err)
		}
	}
	return nil
}

// quiet measures one case. The busy connections come first, so that every loop
// of a broker has one when the quiet client arrives.
func (r *run) quiet(f *fleet, side string) error {
	t, err := r.noise(f, side)
	if err != nil {
		return err
	}
	w, err := r.wire(nil)
	if err != nil {
		return err
	}
	defer w.close()
	before, err := r.take(f)
	if err != nil {
		return err
	}
	for _, s := range t.sources {
		s.start()
	}
	var times []time.Duration
	err = promptly(func() error {
		var err error
		times, err = r.pings(w)
		return err
	})
	published := t.stop()
	if err != nil {
		return err
	}
	if r.load.Verify && len(t.sources) > 0 {
		if err := r.settle(f, t, published); err != nil {
			return err
		}
	}
	if err := f.failure(); err != nil {
		return err
	}
	after, err := r.take(f)
	if err != nil {
		return err
	}
	r.warnOfCompany(after.since(before))
	r.distribution(side, times)
	return nil
}

// noise makes what goes on beside.
func (r *run) noise(f *fleet, side string) (traffic, error) {
	var t traffic
	streams := r.newStreams(flooders)
	switch side {
	case "nothing":
		return t, nil
	case "broadcast":
		subscribers := newClients(r.load.Conns)
		for _, c := range subscribers {
			c.hello = sub(r.subject(0))
			r.watch(c, nil, streams[0])
		}
		publishers, err := r.openBoth(f, subscribers, 1)
		if err != nil {
			return t, err
		}
		s := r.compose(f.publishers(), nil, broadcastRate, route{publishers[0], r.subject(0), "", streams[0]})
		return traffic{sources: []source{s}, copies: uint64(r.load.Conns)}, nil
	}
	var subscribers []*client
	flows := make([]*flow, flooders)
	if side == "flood-subs" {
		subscribers = newClients(flooders)
		for i, c := range subscribers {
			flows[i] = newFlow(f.publishers().l, 1, 1, r.load.Window)
			c.hello = sub(r.subject(i))
			c.meter = &meter{flow: flows[i]}
			r.watch(c, nil, streams[i])
		}
		t.copies = 1
	}
	publishers, err := r.openBoth(f, subscribers, flooders)
	if err != nil {
		return t, err
	}
	for i, c := range publishers {
		t.sources = append(t.sources, r.publisher(c, flows[i], r.subject(i), streams[i]))
	}
	return t, nil
}

// pings sends PINGs at the load's rate and returns their round trips, sorted. A
// PING that had to wait for the PONG before it counts from when it was due.
func (r *run) pings(w *wire) ([]time.Duration, error) {
	times, err := r.paced(r.load.Rate, w.ping)
	slices.Sort(times)
	return times, err
}

// paced makes round trips at a rate, for the warm-up and the load's duration, and returns the times of the latter.
func (r *run) paced(rate int, trip func() error) ([]time.Duration, error) {
	every := time.Second / time.Duration(max(1, rate))
	var times []time.Duration
	due := time.Now()
	warm := due.Add(r.load.Warmup)
	for end := warm.Add(r.load.Duration); due.Before(end); due = due.Add(every) {
		from := due
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
			from = time.Now() // our own lateness is not the broker's
		}
		if err := trip(); err != nil {
			return nil, err
		}
		if due.After(warm) {
			times = append(times, time.Since(from))
		}
	}
	return times, nil
}
