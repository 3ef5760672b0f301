package broker

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// What a PONG says holds on all loops: who has read the one behind its SUB, UNSUB
// or PUB may tell anybody on any loop, and what they then do comes after it.

// A crossing is a subscriber and a publisher on every loop. Each trial takes one
// of each, and subjects nobody used before.
type crossing struct {
	*rig
	rng   *rand.Rand
	subs  []*client
	pubs  []*client
	trial int // the next subject's number
}

func (r *rig) crossing() *crossing {
	x := &crossing{rig: r, rng: rand.New(rand.NewPCG(5, uint64(r.loops)))}
	for at := range r.loops {
		x.subs = append(x.subs, r.on(at, fmt.Sprintf("subscriber on loop %d", at)))
		x.pubs = append(x.pubs, r.on(at, fmt.Sprintf("publisher on loop %d", at)))
	}
	return x
}

// A batch is trials that share their PONGs.
type batch struct {
	sub, pub    *client
	subscribe   []string
	publish     []string
	unsubscribe []string
	want        []string // the deliveries, as frames
}

// batchMax is how many trials share a PONG at most: few, since it is the operations
// right before a PONG that may be late.
const batchMax = 24

// next makes a batch: literal, wildcard and queue subscriptions in turn, the last
// too, as there is nobody else who could be a group's member.
func (x *crossing) next() (b batch) {
	b.sub, b.pub = x.subs[x.rng.IntN(x.loops)], x.pubs[x.rng.IntN(x.loops)]
	for range 1 + x.rng.IntN(batchMax) {
		n := x.trial
		x.trial++
		published := fmt.Sprintf("trial.%d.end", n)
		subscribed := [...]string{published, fmt.Sprintf("trial.%d.*", n), fmt.Sprintf("trial.%d.>", n), published + " workers"}[n%4]
		b.subscribe = append(b.subscribe, fmt.Sprintf("SUB %s %d", subscribed, n))
		b.publish = append(b.publish, pub(published, "x"))
		b.unsubscribe = append(b.unsubscribe, fmt.Sprintf("UNSUB %d", n))
		b.want = append(b.want, fmt.Sprintf(`MSG %s %d  "" "x"`, published, n))
	}
	return b
}

// padded returns the operations in the middle of a write that takes more than
// one visit, every now and then; before and behind them stand messages for nobody.
func (x *crossing) padded(ops []string) []string {
	if x.rng.IntN(8) > 0 {
		return append(ops[:len(ops):len(ops)], "PING")
	}
	fill := func() string {
		return strings.TrimSuffix(strings.Repeat(pub("nobody.listens", "...")+"\r\n", 1+x.rng.IntN(2500)), "\r\n")
	}
	return append(append([]string{fill()}, ops...), fill(), "PING")
}

// sent sends operations and waits for the PONG behind them.
func (x *crossing) sent(c *client, ops []string, why string) {
	x.t.Helper()
	c.send(x.padded(ops)...)
	c.pong(why)
}

// wantFrames compares what came before a PONG with what had to.
func (b *batch) wantFrames(why string, got []frame, want []string) {
	b.sub.t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			b.sub.t.Fatalf("%s never got %q from %s (%d of %d came): %s", b.sub.name, want[i], b.pub.name, len(got), len(want), why)
		case i >= len(want):
			b.sub.t.Fatalf("%s got %s from %s: %s", b.sub.name, got[i], b.pub.name, why)
		case got[i].String() != want[i]:
			b.sub.t.Fatalf("%s got %s from %s, want %q: %s", b.sub.name, got[i], b.pub.name, want[i], why)
		}
	}
}

// trials is how many trials one of these tests makes on each of its brokers: fewer
// on a busy one, where a PONG waits for what is before it.
func trials(busy bool) int {
	if busy {
		return scale(50, 100, 20_000)
	}
	return scale(500, 1500, 100_000)
}

// SUB, PONG on one loop, then PUB on another: the message comes, and it is there
// when the publisher reads its own PONG.
func TestAcknowledgedSubscriptionMissesNothing(t *testing.T) {
	quietAndBusy(t, func(r *rig, busy bool) {
		x := r.crossing()
		for x.trial < trials(busy) {
			b := x.next()
			x.sent(b.sub, b.subscribe, "subscribed")
			x.sent(b.pub, b.publish, "published")
			b.wantFrames("the subscription was acknowledged before the message was published", b.sub.drain("all is in the mailbox"), b.want)
			b.sub.send(b.unsubscribe...)
		}
	})
}

// The same without any PONG between: what one connection sends is in order, and
// the message it tells a friend to publish comes after its own SUB.
func TestSubscriptionAndMessageInOneWrite(t *testing.T) {
	quietAndBusy(t, func(r *rig, busy bool) {
		x := r.crossing()
		for x.trial < trials(busy) {
			b := x.next()
			b.sub.send(x.padded(append(b.subscribe, b.publish...))...)
			var got []frame
			for f := b.sub.next("own messages"); f.verb != "PONG"; f = b.sub.next("own messages") {
				got = append(got, f)
			}
			b.wantFrames("SUB and PUB came in this order", got, b.want)
			b.sub.send(append(b.publish, b.unsubscribe...)...)
			b.wantFrames("UNSUB and PUB came in this order", b.sub.drain("all is done"), b.want)
		}
	})
}

// PUB, PONG on one loop, then SUB on another: the message is not delivered any
// more, though the subscriber's loop is given it for others.
func TestSubscriptionGetsNothingAcknowledgedBefore(t *testing.T) {
	quietAndBusy(t, func(r *rig, busy bool) {
		x := r.crossing()
		witnesses := x.witnesses()
		for x.trial < trials(busy) {
			b := x.next()
			x.sent(b.pub, b.publish, "published")
			x.sent(b.sub, b.subscribe, "nothing may come from before the subscription")
			b.wantFrames("it was published before the SUB was sent", b.sub.drain("late messages would be here"), nil)
			b.sub.send(b.unsubscribe...)
			witnesses.sawAll(len(b.want))
		}
	})
}

// UNSUB, PONG on one loop, then PUB on another: silence, whether others still
// listen on that loop or not.
func TestAcknowledgedUnsubscribeIsSilence(t *testing.T) {
	quietAndBusy(t, func(r *rig, busy bool) {
		x := r.crossing()
		var w witnesses
		for x.trial < trials(busy) {
			if w == nil && x.trial > trials(busy)/2 {
				w = x.witnesses()
			}
			b := x.next()
			x.sent(b.sub, b.subscribe, "subscribed")
			x.sent(b.sub, b.unsubscribe, "unsubscribed")
			x.sent(b.pub, b.publish, "published")
			b.wantFrames("the end of the subscription was acknowledged", b.sub.drain("late messages would be here"), nil)
			w.sawAll(len(b.want))
		}
	})
}

// witnesses listen to all trials, one on each loop: they make every message go to
// every loop, and see that it was really published.
type witnesses []*client

func (x *crossing) witnesses() (w witnesses) {
	for at := range x.loops {
		c := x.on(at, fmt.Sprintf("witness on loop %d", at))
		c.send("SUB trial.> 1", "PING")
		c.pong("the witness listens")
		w = append(w, c)
	}
	return w
}

func (w witnesses) sawAll(n int) {
	for _, c := range w {
		if got := len(c.drain("witnesses get everything")); got != n {
			c.t.Fatalf("%s saw %d of %d messages", c.name, got, n)
		}
	}
}
