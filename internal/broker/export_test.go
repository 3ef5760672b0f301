package broker

import (
	"net/netip"
	"testing"

	"gnatsd-ev/loop"
)

// What tests may see of a running broker.

// onLoops runs f on every loop, one after the other, and waits for it.
func onLoops(b *Broker, f func(*loop.Loop)) {
	for _, l := range b.group.Loops() {
		done := make(chan struct{})
		l.Do(func(l *loop.Loop) {
			f(l)
			close(done)
		})
		<-done
	}
}

// loopOf returns the loop a client's connection lives on, or -1.
func loopOf(b *Broker, client netip.AddrPort) int {
	at := -1
	onLoops(b, func(l *loop.Loop) {
		if at >= 0 {
			return
		}
		l.Each(func(_ *loop.Conn, p loop.Peer) {
			if p.(*Session).remote == client {
				at = l.ID()
			}
		})
	})
	return at
}

// count is what all loops have shown of one counter.
func (b *Broker) count(c counter) (sum int64) {
	for _, sh := range b.shards {
		sum += sh.shown.counts[c].Load()
	}
	return sum
}

func (b *Broker) slowConsumers() int64 { return b.count(countSlowPending) + b.count(countSlowDeadline) }

// holdings is what the broker holds for its connections.
type holdings struct {
	conns, subs, topics, groups, indexed int
	members                              int // sessions that accounts count
	held, input, budget                  int
	inFlight                             int64
	backlog                              int // bytes waiting to be written
}

func holdingsOf(b *Broker) holdings {
	var h holdings
	onLoops(b, func(l *loop.Loop) {
		sh := b.shards[l.ID()]
		l.Each(func(c *loop.Conn, p loop.Peer) {
			h.conns++
			h.subs += p.(*Session).subs.count()
			h.backlog += c.Pending()
		})
		for _, g := range b.terms.Load().grants {
			if t := g.account.tables[l.ID()]; t != nil {
				literals, patterns := t.topics.Len()
				h.topics += literals + patterns
				h.groups += len(t.groups)
			}
		}
		h.held += l.HeldBytes()
		h.input += l.InputBytes()
		h.budget += l.Held()
		for i := range sh.inFlight {
			h.inFlight += sh.inFlight[i].Load()
		}
	})
	for _, g := range b.terms.Load().grants {
		literals, patterns := g.account.index.Len()
		h.indexed += literals + patterns
		h.members += int(g.account.sessions.Load())
	}
	return h
}

// wantNothingHeld fails unless, soon, the broker holds nothing any more.
func wantNothingHeld(t testing.TB, b *Broker) {
	t.Helper()
	var h holdings
	eventually(t, "everything connections held is given back", func() bool {
		h = holdingsOf(b)
		return h == holdings{}
	}, func() any { return h })
}

// killAll ends every connection at once.
func killAll(b *Broker) {
	onLoops(b, func(l *loop.Loop) {
		l.Each(func(c *loop.Conn, _ loop.Peer) { l.Kill(c) })
	})
}
