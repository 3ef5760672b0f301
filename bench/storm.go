package bench

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// stormDialers is how many connects are under way at a time: a SYN that the
// broker's backlog has no room for holds up one of them for a second.
const stormDialers = 64

// runStorm: all clients connect at once, and each says CONNECT, SUB and PING. With a
// rate there is traffic beside them, whose latency counts.
func runStorm(r *run) error {
	return r.withFleet(func(f *fleet) error {
		beside, err := r.besideStorm(f)
		if err != nil {
			return err
		}
		before, err := r.take(f)
		if err != nil {
			return err
		}
		r.measure(f, r.rate)
		for _, s := range beside.sources {
			s.start()
		}
		took, err := r.storm(f)
		published := beside.stop()
		if err != nil {
			return err
		}
		after, err := r.take(f)
		if err != nil {
			return err
		}
		p := after.since(before)
		r.report("last_pong", microseconds(took)/1000, "ms")
		r.costs(p, uint64(r.load.Conns), "conn")
		if r.rate > 0 {
			if err := r.settle(f, beside, published); err != nil {
				return err
			}
			r.latency(f)
		}
		return nil
	})
}

// besideStorm makes the traffic beside, on the publishers' loop: the others are
// busy with the storm.
func (r *run) besideStorm(f *fleet) (traffic, error) {
	t := traffic{copies: 1}
	if r.rate == 0 {
		return t, nil
	}
	stream := r.newStreams(1)[0]
	both := newClients(2)
	both[0].hello = sub(r.subject(0))
	r.watch(both[0], nil, stream)
	if err := f.open(both, func(int) *host { return f.publishers() }); err != nil {
		return t, err
	}
	t.sources = []source{r.compose(f.publishers(), nil, r.rate, route{both[1], r.subject(0), "", stream})}
	return t, nil
}

// A stormer is one client of a storm: it notes when it has been answered. Its
// loop only, once it is on it.
type stormer struct {
	ordinary
	client  client
	dialled int64
	took    int64
	at      int64
}

func (s *stormer) ponged(c *client) {
	if s.took == 0 {
		s.at = monotonic()
		s.took = s.at - s.dialled
	}
	c.host.fleet.answered()
}

// storm lets all clients connect and returns how long it took until the last had its
// PONG.
func (r *run) storm(f *fleet) (took int64, err error) {
	all := make([]stormer, r.load.Conns)
	f.awaited.Store(int64(len(all)))
	var next atomic.Int64
	var dialers sync.WaitGroup
	begin := monotonic()
	for range stormDialers {
		dialers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				s := &all[i]
				s.client.hello, s.client.follower = sub(r.subject(1+i)), s
				s.dialled = monotonic()
				fd, err := f.dial()
				if err != nil {
					f.fail(fmt.Errorf("client %d of %d: %w", i+1, len(all), err))
					return
				}
				f.group.HandTo(f.reader(i).l, fd, f.to, &s.client)
			}
		})
	}
	err = f.wait("greeting")
	next.Store(int64(len(all))) // after an error nobody else is to come
	dialers.Wait()
	if err != nil {
		return 0, err
	}
	d := Distribution{Every: 1, corrected: newHistogram()}
	for i := range all { // their loops have said so with the last PONG, and touch these no more
		record(d.corrected, all[i].took)
		took = max(took, all[i].at-begin)
	}
	r.distribute("connect", d)
	return took, nil
}
