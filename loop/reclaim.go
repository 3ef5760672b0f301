package loop

import (
	"time"

	"gnatsd-ev/internal/invariant"
)

// Reclaiming. Above the budget the readers that hold most are cut, worst first, until what
// they alone held is free: where many wait for the same bytes, cutting the one
// furthest behind frees what only it still wanted, and all that is behind the
// oldest bytes goes before those bytes do. What was cut is given back at once.
//
// No loop sees the readers of another. So each ranks its own and tells how much its worst
// weighs; who has one that weighs about as much as the worst of all cuts it,
// who has not wakes those that have, and waits. Until it is over nobody reads, so that what
// is held does not grow meanwhile.

const (
	// rankSlice is how many readers one turn looks at, and cutSlice how many it cuts, for
	// turnTimeMax at most.
	rankSlice = 2048
	cutSlice  = 256

	// suspectsMax is how many readers one ranking finds.
	suspectsMax = 32

	// A reader that has not taken within behindAfter what was pending when its socket first
	// refused weighs behindWeight times as much as one that has, and as a rule takes
	// all in no time: a fast reader in the middle of a burst must not be cut for one that stands.
	behindAfter  = int64(100 * time.Millisecond)
	behindWeight = 64

	// Guarded connections have guardGrace for an operation when they hold more than
	// they may together, and no time at all when they hold twice as much.
	guardGrace = int64(2 * time.Second)

	// guardRetry is how long accepting waits, and who holds guarded input, before they look again.
	guardRetry = int64(10 * time.Millisecond)
)

// Claim says what of a connection's the budget wants back.
type Claim uint8

const (
	// PendingOutput: bytes the peer has not taken. The connection is killed.
	PendingOutput Claim = iota
	// UnfinishedInput: the operation that is on its way. The connection is closed.
	UnfinishedInput
)

// A Debtor is a Peer that is told what the budget takes from its connection, bytes of it, just
// before that happens.
type Debtor interface {
	Reclaimed(what Claim, bytes int)
}

// suspect is a reader that may have to go.
type suspect struct {
	name   Handle
	weight int64
}

// progress is what came of trying to reclaim something.
type progress uint8

const (
	nothing progress = iota // there is nothing to reclaim, on any loop
	waits                   // it is another loop's to do, or this one has not looked at all it has
	done                    // something was reclaimed
)

// reclaim cuts what must go, as far as it is this loop's to cut.
func (l *Loop) reclaim() {
	l.hunting = true
	came, start := done, l.kernel.Now()
	for n := 0; came == done && l.level == over && n < cutSlice; n++ {
		if came = l.reclaimOne(); came == done {
			l.tell()
			l.measure()
			if l.kernel.Now()-start > turnTimeMax {
				break
			}
		}
	}
	switch {
	case l.level != over:
		l.endHunt()
	case came == nothing: // what is held is being written, or on its way
		l.saving, l.ranked = false, false
	default:
		l.saving, l.wantTurn = true, true
		if came == waits {
			l.kernel.Yield()
		}
	}
}

func (l *Loop) reclaimOne() progress {
	if b := &l.group.budget; b.most(unfinishedOf) > 0 {
		if _, unfinished, _ := b.sum(); unfinished > b.Unfinished {
			return l.reclaimInput()
		}
	}
	if came := l.reclaimOutput(); came != nothing {
		return came
	}
	return l.reclaimInput()
}

// endHunt forgets what is true only while the budget is exceeded.
func (l *Loop) endHunt() {
	l.hunting, l.saving, l.ranked, l.rankAt, l.suspects = false, false, false, 0, nil
	l.group.budget.parts[l.id].worst.Store(notRanked)
}

// reclaimOutput cuts the loop's worst reader if it is about the worst of all.
func (l *Loop) reclaimOutput() progress {
	b := &l.group.budget
	s, ranked := l.worst()
	if !ranked {
		return waits
	}
	b.parts[l.id].worst.Store(s.weight)
	for i := range b.parts {
		if b.parts[i].worst.Load() == notRanked {
			l.wakeOthers(func(p *part) bool { return p.worst.Load() == notRanked })
			return waits
		}
	}
	most := b.most(worstOf)
	switch {
	case most == 0:
		return nothing
	case s.weight < most/8*7:
		l.wakeOthers(func(p *part) bool { return p.worst.Load() == most })
		return waits
	}
	l.cut(l.Lookup(s.name))
	return done
}

func worstOf(p *part) int64      { return p.worst.Load() }
func unfinishedOf(p *part) int64 { return p.unfinished.Load() }

// most is the largest of what all loops have told.
func (b *budget) most(of func(*part) int64) int64 {
	most := int64(0)
	for i := range b.parts {
		most = max(most, of(&b.parts[i]))
	}
	return most
}

// worst returns the worst reader of the loop, or one of no weight. It reports false while
// some were not looked at.
func (l *Loop) worst() (s suspect, ranked bool) {
	for {
		if !l.rank() {
			return suspect{}, false
		}
		for ; len(l.suspects) > 0; l.suspects = l.suspects[1:] {
			s = l.suspects[0]
			if c := l.Lookup(s.name); c != nil && c.pending > 0 && c.slowIndex > 0 {
				return s, true
			}
		}
		if !l.moreSuspects {
			return suspect{}, true
		}
		l.ranked = false
	}
}

// rank looks at a slice of the loop's slow readers and reports whether all were looked at.
func (l *Loop) rank() bool {
	if l.ranked {
		return true
	}
	if l.rankAt == 0 {
		l.suspects, l.moreSuspects = l.suspectsRoom[:0], false
	}
	end := min(l.rankAt+rankSlice, len(l.slow))
	for ; l.rankAt < end; l.rankAt++ {
		l.suspectOne(l.slow[l.rankAt])
	}
	if l.rankAt < len(l.slow) {
		return false
	}
	l.ranked, l.rankAt = true, 0
	return true
}

// suspectOne puts a reader among the worst if it is one of them.
func (l *Loop) suspectOne(c *Conn) {
	w := l.weight(c)
	if w == 0 {
		return
	}
	n := len(l.suspects)
	if n == suspectsMax {
		l.moreSuspects = true
		if n--; w <= l.suspects[n].weight {
			return
		}
	} else {
		l.suspects = l.suspects[:n+1]
	}
	for ; n > 0 && l.suspects[n-1].weight < w; n-- {
		l.suspects[n] = l.suspects[n-1]
	}
	l.suspects[n] = suspect{c.Handle(), w}
}

// weight is how much a reader is to blame.
func (l *Loop) weight(c *Conn) int64 {
	w := int64(c.pending)
	if c.blockedAt != 0 && l.now-c.blockedAt > behindAfter && c.written < c.blockedMark {
		w *= behindWeight
	}
	return w
}

// cut ends a reader and gives back at once what it was owed.
func (l *Loop) cut(c *Conn) {
	invariant.Reached("cut for the budget", c.peer)
	if d, ok := c.peer.(Debtor); ok && c.state == stateOpen {
		l.own(c, func() { d.Reclaimed(PendingOutput, c.pending) })
	}
	l.Kill(c)
	l.dropOutput(c)
	l.unlist(c)
}
