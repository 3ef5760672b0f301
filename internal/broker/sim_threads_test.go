//go:build invariants

package broker

import (
	"fmt"
	"iter"
	"runtime/debug"

	"gnatsd-ev/internal/invariant"
)

// Threads of a simulation: coroutines, of which exactly one runs at a time. Each call
// to the system is a point where the scheduler may let another go on.

const never = int64(1) << 62

// simThread is one thread.
type simThread struct {
	name  string
	id    uint64
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	ended bool

	// Where it waits, if it does: for events of a poller until a time, or for another
	// thread's end.
	poller *simPoller
	until  int64
	sleeps bool // until a time, whatever happens
	other  *simThread

	// Whether the budget was exceeded when it last looked at the clock.
	over, crowded bool
}

// simOver unwinds the threads of a simulation that ends before they do.
type simOver struct{}

// spawn makes a thread; it runs when it is first resumed.
func (s *sim) spawn(name string, f func()) *simThread {
	t := &simThread{name: name, id: uint64(len(s.threads) + 1)}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			t.ended = true
			switch r := recover(); r.(type) {
			case nil, simOver:
			default:
				s.fail("panic: %v\n%s", r, debug.Stack())
			}
		}()
		f()
	})
	s.threads = append(s.threads, t)
	return t
}

// resume lets a thread go on until it gives way.
func (s *sim) resume(t *simThread) {
	before := s.current
	s.current, invariant.Thread = t, t.id
	t.next()
	s.current, invariant.Thread = before, 0
}

// able reports whether a thread can go on.
func (s *sim) able(t *simThread) bool {
	switch {
	case t.ended:
		return false
	case t.sleeps:
		return t.until <= s.clock
	case t.poller != nil:
		return t.poller.rung || len(t.poller.order) > 0 || t.until <= s.clock
	case t.other != nil:
		return t.other.ended
	}
	return true
}

// point is where the running thread may be kept from going on.
func (s *sim) point() {
	s.clock += int64(s.dice.n(s.mix.tick))
	if s.current != nil && !s.dice.oneIn(s.mix.stay) {
		return
	}
	s.giveWay()
}

// between is a point that is no call to the system.
func (s *sim) between() {
	s.did("between", -1, 0, nil)
	if s.current != nil && s.dice.oneIn(s.mix.stay) {
		if s.mix.freezes && !s.settled && s.frozen == nil && s.dice.oneIn(4) {
			s.frozen, s.thaw = s.current, s.turns+s.dice.n(200)
		}
		s.giveWay()
	}
}

// giveWay lets the scheduler choose. Set-up runs on no thread and goes on.
func (s *sim) giveWay() {
	if s.unwound {
		panic(simOver{})
	}
	if t := s.current; t != nil && !t.yield(struct{}{}) {
		s.unwound = true
		panic(simOver{})
	}
}

// unwind ends threads that have not ended.
func (s *sim) unwind() {
	s.unwound = true
	for _, t := range s.threads {
		s.current = t
		t.stop()
	}
	s.current = nil
}

// Go starts a thread, which runs until its first call to the system.
func (k simKernel) Go(f func()) func() {
	s := k.sim
	t := s.spawn(fmt.Sprintf("loop %d", len(s.threads)), f)
	s.resume(t)
	return func() {
		if me := s.current; !t.ended && me != nil {
			me.other = t
			s.giveWay()
			me.other = nil
		}
	}
}
