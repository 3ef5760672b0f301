//go:build invariants

package broker

import (
	"syscall"

	"gnatsd-ev/loop"
)

// simSocket is one connection between a broker and a client of a simulation.
type simSocket struct {
	*sim
	fd      int
	home    *simPoller
	session *Session // as the broker knows it, once it has been added
	owner   *simConn

	in     []byte // on its way to the broker
	end    bool   // the client has sent its last byte
	err    error  // what every call says since the connection broke
	room   int    // what the socket still takes
	unread int    // what the client has not taken
	full   bool   // it took less than it was offered: an edge is due when it takes more
	okAt   int64  // when it last took all it was offered
	shut   bool   // the broker has ended its half
	closed bool   // the broker has closed it

	behind behindness
}

// happen tells the poller. An end, once there, shows in every event.
func (c *simSocket) happen(what loop.Happening) {
	if c.end || c.err != nil {
		what |= loop.Readable | loop.Hangup
	}
	if c.home != nil && !c.closed {
		c.home.happen(c.fd, what)
	}
}

// gone notes that the connection breaks through no fault of the broker's.
func (c *simSocket) gone(why string) {
	c.owner.excuse(why)
	c.err = syscall.ECONNRESET
}

// reset is what a client that vanishes with a bang does: what was on its way is lost.
func (c *simSocket) reset() {
	c.gone("reset")
	c.in = nil
	c.happen(loop.Readable | loop.Writable | loop.Hangup)
}

func (c *simSocket) read(p []byte) (int, error) {
	switch err := c.fault(syscall.EINTR, syscall.EAGAIN, syscall.EAGAIN, syscall.ECONNRESET); err {
	case nil:
	case syscall.EAGAIN: // what is there is announced again
		c.happen(loop.Readable)
		return 0, err
	case syscall.ECONNRESET:
		c.gone("a read failed")
		return 0, err
	default:
		return 0, err
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case len(c.in) > 0:
		n := min(len(p), len(c.in))
		if !c.end {
			if cut := c.cut(n); cut < n { // the rest comes as an edge of its own
				n = cut
				c.happen(loop.Readable)
			}
		}
		copy(p, c.in[:n])
		c.in = c.in[n:]
		return n, nil
	case c.end:
		return 0, nil
	}
	return 0, syscall.EAGAIN
}

func (c *simSocket) write(bufs [][]byte) (int, error) {
	if c.shut {
		c.fail("write on descriptor %d after its half was ended", c.fd)
		return 0, syscall.EPIPE
	}
	switch err := c.fault(syscall.EINTR, syscall.EAGAIN, syscall.ENOBUFS, syscall.EPIPE); err {
	case nil:
	case syscall.EAGAIN, syscall.ENOBUFS:
		c.full = err == syscall.EAGAIN
		c.wrote(0, 1)
		return 0, err
	case syscall.EPIPE:
		c.gone("a write failed")
		return 0, err
	default:
		return 0, err
	}
	if c.err != nil {
		return 0, syscall.EPIPE
	}
	offered := 0
	for _, b := range bufs {
		offered += len(b)
	}
	n := min(offered, c.room)
	n = min(n, c.cut(n))
	c.room -= n
	c.unread += n
	c.wrote(n, offered)
	if n > 0 {
		c.moved = c.turns
	}
	c.full = n < offered
	if !c.full {
		c.okAt = c.clock
	}
	for left := n; left > 0; bufs = bufs[1:] {
		b := bufs[0][:min(left, len(bufs[0]))]
		left -= len(b)
		c.owner.hear(b)
	}
	if n == 0 && offered > 0 {
		return 0, syscall.EAGAIN
	}
	return n, nil
}

// busy reports whether the network has something to do for the socket.
func (c *simSocket) busy() bool {
	return !c.closed && c.err == nil && (c.full && c.room > 0 || c.unread > 0 && c.owner.reads())
}

// carry does it: the client takes what there is, or the socket has room again.
func (c *simSocket) carry() {
	if c.unread > 0 && c.owner.reads() {
		n := 1 + c.dice.n(c.unread)
		if c.settled {
			n = c.unread
		}
		c.unread -= n
		c.room += n
	}
	if c.full && c.room > 0 {
		c.full = false
		c.happen(loop.Writable)
	}
}
