package loop

import (
	"time"

	"gnatsd-ev/internal/invariant"
)

// How connections end. A connection that is to close is put on a list; the end
// of the turn tears it down in slices, writes what it still owes, and closes
// the descriptor last: its number must not come back while the batch of events
// that names it is still being walked.

const (
	// teardownSlice is how many teardowns one turn goes on with, for turnTimeMax
	// at most: each may be a slice of its owner's.
	teardownSlice = 256

	// A peer that has not read our last word yet would lose it to a reset if we
	// closed over its unread input. So we say we are done, and read on a while.
	lingerBytes = 64 << 10
	lingerTime  = int64(time.Second)
)

// reap tears down the connections that closed in this turn, and goes on with
// those it did not finish before.
func (l *Loop) reap() {
	work := l.closing
	if len(work) == 0 {
		return
	}
	n := min(len(work), teardownSlice)
	kept := work[:0] // never ahead of the loop
	start := l.kernel.Now()
	for i, c := range work[:n] {
		if !c.peer.Teardown() {
			kept = append(kept, c)
		} else {
			c.torn = true
			l.toreDown(c)
		}
		if l.kernel.Now()-start > turnTimeMax {
			n = i + 1
			break
		}
	}
	l.closing = append(kept, work[n:]...)
	clear(work[len(l.closing):])
}

// toreDown goes on with a connection whose owner holds nothing more for it.
func (l *Loop) toreDown(c *Conn) {
	switch {
	case c.state == stateDead:
		l.doomed = append(l.doomed, c)
	case c.pending == 0:
		l.lastWordWritten(c)
	case !c.blocked:
		l.markDirty(c)
	}
}

// lastWordWritten runs when an ending connection owes nothing any more.
func (l *Loop) lastWordWritten(c *Conn) {
	if c.via != nil && l.farewell(c) {
		return
	}
	if c.eof || l.stopping || l.kernel.ShutdownWrite(int(c.fd)) != nil {
		l.Kill(c)
		return
	}
	c.state = stateLinger
	c.blockedMark = lingerBytes
	c.due = l.now + lingerTime // the owner wants no Tick any more
	l.schedule(c, c.due)
	l.linger(c)
}

// linger throws away input until the peer closes as well.
func (l *Loop) linger(c *Conn) {
	for c.blockedMark > 0 {
		n, err := l.kernel.Read(int(c.fd), l.readBuffer[:c.blockedMark])
		if again(err) {
			return
		}
		if err == errIntr {
			continue
		}
		if n == 0 || err != nil {
			break
		}
		c.blockedMark -= uint64(n)
	}
	l.Kill(c)
}

// closeDoomed gives descriptors back. Nothing in this turn may name them any more.
func (l *Loop) closeDoomed() {
	if len(l.doomed) == 0 {
		return
	}
	for i, c := range l.doomed {
		l.doomed[i] = nil
		l.dropOutput(c)
		l.Charge(c, 0)
		c.via = nil
		l.dropInput(c)
		l.unschedule(c)
		l.unlist(c)
		l.conns[c.fd] = nil
		l.kernel.Close(int(c.fd))
		l.open--
		l.connCount.Add(-1)
		c.state = stateFree
		if invariant.Enabled {
			invariant.Check(c.slowIndex == 0 && c.scheduled == 0 && c.in == nil && c.pending == 0 && c.head.block == nil && c.more == nil,
				"a closed connection is on a list or holds bytes")
		}
		l.own(c, c.peer.Closed)
	}
	l.doomed = l.doomed[:0]
	l.rewind() // a block of a large message that only they wanted
	l.balanceAgain()
	l.group.roomAgain()
}
