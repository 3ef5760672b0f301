package bench

import (
	"math"
	"slices"

	"gnatsd-ev/loop"
)

// runQueue: one publisher, and each message goes to one member of a group. The
// members live on one loop: who gets how much is the broker's choice, so only all of them
// together say how far the group is behind.
func runQueue(r *run) error {
	return r.withFleet(func(f *fleet) error {
		group := &meter{flow: newFlow(f.publishers().l, 1, 1, r.load.Window)}
		members, stream, seen := newClients(r.load.Conns), r.newStreams(1)[0], &ledger{}
		for _, c := range members {
			c.hello = []byte("SUB " + r.subject(0) + " workers 1\r\n")
			c.meter = group
			r.watch(c, seen, stream)
		}
		publishers, err := r.openBoth(f, members, 1)
		if err != nil {
			return err
		}
		s := r.publisher(publishers[0], group.flow, r.subject(0), stream)
		p, err := r.measured(f, traffic{sources: []source{s}, copies: 1})
		if err != nil {
			return err
		}
		r.costs(p, p.delivered, "delivery")
		r.shares(f.messages(members))
		return nil
	})
}

// messages is how many messages each client has had since it was opened.
func (f *fleet) messages(clients []*client) []uint64 {
	counts := make([]uint64, len(clients))
	for _, h := range f.hosts {
		done := make(chan struct{})
		h.l.Do(func(*loop.Loop) {
			for i, c := range clients {
				if c.host == h {
					counts[i] = c.reader.Messages
				}
			}
			close(done)
		})
		<-done
	}
	return counts
}

// shares reports how evenly messages were spread over members, warm-up included: 1 is
// the fair share. Picking at random gives a deviation of the square root of members
// by messages.
func (r *run) shares(counts []uint64) {
	sum := 0.0
	for _, n := range counts {
		sum += float64(n)
	}
	if sum == 0 {
		return
	}
	fair := sum / float64(len(counts))
	squares := 0.0
	for _, n := range counts {
		squares += (float64(n)/fair - 1) * (float64(n)/fair - 1)
	}
	r.report("member_share_min", float64(slices.Min(counts))/fair, "of fair")
	r.report("member_share_max", float64(slices.Max(counts))/fair, "of fair")
	r.report("member_share_deviation", math.Sqrt(squares/float64(len(counts))), "of fair")
}
