package bench

import (
	"fmt"
	"math/rand/v2"
)

// picksMax is how many random subjects are published to in turn: enough that no
// cache of a broker holds them all.
const picksMax = 1 << 17

// picksSeed makes every run pick the same ones.
const picksSeed = 42

// runSubs: Conns connections with PerConn subjects each, literal ones or patterns.
func runSubs(r *run) error {
	return r.withFleet(func(f *fleet) error {
		flow := newFlow(f.publishers().l, 1, 1, r.load.Window)
		all := &meter{flow: flow} // one for all: they live on one loop
		subscribers := newClients(r.load.Conns)
		stream, one := r.newStreams(1)[0], &ledger{}
		for _, c := range subscribers {
			c.meter = all
			r.watch(c, one, stream)
		}
		publishers, err := r.openBoth(f, subscribers, 1)
		if err != nil {
			return err
		}
		if err := r.subscribe(f, subscribers); err != nil {
			return err
		}
		count := min(picksMax, 4*r.load.Conns*r.load.PerConn)
		p, err := r.match(f, traffic{sources: []source{r.hits(publishers[0], flow, stream, count)}, copies: 1})
		if err != nil {
			return err
		}
		r.costs(p, p.published, "match")
		miss := newPump(publishers[0], nil, r.encode(r.picks(count, "z"), count, r.load.Size, count))
		if p, err = r.match(f, traffic{sources: []source{miss}, copies: 0}); err != nil {
			return err
		}
		r.costs(p, p.published, "miss")
		return nil
	})
}

// subscribe makes the subscriptions and reports what they cost.
func (r *run) subscribe(f *fleet, subscribers []*client) error {
	if err := f.rest(r.load.Settle); err != nil {
		return err
	}
	before, err := r.take(f)
	if err != nil {
		return err
	}
	err = f.ask(subscribers, func(i int) []byte {
		var b []byte
		for k := range r.load.PerConn {
			b = fmt.Appendf(b, "SUB %s %d\r\n", r.pattern(i, k), k+1)
		}
		return b
	})
	if err != nil {
		return err
	}
	subscribed, err := r.take(f)
	if err != nil {
		return err
	}
	if err := f.rest(r.load.Settle); err != nil {
		return err
	}
	settled, err := r.take(f)
	if err != nil {
		return err
	}
	n := float64(r.load.Conns * r.load.PerConn)
	p := subscribed.since(before)
	r.warnOfCompany(p)
	r.report("subs_per_second", n/p.wall.Seconds(), "1/s")
	if r.target.Process != 0 {
		r.report("cpu_us_per_sub", float64(p.cpu.Nanoseconds())/1000/n, "us")
		r.report("bytes_per_sub", float64(settled.broker.Resident-before.broker.Resident)/n, "B")
	}
	return nil
}

// deep is a subject of four words, or of five where patterns have a star.
func (r *run) deep(conn int, word string, k int) string {
	if r.load.Wild {
		return fmt.Sprintf("b.%s.c%d.any.%s%d", r.id, conn, word, k)
	}
	return fmt.Sprintf("b.%s.c%d.%s%d", r.id, conn, word, k)
}

// pattern is what is subscribed to: the subject, or one with a star before its last word.
func (r *run) pattern(conn, k int) string {
	if r.load.Wild {
		return fmt.Sprintf("b.%s.c%d.*.k%d", r.id, conn, k)
	}
	return r.deep(conn, "k", k)
}

// hits publishes to random subjects that have a subscriber.
func (r *run) hits(c *client, flow *flow, stream *stream, count int) source {
	subjects := r.picks(count, "k")
	if !r.composed() {
		return newPump(c, flow, r.encode(subjects, count, r.load.Size, r.load.Window/4))
	}
	routes := make([]route, count)
	for i, subject := range subjects {
		routes[i] = route{c, subject, "", stream}
	}
	return r.compose(c.host, flow, 0, routes...)
}

// picks are count subjects at random.
func (r *run) picks(count int, word string) []string {
	random := rand.New(rand.NewPCG(picksSeed, picksSeed))
	subjects := make([]string, count)
	for i := range subjects {
		subjects[i] = r.deep(random.IntN(r.load.Conns), word, random.IntN(r.load.PerConn))
	}
	return subjects
}

// match plays a warm-up and a measured phase.
func (r *run) match(f *fleet, t traffic) (phase, error) {
	if _, err := r.play(f, t, r.load.Warmup); err != nil {
		return phase{}, err
	}
	return r.play(f, t, r.load.Duration)
}
