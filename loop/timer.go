package loop

import (
	"math/bits"
	"time"
)

// Timers. Each connection has one deadline on a wheel: whichever is nearest of
// what its owner asked for and what the loop watches itself. Slots are coarse
// and the wheel is short; a connection found early is put back.

const (
	tickBits   = 24      // a slot is 2^24 ns, about 17 ms
	wheelSlots = 1 << 12 // once round takes about 69 s
	never      = int64(1) << 62

	fireLookEvery = 16 // connections fired between two looks at the clock
)

// wheel is the hashed timer wheel of one loop.
type wheel struct {
	slots  [wheelSlots]*Conn
	filled [wheelSlots / 64]uint64 // a bit for each slot that is not empty
	tick   int64                   // slots before this one have been looked at
}

// WakeAt asks for Tick at the given loop time in nanoseconds, or not at all if
// it is zero. Home loop only.
func (l *Loop) WakeAt(c *Conn, at int64) {
	l.Enter()
	c.due = at
	if at > 0 {
		l.schedule(c, at)
	}
	l.Leave()
}

// schedule makes the wheel look at the connection at the given time or earlier.
func (l *Loop) schedule(c *Conn, at int64) {
	if c.scheduled != 0 {
		if c.scheduled <= at {
			return
		}
		l.unschedule(c)
	}
	tick := max((at+(1<<tickBits)-1)>>tickBits, l.wheel.tick)
	// One slot short of a round: from within fireTimers the wheel's tick is one
	// past the slot being emptied, and a full round would come back to it.
	tick = min(tick, l.wheel.tick+wheelSlots-2)
	slot := tick & (wheelSlots - 1)
	c.scheduled = tick << tickBits
	c.prev, c.next = nil, l.wheel.slots[slot]
	if c.next != nil {
		c.next.prev = c
	}
	l.wheel.slots[slot] = c
	l.wheel.filled[slot/64] |= 1 << (slot % 64)
	l.wheelDue = min(l.wheelDue, c.scheduled)
}

// unschedule takes the connection off the wheel.
func (l *Loop) unschedule(c *Conn) {
	if c.scheduled == 0 {
		return
	}
	slot := c.scheduled >> tickBits & (wheelSlots - 1)
	if c.next != nil {
		c.next.prev = c.prev
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.wheel.slots[slot] = c.next
		if c.next == nil {
			l.wheel.filled[slot/64] &^= 1 << (slot % 64)
		}
	}
	c.prev, c.next, c.scheduled = nil, nil, 0
}

// fireTimers looks at the connections whose slot has come, for turnTimeMax at most: many
// may share one, as all that were opened in a loop's first minute do.
func (l *Loop) fireTimers() {
	w := &l.wheel
	now, start := l.now>>tickBits, l.kernel.Now()
	for w.tick <= now {
		next := w.nextFilled(now + 1)
		if next > now {
			w.tick = now + 1
			break
		}
		w.tick = next + 1
		slot := next & (wheelSlots - 1)
		for n := 1; w.slots[slot] != nil; n++ {
			c := w.slots[slot]
			l.unschedule(c)
			l.fire(c)
			if n%fireLookEvery == 0 && l.kernel.Now()-start > turnTimeMax {
				w.tick, l.wheelDue = next, l.now // the rest of the slot comes in the next turn
				return
			}
		}
	}
	l.wheelDue = never
	if next := w.nextFilled(w.tick + wheelSlots); next < w.tick+wheelSlots {
		l.wheelDue = next << tickBits
	}
}

// nextFilled returns the first tick from w.tick on, below limit, whose slot is
// not empty, or limit.
func (w *wheel) nextFilled(limit int64) int64 {
	limit = min(limit, w.tick+wheelSlots)
	for t := w.tick; t < limit; {
		slot := t & (wheelSlots - 1)
		if word := w.filled[slot/64] >> (slot % 64); word != 0 {
			return min(t+int64(bits.TrailingZeros64(word)), limit)
		}
		t += 64 - slot%64
	}
	return limit
}

// fire acts on whichever deadline of the connection has come and schedules the
// nearest of the rest.
func (l *Loop) fire(c *Conn) {
	if c.state == stateLinger {
		if l.now >= c.due {
			l.Kill(c)
			return
		}
		l.schedule(c, c.due)
		return
	}
	if c.blockedAt != 0 && c.state <= stateEnding {
		deadline := c.blockedAt + l.writeDeadline
		if l.now >= deadline {
			l.overdue(c)
		} else {
			l.schedule(c, deadline)
		}
	}
	if c.due == 0 || c.state != stateOpen {
		return
	}
	if l.now < c.due {
		l.schedule(c, c.due)
		return
	}
	c.due = 0
	l.own(c, func() { c.peer.Tick(l.now) })
}

// overdue acts on a write deadline that has passed.
func (l *Loop) overdue(c *Conn) {
	if c.written >= c.blockedMark { // that backlog is gone; what is pending came later
		c.blockedAt = l.now
		c.blockedMark = c.written + uint64(c.pending)
		l.schedule(c, l.now+l.writeDeadline)
		return
	}
	if c.state == stateOpen {
		l.own(c, c.peer.Overdue)
	}
	l.Kill(c)
}

// delayed is a connection that is to be looked at in a few milliseconds, more
// exactly than the wheel would.
type delayed struct {
	at   int64
	name Handle
}

// delay looks at the connection at the given time: it is unparked if that is due, and
// written to again.
func (l *Loop) delay(c *Conn, at int64) {
	l.delays = append(l.delays, delayed{at: at, name: c.Handle()})
	l.delayDue = min(l.delayDue, at)
}

// retryDelay is the pause after the system had no memory for a write.
const retryDelay = int64(5 * time.Millisecond)

func (l *Loop) retryWrite(c *Conn) { l.delay(c, l.now+retryDelay) }

func (l *Loop) fireDelays() {
	if l.now < l.delayDue {
		return
	}
	l.delayDue = never
	kept := l.delays[:0]
	for _, d := range l.delays {
		if d.at > l.now {
			kept = append(kept, d)
			l.delayDue = min(l.delayDue, d.at)
			continue
		}
		c := l.Lookup(d.name)
		if c == nil {
			continue
		}
		// The delay may be that of an earlier Park, or of a write.
		if c.parkedTill != 0 && l.now >= c.parkedTill {
			l.Unpark(c)
		}
		if c.pending > 0 && !c.dirty && !c.blocked {
			l.markDirty(c)
		}
	}
	l.delays = kept
}

// nextDue is when something of the loop's has to happen even without events.
func (l *Loop) nextDue() int64 { return min(l.wheelDue, l.delayDue, l.acceptAt, l.stopAt, l.guardAt) }

// sleepTime is how long the loop may wait for events.
func (l *Loop) sleepTime() int64 {
	l.awaited = l.nextDue()
	if l.awaited == never {
		return -1
	}
	return max(l.awaited-l.kernel.Now(), 0)
}
