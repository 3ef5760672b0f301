package loop

import "time"

// Slow readers. When a socket takes no more, the segments stay where they are:
// sharing is cheapest exactly when many are slow. But one slow reader that wants
// a hundred bytes of a block keeps all of it. So when the blocks held by slow
// readers pass a bound, the oldest of those that are mostly unwanted are
// emptied: the bytes still wanted move to fresh blocks, close together.
//
// Bound: what is held never exceeds heldMax plus twice the bytes still wanted,
// counted once for all who share them.

const (
	// compactBatch is how much one run empties at most.
	compactBatch = 8 << 20

	// compactStep is how much more must be held, or how much less wanted, before
	// another run is tried.
	compactStep = 1 << 20
)

// list notes that the connection is blocked.
func (l *Loop) list(c *Conn) {
	if c.slowIndex == 0 {
		l.slow = append(l.slow, c)
		c.slowIndex = int32(len(l.slow))
	}
}

// unlist takes the connection off the list of blocked ones.
func (l *Loop) unlist(c *Conn) {
	if c.slowIndex == 0 {
		return
	}
	last := l.slow[len(l.slow)-1]
	l.slow[c.slowIndex-1] = last
	last.slowIndex = c.slowIndex
	l.slow[len(l.slow)-1] = nil
	l.slow = l.slow[:len(l.slow)-1]
	c.slowIndex = 0
}

// hopelessAfter is how long a reader is watched before it is judged.
const hopelessAfter = int64(20 * time.Millisecond)

// Hopeless reports whether c, at the speed at which it has read since it fell behind, would still owe us some of
// its reading at the write deadline: whoever waits for it waits in vain.
func (l *Loop) Hopeless(c *Conn) bool {
	b := c.more
	if b == nil || l.now-b.since < hopelessAfter {
		return false
	}
	return float64(c.pending)*float64(l.now-b.since) > float64(c.written-b.written)*float64(l.writeDeadline)
}

// compactDue reports whether compact may find something to empty. Readers that
// take what they want leave blocks behind of which others want little, so
// it is not enough to look when more is held.
func (l *Loop) compactDue() bool {
	return l.heldBytes > l.group.config.HeldMax && (l.heldBytes > l.compactAt || l.wanted < l.compactLow)
}

// compact empties held blocks of which less than half is wanted.
func (l *Loop) compact() {
	found, before := 0, l.heldBytes
	for e := l.sealed.Oldest(); e != nil && found < compactBatch; e = e.Newer() {
		if b := e.Of(); b.wanted*2 <= cap(b.buf) {
			b.victim = true
			found += cap(b.buf)
		}
	}
	if found > 0 {
		for _, c := range l.slow {
			l.moveOut(c)
		}
		for e := l.sealed.Oldest(); e != nil; e = e.Newer() { // those that others than the slow hold
			e.Of().victim = false
		}
	}
	l.compactAt, l.compactLow = l.heldBytes+compactStep, l.wanted-compactStep
	if found >= compactBatch && l.heldBytes < before { // there are more, and it helps
		l.compactAt = 0
	}
}

// moveOut copies what the connection wants of victims to the current block.
func (l *Loop) moveOut(c *Conn) {
	if c.head.block != nil && c.head.block.victim {
		c.head = l.moveSegment(c.head)
	}
	if c.more == nil {
		return
	}
	segs := c.more.segs
	out := c.more.head
	for i := c.more.head; i < len(segs); i++ {
		s := segs[i]
		if s.block.victim {
			s = l.moveSegment(s)
			if out > c.more.head && segs[out-1].block == s.block && segs[out-1].to == s.from {
				segs[out-1].to = s.to
				l.unref(s.block)
				continue
			}
		}
		segs[out] = s
		out++
	}
	clear(segs[out:])
	c.more.segs = segs[:out]
}

// moveSegment copies one piece and returns where it is now.
func (l *Loop) moveSegment(s segment) segment {
	old := s.block
	bytes := old.buf[s.from:s.to]
	moved := l.Span(append(l.Tail(len(bytes)), bytes...))
	l.unflushed -= len(bytes)
	moved.block.refs++
	moved.block.wanted += len(bytes)
	old.wanted -= len(bytes)
	l.unref(old)
	return segment(moved)
}
