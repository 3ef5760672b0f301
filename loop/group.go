package loop

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// LoopsMax is how many loops a group may have: sets of loops are words of 64 bits.
const LoopsMax = 64

// A Config says how a group of loops runs.
type Config struct {
	Loops         int    // 1 to LoopsMax
	CPUs          []int  // processor of each loop's thread, nil to leave threads unpinned
	Kernel        Kernel // nil means System()
	WriteDeadline int64  // nanoseconds a socket may refuse the same bytes
	HeldMax       int    // bytes of blocks slow readers may hold before they are compacted, a loop
	Budget        Budget // what all loops may hold for others

	// NoBatch has connections written to one by one where the system could do many
	// in one call.
	NoBatch bool

	// Panicked says that a connection's own handling panicked; the connection is closing.
	// Without it every panic ends the process, as Go does.
	Panicked func(*Loop, Peer, Panic)
	// Broken says that a panic left unsure what others rely on. It ends the process and does
	// not return; without it Go does. Both run on the loop.
	Broken func(*Loop, Panic)
}

// A Group is a fixed set of loops that know one another.
type Group struct {
	config      Config
	loops       []*Loop
	budget      budget
	threads     []func()     // each waits for the end of a loop's thread
	loud        atomic.Int32 // loops that have not stopped reading, once all are told to
	started     bool
	stopping    sync.Once
	starved     atomic.Bool // an accept failed for want of room
	pinFailed   atomic.Pointer[error]
	batchFailed atomic.Pointer[error]
	halted      atomic.Bool   // a loop is broken: nothing leaves any more
	resume      chan struct{} // never closed, but by tests
	panics      atomic.Uint64
}

const (
	heldMaxDefault       = 32 << 20
	writeDeadlineDefault = int64(10 * time.Second)
)

// NewGroup opens the loops; nothing runs before Start. host is called once for
// each loop.
func NewGroup(c Config, host func(*Loop) Host) (*Group, error) {
	if c.Loops < 1 || c.Loops > LoopsMax {
		return nil, fmt.Errorf("loops: %d is not between 1 and %d", c.Loops, LoopsMax)
	}
	if c.Kernel == nil {
		c.Kernel = System()
	}
	if c.HeldMax == 0 {
		c.HeldMax = heldMaxDefault
	}
	if c.WriteDeadline == 0 {
		c.WriteDeadline = writeDeadlineDefault
	}
	g := &Group{config: c}
	g.budget.Budget, g.budget.parts = c.Budget, make([]part, c.Loops)
	for i := range g.budget.parts {
		g.budget.parts[i].worst.Store(notRanked)
	}
	for id := range c.Loops {
		l, err := newLoop(g, id)
		if err != nil {
			g.Abandon()
			return nil, fmt.Errorf("open loop %d: %w", id, err)
		}
		g.loops = append(g.loops, l)
	}
	for _, l := range g.loops {
		l.host = host(l)
	}
	return g, nil
}

// Abandon closes a group that was never started.
func (g *Group) Abandon() {
	for _, l := range g.loops {
		l.shut()
	}
}

// Loops returns the loops. Any goroutine; the slice must not be changed.
func (g *Group) Loops() []*Loop { return g.loops }

// Start runs the loops, each on a thread of its own that ends with Stop. It
// returns when each has its thread. Where GOMAXPROCS is two more than all loops of
// the process, they keep their processors while they wait briefly. After an error nothing runs.
func (g *Group) Start() error {
	for _, l := range g.loops {
		for _, ln := range l.listeners {
			if err := l.poller.AddListener(ln.fd); err != nil {
				return fmt.Errorf("watch listener %s: %w", ln.addr, err)
			}
		}
	}
	g.started = true
	countLoops(len(g.loops))
	var ready sync.WaitGroup
	ready.Add(len(g.loops))
	for i, l := range g.loops {
		cpu := -1
		if len(g.config.CPUs) > 0 {
			cpu = g.config.CPUs[i%len(g.config.CPUs)]
		}
		g.threads = append(g.threads, g.config.Kernel.Go(func() { l.main(cpu, ready.Done) }))
	}
	ready.Wait()
	return nil
}

// PinError says why a thread could not be bound to its processor, if one could
// not. Call it after Start.
func (g *Group) PinError() error {
	if p := g.pinFailed.Load(); p != nil {
		return *p
	}
	return nil
}

// BatchError says why connections are not written to in batches, where that was
// not forbidden. Call it after Start.
func (g *Group) BatchError() error {
	if p := g.batchFailed.Load(); p != nil {
		return *p
	}
	return nil
}

// StopAccepting closes all listeners, soon; connections live on. What was accepted before is
// on its loop when that has done what is posted to it after loop 0 has done what is. Any
// goroutine.
func (g *Group) StopAccepting() {
	for _, l := range g.loops {
		l.Do((*Loop).closeListeners)
	}
}

// Stop ends the loops in order: all stop accepting and reading and post what they
// have; all deliver, write what is pending within deadline nanoseconds, and close. It
// returns when every loop has ended; a second call only waits for that. Not from a
// loop, and not during Start.
func (g *Group) Stop(deadline int64) {
	g.stopping.Do(func() {
		if g.started {
			g.stopLoops(deadline)
			return
		}
		g.Abandon()
	})
}

func (g *Group) stopLoops(deadline int64) {
	g.loud.Store(int32(len(g.loops)))
	for _, l := range g.loops {
		l.Do(func(l *Loop) {
			l.quiet = true
			l.closeListeners()
			// Not now: what this turn has gathered is posted at its end.
			l.afterTurn = func() { g.oneMoreQuiet(deadline) }
		})
	}
	for _, wait := range g.threads {
		wait()
	}
}

// oneMoreQuiet runs on a loop that has stopped reading; the last one has all close.
func (g *Group) oneMoreQuiet(deadline int64) {
	if g.loud.Add(-1) > 0 {
		return
	}
	for _, l := range g.loops {
		l.Do(func(l *Loop) { l.stop(deadline) })
	}
}

// stop closes every connection once its output is written.
func (l *Loop) stop(deadline int64) {
	l.stopping = true
	l.stopAt = l.kernel.Now() + deadline
	l.Each(func(c *Conn, p Peer) {
		if c.state == stateOpen {
			l.own(c, func() { p.Ended(ErrStopped) })
			l.Close(c)
		}
	})
}

// stopped reports whether the loop has nothing left to do for ever; it drops what the
// deadline has overtaken.
func (l *Loop) stopped() bool {
	if !l.stopping {
		return false
	}
	if l.now >= l.stopAt {
		l.Each(func(c *Conn, _ Peer) { l.Kill(c) })
		l.stopAt = never
	}
	return l.open == 0 && l.mail.empty()
}

func (l *Loop) closeListeners() {
	for _, ln := range l.listeners {
		l.kernel.Close(ln.fd)
	}
	l.listeners, l.acceptPending, l.acceptAt = nil, false, never
}

// shut gives back what the loop itself holds.
func (l *Loop) shut() {
	l.closeListeners()
	l.poller.Close()
	if l.batch != nil {
		l.batch.Close()
	}
}
