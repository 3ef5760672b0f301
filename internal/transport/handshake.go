package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// A Gate bounds how many goroutines of handshakes compute at a time. Who waits at it holds no thread. Any
// goroutine.
type Gate struct {
	places  chan struct{}
	running sync.WaitGroup // goroutines of handshakes, of all acceptors
}

// NewGate returns a gate for n at a time.
func NewGate(n int) *Gate { return &Gate{places: make(chan struct{}, n)} }

// Enter waits for a place.
func (g *Gate) Enter() { g.places <- struct{}{} }

// Leave gives it back.
func (g *Gate) Leave() { <-g.places }

// Wait returns when no goroutine of a handshake runs. Those that still wait for input must have
// been told to Abort.
func (g *Gate) Wait() { g.running.Wait() }

// An Acceptor is the server's side of TLS for any number of connections. Any goroutine.
type Acceptor struct {
	config *tls.Config
	gate   *Gate
}

// NewAcceptor returns one whose handshakes compute behind gate. config is copied.
func NewAcceptor(config *tls.Config, gate *Gate) *Acceptor {
	config = config.Clone()
	config.DynamicRecordSizingDisabled = true // records as large as may be: what is small is sent alone anyway
	return &Acceptor{config: config, gate: gate}
}

// Accept begins a connection. givenBack is called by the goroutine of its handshake whenever
// that gives the connection back; it must not wait. Nothing runs before the first Open.
func (a *Acceptor) Accept(givenBack func()) *TLS {
	t := a.begin(givenBack)
	t.conn = tls.Server(&t.pipe, a.config)
	return t
}

// begin makes a connection that is neither side yet.
func (a *Acceptor) begin(givenBack func()) *TLS {
	t := &TLS{shaking: &handshake{acceptor: a, turn: make(chan struct{}, 1), givenBack: givenBack}}
	t.pipe.wait = t.nextInput
	return t
}

// handshake is what a connection has until it is over.
type handshake struct {
	acceptor  *Acceptor
	turn      chan struct{} // a token tells the goroutine that the connection is its again; closed by Abort
	givenBack func()
	aborted   atomic.Bool

	// Owner only.
	began, away, stopped bool

	// Whoever has the connection.
	inside bool // at the gate
	over   bool
	err    error
}

// errAborted ends a handshake whose connection has gone.
var errAborted = errors.New("the connection has gone")

// start gives the connection to the handshake's goroutine: there is input for it. It ends with the
// handshake, or soon after Abort.
func (t *TLS) start() {
	s := t.shaking
	s.away = true
	if s.began {
		s.turn <- struct{}{} // never waits: there is room for one, and it takes turns
		return
	}
	s.began = true
	s.acceptor.gate.running.Add(1)
	go t.shake()
}

// shake is the goroutine.
func (t *TLS) shake() {
	s := t.shaking
	defer s.acceptor.gate.running.Done()
	if s.err = t.enter(); s.err == nil {
		s.err = t.compute()
	}
	if s.inside {
		s.inside = false
		s.acceptor.gate.Leave()
	}
	s.over = true
	if !s.aborted.Load() { // else nobody takes it, and word that it was given back before may not have come yet
		s.givenBack()
	}
}

// A Panic is how a handshake ends that has panicked: only this connection does.
type Panic struct {
	Value any
	Stack []byte
}

// Error returns what was panicked with.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// compute runs the handshake.
func (t *TLS) compute() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{v, debug.Stack()}
		}
	}()
	return t.conn.Handshake()
}

// enter waits at the gate. What nobody needs any more is not computed.
func (t *TLS) enter() error {
	s := t.shaking
	s.acceptor.gate.Enter()
	s.inside = true
	if s.aborted.Load() {
		return errAborted
	}
	return nil
}

// nextInput gives the connection back and waits until there is more input. It runs on the
// handshake's goroutine.
func (t *TLS) nextInput() error {
	s := t.shaking
	if s.aborted.Load() {
		return errAborted
	}
	s.inside = false
	s.acceptor.gate.Leave()
	s.givenBack()
	if _, more := <-s.turn; !more {
		return errAborted
	}
	return t.enter()
}

// Away reports whether the handshake's goroutine has the connection: until it is Taken back
// no other method but Abort may be called. Owner only.
func (t *TLS) Away() bool { return t.shaking != nil && t.shaking.away }

// Taken notes that the goroutine has given the connection back, and reports whether the handshake is over,
// and how it ended. If it went well the connection can be read and written from now on. Owner only,
// once for each givenBack.
func (t *TLS) Taken() (over bool, err error) {
	s := t.shaking
	s.away = false
	if !s.over {
		return false, nil
	}
	t.pipe.wait, t.shaking = nil, nil
	t.failed = s.err
	t.forgetHandshake()
	return true, s.err
}

// Abort ends the handshake of a connection that has gone. Nothing may be called behind it. Owner only.
func (t *TLS) Abort() {
	s := t.shaking
	if s == nil || s.stopped {
		return
	}
	s.stopped = true
	s.aborted.Store(true)
	close(s.turn)
}
