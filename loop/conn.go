package loop

import "net/netip"

// A Conn is one connected socket. It is opened, lives and closes on one loop
// and never moves. Its owner embeds it in a record of its own, so that both
// are one object.
//
// Home loop only, all of it: no other goroutine may read a field.
type Conn struct {
	// What a fan-out touches, within one cache line.
	head    segment  // the oldest pending piece
	more    *backlog // the pieces behind it, nil when there are none
	pending int      // bytes handed to Send and not yet written
	fd      int32
	gen     uint32 // which opening of the descriptor's number this is
	state   connState
	dirty   bool // on a list of connections to flush
	blocked bool // the socket took less than it was offered: wait for Writable

	// Input.
	readable bool // an edge said so and no read has found the end since
	hangup   bool // an edge carried more than plain data: read to the end
	eof      bool // the peer has sent its last byte
	queued   bool // in the run queue
	parked   bool // not visited until unparked; see Park
	ready    bool // kept input can be handled without another read
	torn     bool // Teardown is done
	guarded  bool // nobody knows yet who it is; see Guard

	slowIndex int32 // place in the loop's list of blocked connections plus one
	in        *input

	// Output accounting.
	written     uint64 // bytes the socket took since the connection opened
	progressAt  int64  // when the socket last took bytes
	blockedAt   int64  // when the socket first refused bytes of the present backlog
	blockedMark uint64 // written must reach this for that backlog to be gone; lingering, what is still read and thrown away

	// Time.
	due        int64 // when the owner wants Tick, 0 when never
	parkedTill int64 // when the loop unparks by itself, 0 when never
	scheduled  int64 // when the wheel will look at this connection, 0 when it is not on it
	prev, next *Conn // neighbours in a slot of the wheel

	peer Peer
	via  *layered // nil when the owner's bytes are the socket's
}

// A Peer is the owner's side of a connection. All methods run on the home loop.
type Peer interface {
	// Opened says that the connection is registered and may be sent to.
	Opened()
	// Receive handles the whole operations at the head of b and returns how many
	// bytes they were. b is valid until it returns. need says what is missing
	// for the next one: Again when handling stopped before the end of what is
	// whole (the work of this visit is spent, or the connection was parked),
	// 0 when more bytes are wanted and nobody knows how many, otherwise the
	// length the next operation will have in total.
	Receive(b []byte) (n int, need int)
	// Ended says that no more input comes: err is nil at the end of file, or
	// what the socket said. The connection is closing already.
	Ended(err error)
	// Tick runs when the time given to WakeAt has come.
	Tick(now int64)
	// Overdue says that bytes pending at the first refusal were not taken within the
	// write deadline. The owner is expected to close the connection.
	Overdue()
	// Teardown gives back what the connection holds elsewhere, in slices: it
	// returns false to be called again in a later turn.
	Teardown() bool
	// Closed is the last call: the descriptor is gone and the record may be
	// used again.
	Closed()
}

// Again is Receive's answer when whole operations were left unhandled.
const Again = -1

type connState uint8

const (
	stateFree   connState = iota // no socket
	stateOpen                    // reads and writes
	stateEnding                  // reads no more; what is pending is still written
	stateLinger                  // shut down for writing; input is thrown away
	stateDead                    // nothing more is written; closed at the end of the turn
)

// A Handle names one opening of one connection of one loop. It may cross to
// other goroutines, and stays harmless after the connection has gone.
type Handle struct {
	Slot, Generation uint32
}

// Handle returns the connection's name.
func (c *Conn) Handle() Handle { return Handle{Slot: uint32(c.fd), Generation: c.gen} }

// Pending is how many bytes wait to be written.
func (c *Conn) Pending() int { return c.pending }

// Written is how many bytes the socket took since the connection opened.
func (c *Conn) Written() uint64 { return c.written }

// Progress is the loop time at which the socket last took bytes or began to
// refuse them.
func (c *Conn) Progress() int64 { return c.progressAt }

// Peer is the owner's side of the connection.
func (c *Conn) Peer() Peer { return c.peer }

// Open reports whether the connection still reads and may be sent to.
func (c *Conn) Open() bool { return c.state == stateOpen }

// Blocked reports whether the socket refused bytes and has not taken more since.
func (c *Conn) Blocked() bool { return c.blocked }

// Lookup returns the connection h names if it is still that one, else nil.
// Home loop only.
func (l *Loop) Lookup(h Handle) *Conn {
	if int(h.Slot) >= len(l.conns) {
		return nil
	}
	c := l.conns[h.Slot]
	if c == nil || c.gen != h.Generation {
		return nil
	}
	return c
}

// Adopt takes a connected, non-blocking socket: host gives the record, the
// poller learns of the descriptor. Home loop only; see Group.Hand for others.
func (l *Loop) Adopt(fd int, remote netip.AddrPort, with any) {
	c, peer := l.host.Adopt(fd, remote, with)
	if c == nil {
		l.kernel.Close(fd)
		l.connCount.Add(-1)
		return
	}
	for fd >= len(l.conns) {
		l.conns = append(l.conns, make([]*Conn, max(64, len(l.conns)))...)
	}
	l.generation++
	*c = Conn{fd: int32(fd), gen: l.generation, state: stateOpen, peer: peer}
	l.conns[fd] = c
	l.open++
	l.opened++
	if err := l.poller.Add(fd); err != nil {
		l.fail(c, err)
		return
	}
	l.own(c, peer.Opened)
}

// Close ends the connection after what is pending has been written: the owner
// sends a last word and then calls it. Input is not read any more.
func (l *Loop) Close(c *Conn) {
	if c.state != stateOpen {
		return
	}
	l.Enter()
	c.state = stateEnding
	l.closing = append(l.closing, c)
	l.Leave()
}

// Kill ends the connection at once; what is pending is dropped.
func (l *Loop) Kill(c *Conn) {
	l.Enter()
	switch c.state {
	case stateOpen:
		c.state = stateDead
		l.closing = append(l.closing, c)
	case stateEnding, stateLinger:
		c.state = stateDead
		if c.torn {
			l.doomed = append(l.doomed, c)
		}
	}
	l.Leave()
}

// fail ends the connection because its socket did.
func (l *Loop) fail(c *Conn, err error) {
	open := c.state == stateOpen
	l.Kill(c)
	if open {
		l.own(c, func() { c.peer.Ended(err) })
	}
}
