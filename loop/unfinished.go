package loop

import (
	"errors"

	"gnatsd-ev/internal/age"
	"gnatsd-ev/internal/invariant"
)

// Unfinished input. Whoever has sent half an operation holds memory until the other half comes. So the
// loop keeps those connections by the age of what they have not finished, and when all
// loops hold too much of it the oldest go first: an upload that makes progress is young.

// ages is unfinished input by the time at which its operation began.
type ages struct {
	age.List[input]
	count, bytes int
}

const (
	// oldestLook is how many of the oldest are looked at for one that holds much.
	oldestLook = 256

	// guardedRead is how much is read at a time from a guarded connection.
	guardedRead = 4 << 10
)

// ErrCrowded is what Host.AcceptFailed is told when accepting waits for guarded connections.
var ErrCrowded = errors.New("guarded connections hold all they may")

// Guard marks a connection that has not said who it is: little is read of it at a time, what it has
// not finished is bounded together with that of all like it, and while that is too much
// nobody else is accepted. Home loop only.
func (l *Loop) Guard(c *Conn) { c.guarded = true }

// Trust ends Guard. Home loop only.
func (l *Loop) Trust(c *Conn) {
	if c.in != nil {
		l.recount(c.in, 0) // what it keeps when this visit ends is counted anew
	}
	c.guarded = false
}

// age notes what the connection keeps: begun says that another operation is unfinished now than before.
func (l *Loop) age(c *Conn, begun bool) {
	in := c.in
	if begun || c.ready {
		l.recount(in, 0)
	}
	if c.ready { // it waits for us, not we for it
		return
	}
	if in.ages == nil {
		ages := &l.unfinished
		if c.guarded {
			ages = &l.guarded
		}
		ages.begin(in, c, l.now)
	}
	l.recount(in, cap(in.buf)+inputCost)
}

// begin puts a connection's input behind all others.
func (a *ages) begin(in *input, c *Conn, now int64) {
	in.conn, in.since, in.ages = c, now, a
	a.Add(&in.age, in)
	a.count++
}

// recount says what unfinished input takes; what takes nothing is not on a list.
func (l *Loop) recount(in *input, n int) {
	if in.ages == nil {
		return
	}
	in.ages.bytes += n - in.counted
	in.counted = n
	if n == 0 {
		in.ages.Remove(&in.age)
		in.ages.count--
		in.conn, in.ages = nil, nil
	}
}

// oldestLarge returns the oldest that holds half of the mean at least. Where many old ones hold next to
// nothing it is the largest of some.
func (a *ages) oldestLarge() *input {
	best := a.Oldest().Of()
	for e, n := a.Oldest(), 0; e != nil && n < oldestLook; e, n = e.Newer(), n+1 {
		in := e.Of()
		if in.counted > best.counted {
			best = in
		}
		if in.counted*a.count*2 >= a.bytes {
			return in
		}
	}
	return best
}

// reclaimInput drops the oldest unfinished input if this loop holds about as much as any.
func (l *Loop) reclaimInput() progress {
	most := l.group.budget.most(unfinishedOf)
	switch {
	case most == 0:
		return nothing
	case int64(l.unfinishedBytes()) < most/8*7:
		l.wakeOthers(func(p *part) bool { return p.unfinished.Load() == most })
		return waits
	}
	a := &l.unfinished
	if l.guarded.bytes > a.bytes {
		a = &l.guarded
	}
	in := a.oldestLarge()
	if in == nil { // it was finished since it was told
		return nothing
	}
	l.dropUnfinished(in)
	return done
}

// dropUnfinished ends a connection for what it does not finish, and gives that back at once.
func (l *Loop) dropUnfinished(in *input) {
	c, n := in.conn, in.counted
	invariant.Reached("closed for the budget", c.peer)
	if d, ok := c.peer.(Debtor); ok && c.state == stateOpen {
		l.own(c, func() { d.Reclaimed(UnfinishedInput, n) })
	}
	l.Close(c)
	l.dropInput(c)
	l.Charge(c, 0)
}

// clearGuarded drops what guarded connections have not finished for too long, while they hold more than
// they may, and looks again soon.
func (l *Loop) clearGuarded() {
	b := &l.group.budget
	for range cutSlice {
		in := l.guarded.Oldest().Of()
		_, _, guarded := b.sum()
		if in == nil || guarded <= b.Guarded || guarded <= 2*b.Guarded && l.now-in.since < guardGrace {
			break
		}
		l.dropUnfinished(in)
		l.tell()
	}
	l.measure()
	switch {
	case !b.crowded.Load():
		l.guardAt = never
	case l.guardAt == never || l.now >= l.guardAt:
		l.guardAt = l.now + guardRetry
		l.wakeOthers(func(p *part) bool { return p.guarded.Load() > 0 })
	}
}

// acceptWaits reports whether nobody is accepted because guarded connections hold too much, and
// sees to it that accepting goes on when that is over.
func (l *Loop) acceptWaits() bool {
	if !l.group.budget.crowded.Load() {
		return false
	}
	l.acceptPending, l.acceptAt = false, l.now+guardRetry
	l.host.AcceptFailed(ErrCrowded)
	return true
}
