package loop

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/invariant"
)

// errEnd is what tests panic with where an owner would end the process.
var errEnd = errors.New("the process ends")

// panics is what a stage's owner was told.
type panics struct {
	*stage
	survived []Panic
	of       []Peer
	broken   []Panic
}

func newPanics(t *testing.T) *panics {
	p := &panics{}
	p.stage = newStage(t, Config{
		WriteDeadline: int64(time.Second),
		Panicked: func(_ *Loop, peer Peer, what Panic) {
			p.survived, p.of = append(p.survived, what), append(p.of, peer)
		},
		Broken: func(_ *Loop, what Panic) {
			p.broken = append(p.broken, what)
			panic(errEnd)
		},
	})
	return p
}

// breaks reports whether f ends the process.
func (p *panics) breaks(f func()) (ended bool) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case errEnd:
			ended = true
		default:
			panic(v)
		}
	}()
	func() {
		defer p.l.lastResort()
		f()
	}()
	return false
}

// send is an actor's answer, as owners that survive panics send it.
func (p *panics) send(a *actor, b []byte) {
	p.l.Enter()
	a.send(b)
	p.l.Leave()
}

// provoked brings a connection to each of the calls of its owner that are its own.
var provoked = map[string]func(p *panics, a *actor){
	"Opened":  func(*panics, *actor) {},
	"Receive": func(_ *panics, a *actor) { a.socket.arrive([]byte("hello\n")) },
	"Ended":   func(_ *panics, a *actor) { a.socket.finish() },
	"Closed":  func(_ *panics, a *actor) { a.socket.finish() },
	"Tick":    func(p *panics, a *actor) { p.l.WakeAt(a.conn, p.k.clock+1) },
	"Overdue": func(p *panics, a *actor) {
		a.socket.room = 0
		p.send(a, []byte("who takes this?\n"))
	},
}

func TestAPanicOfOneConnectionEndsThatOneAlone(t *testing.T) {
	for place, provoke := range provoked {
		t.Run(place, func(t *testing.T) {
			p := newPanics(t)
			other := p.dial()
			other.receive = func(a *actor, b []byte) (int, int) {
				p.send(a, b)
				return len(b), 0
			}
			p.behave = func(a *actor) { a.panicAt = place }
			victim := p.dial()
			provoke(p, victim)
			other.socket.arrive([]byte("still here?\n"))
			p.pass(int64(3 * time.Second))
			if len(p.survived) != 1 || p.of[0] != Peer(victim) || p.g.Panics() != 1 {
				t.Fatalf("%d panics were told of, %d counted, want that of the victim", len(p.survived), p.g.Panics())
			}
			if what := p.survived[0]; what.Value != "at "+place || !strings.Contains(string(what.Stack), "(*actor).reached") || len(what.Stack) > stackMax {
				t.Errorf("told of %v at\n%s", what.Value, what.Stack)
			}
			if victim.closed != 1 || !victim.socket.closed {
				t.Errorf("the victim was closed %d times", victim.closed)
			}
			if string(other.socket.out) != "still here?\n" || !other.conn.Open() {
				t.Errorf("the other got %q; open: %v", other.socket.out, other.conn.Open())
			}
			p.end()
		})
	}
}

// Where others rely on what is being done, the loop does not go on.
func TestAPanicInWhatOthersRelyOnEndsTheProcess(t *testing.T) {
	for name, provoke := range map[string]func(p *panics, a *actor){
		"teardown": func(_ *panics, a *actor) { a.panicAt = "Teardown"; a.socket.finish() },
		"a marked stretch": func(p *panics, a *actor) {
			a.onTick = func() { p.l.Enter(); panic("half done") }
			p.l.WakeAt(a.conn, p.k.clock+1)
		},
		"an invariant": func(p *panics, a *actor) {
			a.onTick = func() { panic(invariant.Broken("odd")) }
			p.l.WakeAt(a.conn, p.k.clock+1)
		},
		"a letter": func(p *panics, _ *actor) { p.l.Do(func(*Loop) { panic("half done") }) },
		"a system call": func(p *panics, a *actor) {
			p.k.script = func(syscallName, int, int) error { p.k.script = nil; panic("half done") }
			a.socket.arrive([]byte("hello\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPanics(t)
			provoke(p, p.dial())
			if !p.breaks(func() { p.pass(int64(time.Second)) }) {
				t.Fatal("the loop goes on")
			}
			if len(p.broken) != 1 || len(p.survived) != 0 || !p.g.halted.Load() {
				t.Errorf("%d ends and %d survivals were told of; halted: %v", len(p.broken), len(p.survived), p.g.halted.Load())
			}
		})
	}
}

// What was encoded when another loop broke may be wrong already.
func TestNothingLeavesOnceALoopIsBroken(t *testing.T) {
	p := newPanics(t)
	a := p.dial()
	p.g.resume = make(chan struct{})
	p.send(a, []byte("wrong\n"))
	p.g.halted.Store(true)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.l.endTurn()
	}()
	select {
	case p.g.resume <- struct{}{}:
		<-ended
	case <-ended:
		t.Error("the loop went on to write")
	}
}

// An owner that names nobody to tell gets the panics as Go has them.
func TestWithoutAnOwnerForThemPanicsGoOn(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	a.panicAt = "Receive"
	a.socket.arrive([]byte("hello\n"))
	defer func() {
		if v := recover(); v != "at Receive" {
			t.Errorf("the panic arrived as %v", v)
		}
	}()
	s.settle()
	t.Error("the panic was swallowed")
}
