package loop

import (
	"time"

	"gnatsd-ev/internal/invariant"
)

// Output. Send only records which bytes a connection is owed; flush writes
// them, in batches, at the end of a turn.

// A segment is a piece of a block that one connection has to write.
type segment struct {
	block    *Block
	from, to uint32
}

// backlog is the pieces of a connection behind its first one, oldest first.
type backlog struct {
	segs []segment
	head int // segs[:head] are written

	since   int64  // when it began
	written uint64 // what the socket had taken then, since the connection opened
}

// Send hands s to the connection: it will be written after all that was sent
// before. It never writes, closes or calls back. Home loop only.
func (l *Loop) Send(c *Conn, s Span) {
	l.AssertEntered()
	if c.state > stateEnding || c.torn {
		return
	}
	s.block.wanted += s.Len()
	l.wanted += s.Len()
	l.push(c, s)
}

// push appends the span's bytes to what c is owed; the caller counts wanted.
func (l *Loop) push(c *Conn, s Span) {
	c.pending += s.Len()
	l.owed += s.Len()
	if c.head.block == nil {
		s.block.refs++
		c.head = segment(s)
	} else if c.more == nil && c.head.block == s.block && c.head.to == s.from {
		c.head.to = s.to
	} else {
		l.pushMore(c, s)
	}
	if !c.dirty && !c.blocked {
		l.markDirty(c)
	} else if c == l.visiting {
		l.answered = true
	}
}

// pushMore is push for a connection with more than one piece.
func (l *Loop) pushMore(c *Conn, s Span) {
	if c.more == nil {
		c.more = l.takeBacklog()
		c.more.since, c.more.written = l.now, c.written
	}
	segs := c.more.segs
	if n := len(segs); n > c.more.head && segs[n-1].block == s.block && segs[n-1].to == s.from {
		segs[n-1].to = s.to
		return
	}
	s.block.refs++
	if len(segs) == cap(segs) && c.more.head > len(segs)/2 {
		n := copy(segs, segs[c.more.head:])
		clear(segs[n:])
		segs, c.more.head = segs[:n], 0
	}
	c.more.segs = append(segs, segment(s))
	if len(segs) == cap(segs) {
		l.counts.pieces += cap(c.more.segs) - cap(segs)
	}
}

// Fanout is Send to many connections of this loop at once, followed by body if it
// is not empty. It returns how many took it, and those that now have more than softMax bytes
// pending; the slice is valid until the next call.
func (l *Loop) Fanout(conns []*Conn, s, body Span, softMax int) (sent int, over []*Conn) {
	l.AssertEntered()
	over = l.over[:0]
	b, n := s.block, s.Len()
	for _, c := range conns {
		if c.state != stateOpen {
			continue
		}
		sent++
		c.pending += n
		if c.more == nil && c.head.block == b && c.head.to == s.from {
			c.head.to = s.to
		} else if c.head.block == nil {
			b.refs++
			c.head = segment(s)
		} else {
			l.pushMore(c, s)
		}
		if !c.dirty && !c.blocked {
			l.markDirty(c)
		}
		if body.block != nil {
			l.push(c, body)
		}
		if c.pending > softMax {
			over = append(over, c)
		}
	}
	b.wanted += n * sent
	l.wanted += n * sent
	l.owed += n * sent
	if body.block != nil {
		body.block.wanted += body.Len() * sent
		l.wanted += body.Len() * sent
	}
	l.spent += len(conns)
	l.over = over
	return sent, over
}

// markDirty lists the connection for the next flush. Answers to a connection's own requests
// go before what others sent: a PONG must not queue behind a broadcast.
func (l *Loop) markDirty(c *Conn) {
	c.dirty = true
	if c == l.visiting {
		l.expressList = append(l.expressList, c)
		return
	}
	l.dirtyList = append(l.dirtyList, c)
}

const (
	flushSlice     = 256                           // connections written to before the sockets are looked at again
	flushSliceTime = int64(300 * time.Microsecond) // and how long at most
	flushLookEvery = 8                             // connections between two looks at the clock
	flushCallsMax  = 16                            // writes to one connection: a long backlog is a slice of its own
)

// A round is one pass over the list of dirty connections. Others are listed while it
// lasts, so on a busy loop the list may never be empty; but when a round is
// over, all that was encoded before it began has been offered to its sockets.
type round struct {
	end       int // dirtyList[flushed:end] are left of it
	unflushed int // the loop's count of that name when it began
	owed      int // and of that
}

// nextRound takes what the present round has dealt with off the counts, and begins one
// with those listed meanwhile.
func (l *Loop) nextRound() {
	l.unflushed -= l.round.unflushed
	l.owed -= l.round.owed
	n := copy(l.dirtyList, l.dirtyList[l.flushed:])
	clear(l.dirtyList[n:])
	l.dirtyList, l.flushed = l.dirtyList[:n], 0
	l.round = round{end: n, unflushed: l.unflushed, owed: l.owed}
}

// flush writes to the connections that are owed something: all that were
// answered in this turn, then a slice of the rest. It reports whether some are left.
func (l *Loop) flush() (left bool) {
	if l.flushed == l.round.end {
		l.nextRound()
	}
	for i, c := range l.expressList {
		l.expressList[i] = nil
		l.flushListed(c)
	}
	l.expressList, l.answered = l.expressList[:0], false

	until := l.kernel.Now() + flushSliceTime
	for done := 0; l.flushed < l.round.end; {
		if done >= flushSlice || done > 0 && l.kernel.Now() > until {
			return true
		}
		done += l.flushSome()
	}
	// A write that failed has told the owner, and that may have sent to others:
	// they are listed behind, and wait for a turn that commits before it writes.
	l.nextRound()
	l.heard = false
	return len(l.dirtyList) > 0
}

// flushSome writes to as many connections of the round as fit between two looks at the
// clock, and returns how many that were.
func (l *Loop) flushSome() int {
	n := min(l.round.end-l.flushed, flushLookEvery)
	together := l.batch != nil && !l.borrowed && l.round.end-l.flushed >= batchMin
	if together {
		n = min(l.round.end-l.flushed, batchMax)
	}
	list := l.dirtyList[l.flushed : l.flushed+n]
	l.flushed += n
	if together {
		l.flushTogether(list)
		return n
	}
	for i, c := range list {
		list[i] = nil
		l.flushListed(c)
	}
	return n
}

func (l *Loop) flushListed(c *Conn) {
	if c == nil || !c.dirty {
		return
	}
	c.dirty = false
	l.flushConn(c)
}

// flushConn writes what the socket takes. If a reader takes a long backlog as fast
// as it is written, the rest waits until others have had their turn.
func (l *Loop) flushConn(c *Conn) {
	for calls := 0; c.pending > 0 && c.state <= stateEnding; calls++ {
		if calls == flushCallsMax {
			l.markDirty(c)
			return
		}
		if c.via != nil {
			if err := l.sealNext(c); err != nil {
				l.fail(c, err)
				return
			}
		}
		offered, n, err := l.write(c)
		if !l.took(c, offered, n, err) {
			return
		}
	}
	if c.pending == 0 {
		l.unblock(c)
		if c.state == stateEnding && c.torn {
			l.lastWordWritten(c)
		}
	}
}

// took notes what came of offering bytes to the socket, and reports whether it may take more.
func (l *Loop) took(c *Conn, offered, n int, err error) (more bool) {
	invariant.Reached("write", l)
	if err == errIntr {
		return true
	}
	if err != nil && !again(err) && err != errNoBuffers {
		l.fail(c, err)
		return false
	}
	l.wrote(c, n)
	if n < offered {
		l.block(c, err == errNoBuffers)
		return false
	}
	return true
}

// write offers the oldest pieces to the socket.
func (l *Loop) write(c *Conn) (offered, n int, err error) {
	bufs, offered := l.pieces(c)
	if len(bufs) == 1 {
		n, err = l.kernel.Write(int(c.fd), bufs[0])
	} else {
		n, err = l.kernel.Writev(int(c.fd), bufs)
	}
	clear(bufs)
	return offered, n, err
}

// pieces are the oldest bytes the connection is owed, as the socket wants them and as many pieces as one write
// takes; the slice ends with the next call.
func (l *Loop) pieces(c *Conn) (bufs [][]byte, total int) {
	if c.via != nil {
		return l.framed(c)
	}
	return l.segments(c)
}

// segments are those bytes in the owner's form.
func (l *Loop) segments(c *Conn) (bufs [][]byte, total int) {
	bufs = append(l.iov[:0], c.head.block.buf[c.head.from:c.head.to])
	total = len(bufs[0])
	if c.more == nil {
		return bufs, total
	}
	for _, s := range c.more.segs[c.more.head:] {
		if len(bufs) == iovecsMax {
			break
		}
		b := s.block.buf[s.from:s.to]
		bufs = append(bufs, b)
		total += len(b)
	}
	return bufs, total
}

// wrote takes n written bytes off what the connection is owed.
func (l *Loop) wrote(c *Conn, n int) {
	if c.via != nil {
		n = l.wroteFramed(c, n)
	}
	c.pending -= n
	l.wanted -= n
	c.written += uint64(n)
	l.way.written += n
	if n > 0 {
		c.progressAt = l.now
	}
	for n > 0 {
		s := &c.head
		size := int(s.to - s.from)
		if n < size {
			s.from += uint32(n)
			s.block.wanted -= n
			return
		}
		n -= size
		s.block.wanted -= size
		l.unref(s.block)
		c.shift()
		if c.more != nil && c.more.head == len(c.more.segs) {
			l.returnBacklog(c.more)
			c.more = nil
		}
	}
}

// shift makes the next piece the first.
func (c *Conn) shift() {
	if c.more == nil {
		c.head = segment{}
		return
	}
	m := c.more
	c.head = m.segs[m.head]
	m.segs[m.head] = segment{}
	m.head++
}

// block notes that the socket is full. The write deadline runs for what is
// pending now, not for progress: a reader that drips bytes is cut too.
func (l *Loop) block(c *Conn, noEdge bool) {
	if noEdge { // the system was out of memory, not the socket: no edge will come
		l.retryWrite(c)
	} else if !c.blocked {
		c.blocked = true
		c.progressAt = l.now
	}
	if c.blockedAt == 0 || c.written >= c.blockedMark {
		c.blockedAt = l.now
		c.blockedMark = c.written + uint64(c.pending)
		l.schedule(c, l.now+l.writeDeadline)
	}
	l.list(c)
}

// unblock notes that nothing is pending any more.
func (l *Loop) unblock(c *Conn) {
	c.blocked = false
	c.blockedAt = 0
	l.unlist(c)
}

// dropOutput forgets what the connection is still owed.
func (l *Loop) dropOutput(c *Conn) {
	l.dropSegments(c)
	if c.via != nil {
		l.dropFramed(c)
	}
}

// dropSegments forgets what its owner has sent.
func (l *Loop) dropSegments(c *Conn) {
	for c.head.block != nil {
		size := int(c.head.to - c.head.from)
		c.pending -= size
		l.wanted -= size
		c.head.block.wanted -= size
		l.unref(c.head.block)
		c.shift()
		if c.more != nil && c.more.head == len(c.more.segs) {
			l.returnBacklog(c.more)
			c.more = nil
		}
	}
}

// A loop keeps emptied backlogs for the next flush: a publisher to a thousand
// subjects needs as many at once, two subscribers taking turns need long ones.
const (
	backlogPiecesMax = 64 << 10 // pieces all kept backlogs have room for: a megabyte
	backlogKeepMax   = 1 << 10  // pieces a kept one has room for
	backlogFirst     = 4        // pieces a new one has room for
)

func (l *Loop) takeBacklog() *backlog {
	if n := len(l.backlogs); n > 0 {
		b := l.backlogs[n-1]
		l.backlogs = l.backlogs[:n-1]
		l.backlogPieces -= cap(b.segs)
		l.counts.pieces += cap(b.segs)
		return b
	}
	l.counts.pieces += backlogFirst
	return &backlog{segs: make([]segment, 0, backlogFirst)}
}

func (l *Loop) returnBacklog(b *backlog) {
	l.counts.pieces -= cap(b.segs)
	if cap(b.segs) <= backlogKeepMax && l.backlogPieces+cap(b.segs) <= backlogPiecesMax {
		b.segs, b.head = b.segs[:0], 0
		l.backlogPieces += cap(b.segs)
		l.backlogs = append(l.backlogs, b)
	}
}
