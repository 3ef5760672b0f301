package broker

import (
	"math/bits"
	"sync/atomic"

	"gnatsd-ev/loop"
)

// Fan-out. Runs on the publisher's loop, while its PUB is applied.
// in: a message    out: deliveries on this loop, one parcel entry for each other loop
// Order: one publisher to one subscriber keeps publish order; mailboxes are first in, first out.

// fanOut routes a message. delivered reports whether somebody on this loop got
// it, or another loop was given it; asked, that others have it and will answer
// for us, with a 503, if they find nobody.
func (sh *shard) fanOut(m *message, wants503 bool) (delivered, asked bool) {
	sh.match(m, !sh.alone)
	var targets loopSet
	if !sh.alone {
		for _, in := range sh.interests {
			targets |= in.loops
		}
		targets &^= sh.self
		if targets != 0 && len(m.payload) >= sharedMin {
			m.share(sh.loop)
		}
	}
	for _, tp := range sh.topics {
		if sh.deliver(tp, m) {
			delivered = true
		}
	}
	contests := sh.contests()
	if len(contests) > 0 {
		var here bool
		here, targets = sh.decide(contests, m, targets)
		delivered = delivered || here
	}
	if targets != 0 {
		asked = wants503 && !delivered && sh.askable(m, targets)
		sh.post(m, targets, contests, asked)
	}
	m.release(sh.loop)
	return delivered || targets != 0, asked
}

// askable reports whether the targets can tell that a request reached nobody. One alone can. Several have
// somebody each, as a rule, and are not asked; only where users are denied what they subscribe to it
// happens that all of many auditors must not have it.
func (sh *shard) askable(m *message, targets loopSet) bool {
	n := bits.OnesCount64(uint64(targets))
	if n > 1 {
		if !sh.terms.authority.Filters() {
			return false
		}
		m.ask = &ask{}
		m.ask.left.Store(int32(n))
	}
	return true
}

// An ask is a request that several loops were given and none has answered yet. Any loop.
type ask struct {
	left  atomic.Int32 // loops that have not looked
	taken atomic.Bool  // somebody got it
}

// looked notes that one loop has, and reports whether it was the last and nobody got the request.
func (a *ask) looked(delivered bool) (nobody bool) {
	if delivered {
		a.taken.Store(true)
	}
	return a.left.Add(-1) == 0 && !a.taken.Load()
}

// sharedMin is the payload from which loops share one copy: below it, copying
// costs less than counting.
const sharedMin = 2 << 10

// share copies the payload to bytes that all loops may write from.
func (m *message) share(l *loop.Loop) {
	if m.shared == nil {
		m.shared = l.NewShared(len(m.payload) + 2)
		m.shared.Bytes = append(append(m.shared.Bytes, m.payload...), '\r', '\n')
	}
}

// release gives up the message's own hold on shared bytes.
func (m *message) release(l *loop.Loop) {
	if m.shared != nil {
		l.Release(m.shared)
		m.shared = nil
	}
}

// post appends the message to the parcel of each target.
func (sh *shard) post(m *message, targets loopSet, contests []contest, wants503 bool) {
	for id := range sh.out {
		if targets.has(id) {
			sh.parcelFor(id).add(m, contests, id, wants503)
			sh.weigh(id)
		}
	}
}
