package loop

import (
	"gnatsd-ev/internal/age"
	"gnatsd-ev/internal/invariant"
)

// Input. A visit reads once and lets the owner handle what came. What is left
// of an unfinished operation is kept by the connection; an idle connection
// keeps nothing.

const (
	// readSize is how much one visit reads: a connection that has more waits for
	// its next turn, and the others go first.
	readSize = 64 << 10

	// headRoom is how much kept input is put in front of the next read, so that
	// both are handled as one run of bytes.
	headRoom = 32 << 10

	// workMax is how much one visit may spend, in units of about ten
	// nanoseconds: one delivery. An operation counts ten.
	workMax = 20_000
)

// input is what a connection keeps of its unfinished input.
//
//	buf[:off]   handled
//	buf[off:]   not handled yet
//
// Invariant: 0 <= off < len(buf), or the connection has no input.
type input struct {
	buf  []byte
	off  int
	need int // length of the operation at off if known, else 0

	// While it is unfinished.
	conn    *Conn
	ages    *ages // where it is by age, nil when it is not
	age     age.Entry[input]
	since   int64 // when the operation began
	counted int   // what it counts there
}

// Spend counts work done for the present visit; see workMax.
func (l *Loop) Spend(units int) { l.spent += units }

// Spent is all work done so far, in the units of Spend; what is between two calls counts.
func (l *Loop) Spent() int { return l.spent }

// Exhausted reports whether the present visit has used up its share: the owner
// stops handling input and answers Again.
func (l *Loop) Exhausted() bool { return l.spent >= l.spentMax }

// visit handles what one connection has to say, up to its share.
func (l *Loop) visit(c *Conn) {
	if c.state != stateOpen {
		if c.state == stateLinger {
			l.linger(c)
		}
		return
	}
	if c.parked || l.quiet {
		return
	}
	if l.saving { // the budget is exceeded, but not for long
		l.enqueue(c)
		return
	}
	l.visiting = c
	l.spentMax = l.spent + workMax
	l.serve(c)
	l.visiting = nil
	if c.state == stateOpen && !c.parked && (c.ready || c.readable) {
		l.enqueue(c)
	}
}

// serve is a visit's work. If what the owner does for the connection panics, it ends here.
func (l *Loop) serve(c *Conn) {
	defer l.rescue(c, l.entered)
	if c.ready {
		l.handle(c, c.in.buf[c.in.off:], nil)
	} else if c.readable {
		l.read(c)
	}
}

// read takes what the socket has, once.
func (l *Loop) read(c *Conn) {
	if c.via != nil {
		l.readThrough(c)
		return
	}
	buf, kept := l.inputRoom(c)
	n := l.receive(c, buf[kept:])
	if n == 0 {
		return
	}
	l.lookAgain()
	if c.state != stateOpen { // something in the mailbox closed it
		return
	}
	l.handle(c, buf[:kept+n], buf)
}

// receive reads the socket once, into p, and returns how many bytes came. If none did, it has dealt with
// the reason.
func (l *Loop) receive(c *Conn, p []byte) int {
	n, err := l.kernel.Read(int(c.fd), p)
	for err == errIntr {
		n, err = l.kernel.Read(int(c.fd), p)
	}
	switch {
	case err != nil && again(err):
		// In front of an urgent byte Linux says so as well if a signal waits for the thread, and
		// more input may stand behind that byte: after such an edge it is believed the second time.
		c.readable, c.hangup = c.hangup, false
		return 0
	case err != nil:
		c.readable = false
		l.fail(c, err)
		return 0
	case n == 0:
		c.readable, c.eof = false, true
		l.own(c, func() { c.peer.Ended(nil) })
		l.Close(c)
		return 0
	}
	// A short read means drained, unless the edge carried an end as well.
	if n < len(p) && !c.hangup {
		c.readable = false
	}
	return n
}

// inputRoom returns where the next bytes go: the loop's own buffer, with what the
// connection kept in front of them, or, once much of a large operation is there, the
// connection's own buffer. buf[:kept] is kept input.
func (l *Loop) inputRoom(c *Conn) (buf []byte, kept int) {
	in, room := c.in, readSize
	if c.guarded {
		room = guardedRead
	}
	if in == nil {
		return l.readBuffer[headRoom : headRoom+room], 0
	}
	have := len(in.buf) - in.off
	if have <= headRoom {
		from := headRoom - have
		copy(l.readBuffer[from:], in.buf[in.off:])
		return l.readBuffer[from : headRoom+room], have
	}
	if in.off > 0 {
		in.buf = in.buf[:copy(in.buf, in.buf[in.off:])]
		in.off = 0
	}
	if in.need > 0 {
		room = min(room, in.need-have)
	}
	// An announced payload is never allocated before it arrives: the buffer holds
	// at most four times what is there, since that is more than headRoom.
	if cap(in.buf)-have < room {
		want := max(2*have, have+room)
		if in.need > 0 {
			want = min(want, in.need)
		}
		grown := append(grabBytes(want), in.buf...)
		l.inputBytes += cap(grown) - cap(in.buf)
		l.returnBytes(in.buf)
		in.buf = grown
	}
	return in.buf[:have+room], have
}

// handle gives b to the owner and keeps what it leaves. b is buf's beginning, or
// the connection's kept input when buf is nil.
func (l *Loop) handle(c *Conn, b, buf []byte) {
	was := l.alone()
	n, need := c.peer.Receive(b)
	l.back(was)
	if invariant.Enabled {
		invariant.Check(n >= 0 && n <= len(b), "Receive took %d of %d bytes", n, len(b))
	}
	c.ready = need == Again
	rest := b[n:]
	if c.state != stateOpen || len(rest) == 0 {
		c.ready = false
		l.dropInput(c)
		return
	}
	in := c.in
	switch {
	case in != nil && len(in.buf) > 0 && &b[0] == &in.buf[in.off]: // handled in place
		in.buf = in.buf[:in.off+len(b)]
		in.off += n
	default:
		l.keep(c, rest)
		in = c.in
	}
	in.need = max(need, 0)
	l.age(c, n > 0)
}

// keep copies unhandled input out of the loop's buffer.
func (l *Loop) keep(c *Conn, rest []byte) {
	in := c.in
	if in == nil {
		in = l.takeInput()
		c.in = in
	}
	if cap(in.buf) < len(rest) {
		l.inputBytes -= cap(in.buf)
		l.returnBytes(in.buf)
		in.buf = grabInput(len(rest))
		l.inputBytes += cap(in.buf)
	}
	in.buf = append(in.buf[:0], rest...)
	in.off = 0
}

// dropInput forgets what the connection kept.
func (l *Loop) dropInput(c *Conn) {
	if c.in == nil {
		return
	}
	in := c.in
	l.recount(in, 0)
	l.inputBytes -= cap(in.buf)
	in.off, in.need = 0, 0
	if cap(in.buf) < smallInput {
		in.buf = in.buf[:0] // a busy connection's next read ends in mid-operation as well
	} else {
		l.returnBytes(in.buf)
		in.buf = nil
	}
	if len(l.inputs) < inputsMax {
		l.inputs = append(l.inputs, in)
	}
	c.in = nil
	c.ready = false
}

const inputsMax = 256 // emptied input records a loop keeps, each with less than 4 KB

func (l *Loop) takeInput() *input {
	if n := len(l.inputs); n > 0 {
		in := l.inputs[n-1]
		l.inputs = l.inputs[:n-1]
		l.inputBytes += cap(in.buf)
		return in
	}
	return &input{}
}

// grabInput returns an empty slice for n kept bytes: close to n when small, since
// most kept input is a piece of a control line, from the pools otherwise.
func grabInput(n int) []byte {
	if n < smallInput {
		return make([]byte, 0, (n+inputGrain-1)&^(inputGrain-1))
	}
	return grabBytes(n)
}

const (
	inputGrain = 64
	smallInput = 4 << 10
)

// Park stops visits to the connection until Unpark, for at most d nanoseconds if
// d is positive: that is how a publisher is slowed down. Input already
// read is kept. Home loop only.
func (l *Loop) Park(c *Conn, d int64) {
	l.Enter()
	c.parked, c.parkedTill = true, 0
	if d > 0 {
		c.parkedTill = l.now + d
		l.delay(c, c.parkedTill)
	}
	l.Leave()
}

// Unpark lets the connection be visited again.
func (l *Loop) Unpark(c *Conn) {
	if !c.parked {
		return
	}
	c.parked = false
	if c.state == stateOpen && (c.ready || c.readable) {
		l.enqueue(c)
	}
}

// Parked reports whether the connection waits for Unpark.
func (c *Conn) Parked() bool { return c.parked }

// enqueue puts the connection at the end of the run queue.
func (l *Loop) enqueue(c *Conn) {
	if !c.queued {
		c.queued = true
		l.runQueue = append(l.runQueue, c)
	}
}
