package loop

import (
	"bytes"
	"runtime"

	"gnatsd-ev/internal/invariant"
)

// Panics. What an owner does for one connection alone may go wrong: the connection is
// closed and nobody else notices. But a panic while something changes that others rely on
// leaves it half done, and nobody can say what would be delivered to whom from then
// on: the process ends.
//
// So a loop knows at any time which it is. It is always in a stretch that others
// rely on, but for the calls to a Peer that alone announces; there, owners say with
// Enter and Leave where such a stretch begins and ends.

// A Panic is what was caught, and where.
type Panic struct {
	Value any
	Stack []byte // from the panic on, at most stackMax bytes
}

// stackMax bounds the stack that is reported: the innermost thirty frames or so.
const stackMax = 4 << 10

// Enter says that what follows, until Leave, changes what other connections rely on: a
// panic in between ends the process. Stretches may nest. Home loop only.
func (l *Loop) Enter() { l.entered++ }

// Leave ends what Enter began.
func (l *Loop) Leave() { l.entered-- }

// AssertEntered panics, under the invariants tag, where an owner that survives panics has
// forgotten Enter.
func (l *Loop) AssertEntered() {
	if invariant.Enabled && l.group.config.Panicked != nil {
		invariant.Check(l.entered > 0, "what others rely on changes outside Enter and Leave")
	}
}

// alone says that what follows is one connection's own; what it returns is for back.
func (l *Loop) alone() (was int) {
	was, l.entered = l.entered, 0
	return was
}

// back ends what alone began.
func (l *Loop) back(was int) {
	if invariant.Enabled {
		invariant.Check(l.entered == 0, "%d more calls of Enter than of Leave", l.entered)
	}
	l.entered = was
}

// own makes a call to the connection's owner that is the connection's own.
func (l *Loop) own(c *Conn, call func()) {
	defer l.rescue(c, l.entered)
	was := l.alone()
	call()
	l.back(was)
}

// rescue is deferred by whoever calls a Peer: a panic that was the connection's own ends
// there, and any other with the process.
func (l *Loop) rescue(c *Conn, was int) {
	if l.group.config.Panicked == nil {
		return
	}
	v := recover()
	if v == nil {
		return
	}
	p := Panic{Value: v, Stack: stackOfPanic()}
	if _, ours := v.(invariant.Broken); ours || l.entered > 0 {
		l.broken(p)
	}
	l.entered = was // a panic in what follows is everybody's
	l.Broke(c, p)
}

// Broke ends a connection because what its owner did for it alone beside the loop has panicked. Home loop only.
func (l *Loop) Broke(c *Conn, p Panic) {
	l.group.panics.Add(1)
	l.Close(c)
	if l.group.config.Panicked != nil {
		l.group.config.Panicked(l, c.peer, p)
	}
}

// lastResort is deferred by the loop's main function.
func (l *Loop) lastResort() {
	if l.group.config.Broken == nil || l.told {
		return
	}
	if v := recover(); v != nil {
		l.broken(Panic{Value: v, Stack: stackOfPanic()})
	}
}

// broken ends the process, if the owner of the group does. Nothing leaves any loop
// from now on.
func (l *Loop) broken(p Panic) {
	l.group.halted.Store(true)
	if l.group.config.Broken != nil {
		l.told = true
		l.group.config.Broken(l, p)
	}
	panic(p.Value)
}

// halt keeps the calling loop from writing anything more: another is ending the process.
func (g *Group) halt() { <-g.resume }

// Panics is how many connections were closed because of a panic. Any goroutine.
func (g *Group) Panics() uint64 { return g.panics.Load() }

// stackOfPanic returns the stack of the panic that is being handled, without the handlers.
func stackOfPanic() []byte {
	buf := make([]byte, 4*stackMax)
	buf = buf[:runtime.Stack(buf, false)]
	if i := bytes.LastIndex(buf, []byte("\npanic(")); i >= 0 {
		buf = buf[i+1:]
	}
	return buf[:min(len(buf), stackMax)]
}
