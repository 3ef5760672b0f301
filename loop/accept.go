package loop

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// Accepting. The listener is edge-triggered, so the backlog is emptied until it
// says so. An error ends nobody: it is reported, and accepting goes on at the
// next close of any descriptor, and after a tenth of a second at the latest,
// since no new edge comes for those who wait already.

// acceptSlice is how many connections one turn accepts: their greetings and the answers of
// others go out in one slice of the flush. More is better in a storm, where a backlog
// that overflows costs those who knock a second.
const acceptSlice = flushSlice * 3 / 4

// listener is one listening socket; it belongs to one loop.
type listener struct {
	fd      int
	addr    net.Addr
	with    any  // given to Host.Adopt with each connection
	pending bool // the backlog may hold connections
}

// wakeListener notes that a listener's backlog may hold connections.
func (l *Loop) wakeListener(fd int32) {
	for _, ln := range l.listeners {
		if ln.fd == int(fd) {
			ln.pending = true
			l.acceptPending = true
		}
	}
}

// acceptSome takes a slice of waiting connections.
func (l *Loop) acceptSome() {
	if l.now >= l.acceptAt {
		l.acceptAt = never
		for _, ln := range l.listeners {
			ln.pending, l.acceptPending = true, true
		}
	}
	if !l.acceptPending || l.acceptWaits() {
		return
	}
	l.acceptPending = false
	for _, ln := range l.listeners {
		if ln.pending {
			l.acceptFrom(ln)
		}
	}
}

func (l *Loop) acceptFrom(ln *listener) {
	for range acceptSlice {
		fd, remote, err := l.kernel.Accept(ln.fd)
		switch {
		case err == nil:
			l.group.place(l, fd, remote, ln.with)
		case again(err):
			ln.pending = false
			return
		case err == errIntr || err == unix.ECONNABORTED || err == unix.EPROTO:
			// The call or the connection failed, not the listener.
		default:
			ln.pending = false
			l.acceptAt = l.now + acceptRetry
			l.group.starved.Store(true)
			l.host.AcceptFailed(err)
			return
		}
	}
	l.acceptPending = true
}

// roomAgain runs after descriptors were closed: a loop whose accept failed
// tries again at once.
func (g *Group) roomAgain() {
	if !g.starved.Load() || !g.starved.CompareAndSwap(true, false) {
		return
	}
	for _, l := range g.loops {
		l.Do(func(l *Loop) {
			if len(l.listeners) > 0 {
				l.acceptAt = l.now
			}
		})
	}
}

// place gives an accepted connection to the loop that has the fewest.
func (g *Group) place(from *Loop, fd int, remote netip.AddrPort, with any) {
	target := g.emptiest()
	target.connCount.Add(1)
	if target == from {
		from.Adopt(fd, remote, with)
		return
	}
	if h := newHandover(fd, remote, with); !from.PostTo(target, &h.Letter, 1) {
		h.refused(target)
	}
}

// emptiest returns the loop with the fewest connections.
func (g *Group) emptiest() *Loop {
	best := g.loops[0]
	for _, l := range g.loops[1:] {
		if l.connCount.Load() < best.connCount.Load() {
			best = l
		}
	}
	return best
}

// Hand gives a connected, non-blocking socket to the loop with the fewest
// connections. Any goroutine.
func (g *Group) Hand(fd int, remote netip.AddrPort, with any) {
	g.HandTo(g.emptiest(), fd, remote, with)
}

// HandTo gives a connected, non-blocking socket to one loop; one that has ended
// closes it. Any goroutine.
func (g *Group) HandTo(target *Loop, fd int, remote netip.AddrPort, with any) {
	target.connCount.Add(1)
	if h := newHandover(fd, remote, with); !target.Post(&h.Letter) {
		h.refused(target)
	}
}

// handover is a socket on its way to the loop it will live on.
type handover struct {
	Letter
	fd     int
	remote netip.AddrPort
	with   any
}

var handovers = sync.Pool{New: func() any { return new(handover) }}

func newHandover(fd int, remote netip.AddrPort, with any) *handover {
	h := handovers.Get().(*handover)
	h.fd, h.remote, h.with = fd, remote, with
	h.Address(h)
	return h
}

// Deliver opens the connection on its home loop.
func (h *handover) Deliver(l *Loop) {
	if l.stopping {
		h.refused(l)
		return
	}
	fd, remote, with := h.fd, h.remote, h.with
	h.recycle()
	l.Adopt(fd, remote, with)
}

// refused closes the socket: the loop it was for takes no more. Any goroutine.
func (h *handover) refused(by *Loop) {
	by.kernel.Close(h.fd)
	by.connCount.Add(-1)
	h.recycle()
}

func (h *handover) recycle() {
	h.with = nil
	handovers.Put(h)
}
