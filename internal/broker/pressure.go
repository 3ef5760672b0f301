package broker

import (
	"time"

	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
)

// Back-pressure. Two kinds: a loop that cannot keep up makes publishers on
// other loops wait, so that what is on its way stays bounded; a subscriber that
// reads too slowly holds its publishers up for milliseconds, and is cut at
// max_pending.

const (
	// inFlightMax is how much may be on its way from one loop to another, in bytes of
	// messages that are copied and sixteenths of bytes of those that are shared.
	// A loop must take all of it before it handles what it has just read, so this is
	// also what a PING there may have to wait for: about a millisecond.
	inFlightMax = 1 << 20

	// sharedWeight is how much less a shared byte weighs than a copied one, as a rule.
	sharedWeight = 16

	// workWeight is how many bytes a unit of work weighs, about ten nanoseconds: a message to
	// thousands is much to do and few bytes.
	workWeight = 4

	// A publisher is not read for stallShort when a subscriber has more than three
	// quarters of max_pending waiting, for stallLong when it has all of it, and for
	// stallMax together in one read; nats-server sleeps as long.
	stallShort = int64(2 * time.Millisecond)
	stallLong  = int64(5 * time.Millisecond)
	stallMax   = int64(10 * time.Millisecond)

	// A subscriber whose socket has taken nothing for this long is not slow but
	// stopped: waiting for it would only punish the publisher. The same holds for one that reads so
	// little that it will be cut anyway.
	stoppedAfter = int64(100 * time.Millisecond)
)

// weigh notes that a target has as much on its way as it may have.
func (sh *shard) weigh(id int) {
	if sh.inFlight[id].Load()+int64(sh.out[id].size) > sh.inFlightMax {
		sh.congested |= 1 << id
	}
}

// weighEntries learns from a parcel how much work its entries were: the next ones
// that are posted here are taken to be like them.
func (sh *shard) weighEntries(entries, units int) {
	was := sh.entryWeight.Load()
	now := int64(units/entries*workWeight+int(was)) / 2
	if now != was {
		sh.entryWeight.Store(now)
	}
}

// parkForRoom stops reading the session until the congested loops have taken
// what they were posted.
func (s *Session) parkForRoom() {
	sh := s.shard
	sh.loop.Enter()
	sh.loop.Park(&s.conn, 0)
	sh.parked = append(sh.parked, s.conn.Handle())
	for id := range sh.out {
		if !sh.congested.has(id) {
			continue
		}
		sh.waiting[id].Store(true)
		invariant.Between()
		// What congested it may have been posted and taken before we said that we wait.
		if sh.out[id] == nil && sh.inFlight[id].Load() < sh.inFlightMax/2 && sh.waiting[id].CompareAndSwap(true, false) {
			sh.loop.Do(func(*loop.Loop) { sh.unpark() })
		}
	}
	sh.congested = 0
	sh.loop.Leave()
}

// taken runs on the loop that took a parcel of ours: it wakes publishers that
// wait for it, once half of what may be on its way is.
func (sh *shard) taken(by int, size int64) {
	left := sh.inFlight[by].Add(-size)
	invariant.Between()
	if left < sh.inFlightMax/2 && sh.waiting[by].Load() && sh.waiting[by].CompareAndSwap(true, false) {
		sh.loop.Do(func(*loop.Loop) { sh.unpark() })
	}
}

// unpark lets publishers go on; who finds another loop congested parks again.
func (sh *shard) unpark() {
	for _, name := range sh.parked {
		if c := sh.loop.Lookup(name); c != nil {
			sh.loop.Unpark(c)
		}
	}
	sh.parked = sh.parked[:0]
}

// overloaded handles a subscriber that has much pending: over the limit it is
// cut, near it the publisher is held up.
func (sh *shard) overloaded(c *loop.Conn, m *message) {
	if !c.Open() {
		return
	}
	s := sh.sessionOf(c)
	pending := c.Pending()
	if pending > sh.pendingMax {
		s.cut()
		return
	}
	if s == m.from || !m.origin.real || sh.loop.Now()-c.Progress() > stoppedAfter || sh.loop.Hopeless(c) {
		return
	}
	stall := stallShort
	if pending >= sh.pendingMax {
		stall = stallLong
	}
	if m.from != nil {
		m.from.stall(stall)
		return
	}
	if sh.stalled == m.origin && sh.loop.Now() < sh.stalledUntil {
		return // told already
	}
	sh.stalled, sh.stalledUntil = m.origin, sh.loop.Now()+stall
	home, o := sh.broker.shards[m.origin.loop], m.origin
	home.loop.Do(func(*loop.Loop) {
		if p := home.session(o); p != nil {
			p.stall(stall)
			p.pause()
		}
	})
}

// cut ends a slow consumer; what is pending is dropped, as nats-server does.
func (s *Session) cut() {
	sh := s.shard
	s.reason = proto.SlowConsumerPendingBytes
	sh.counts[countSlowPending]++
	sh.log.Limited(infoLevel, "slow pending", "%s - Slow Consumer Detected: MaxPending of %d Exceeded", s, sh.pendingMax)
	sh.loop.Kill(&s.conn)
}

// Overdue ends a session that did not take its bytes within the write deadline.
func (s *Session) Overdue() {
	sh := s.shard
	invariant.Reached("overdue", s)
	s.reason = proto.SlowConsumerWriteDeadline
	sh.counts[countSlowDeadline]++
	sh.log.Limited(infoLevel, "slow deadline", "%s - Slow Consumer Detected: WriteDeadline of %v exceeded with %d total bytes.",
		s, sh.terms.options.WriteDeadline, s.conn.Pending())
	sh.loop.Kill(&s.conn)
}

// stall asks that the session's input waits a while.
func (s *Session) stall(d int64) {
	if int64(s.paused) >= stallMax {
		return
	}
	s.pauseUntil = max(s.pauseUntil, s.shard.loop.Now()+d)
}

// pause stops reading the session until its stall is over.
func (s *Session) pause() {
	now := s.shard.loop.Now()
	if d := s.pauseUntil - now; d > 0 && !s.conn.Parked() {
		s.paused += int32(d)
		s.shard.counts[countStalls]++
		s.shard.counts[countStalledFor] += d
		s.shard.loop.Park(&s.conn, d)
	}
}
