package loop

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

// stage is one loop above a made-up system, turned by the test.
type stage struct {
	t      *testing.T
	k      *madeUpKernel
	p      *madeUpPoller
	g      *Group
	l      *Loop
	ln     *madeUpListener
	actors []*actor // in the order in which they were adopted
	shared []*Shared

	records []*Conn // of closed connections, for the next

	// What the host was asked and told.
	refuse       func(fd int) bool
	behave       func(a *actor) // sets an actor's hooks
	commits      int
	acceptFailed []error
	pollFailed   []error
}

// newStage opens one loop with one listener. It writes in batches, unless c forbids it.
func newStage(t *testing.T, c Config) *stage {
	t.Helper()
	return newStages(t, 1, c)[0]
}

// newStages opens the loops of one group, with a listener that belongs to the first.
func newStages(t *testing.T, n int, c Config) (stages []*stage) {
	t.Helper()
	k := newMadeUpKernel()
	c.Loops, c.Kernel = n, k
	g, err := NewGroup(c, func(l *Loop) Host {
		stages = append(stages, &stage{t: t, k: k, l: l, p: k.pollers[l.id]})
		return stages[l.id]
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stages {
		s.g = g
		s.l.openBatch()
	}
	stages[0].ln = stages[0].listen()
	return stages
}

// listen adds a listener.
func (s *stage) listen() *madeUpListener {
	ln := s.k.listen()
	s.l.listeners = append(s.l.listeners, &listener{fd: ln.fd})
	if err := s.l.poller.AddListener(ln.fd); err != nil {
		s.t.Fatal(err)
	}
	return ln
}

// dial connects one peer and turns the loop until it is adopted.
func (s *stage) dial() *actor {
	s.t.Helper()
	socket := s.k.dial(s.ln)
	s.settle()
	a := s.actorOf(socket)
	if a == nil {
		s.t.Fatal("the connection was not adopted")
	}
	return a
}

func (s *stage) actorOf(socket *madeUpSocket) *actor {
	for _, a := range s.actors {
		if a.socket == socket {
			return a
		}
	}
	return nil
}

// turnsMax is more than any test needs before a loop with nothing new to do waits.
const turnsMax = 20_000

// settle turns the loop until it would wait and nothing would wake it but time.
func (s *stage) settle() {
	s.t.Helper()
	for range turnsMax {
		s.l.turn()
		if s.idle() {
			return
		}
	}
	s.t.Fatalf("the loop does not come to rest in %d turns", turnsMax)
}

func (s *stage) idle() bool {
	return s.p.timeout != 0 && s.p.events == 0 && len(s.p.order) == 0 && !s.l.busy() && s.l.mail.empty()
}

// pass lets d nanoseconds go by as they do below a real poller: the loop waits
// for as long as it asked, and not longer.
func (s *stage) pass(d int64) {
	s.t.Helper()
	until := s.k.clock + d
	for range turnsMax {
		s.settle()
		rest := until - s.k.clock
		if rest <= 0 {
			return
		}
		if sleep := s.l.sleepTime(); sleep >= 0 && sleep < rest {
			rest = max(sleep, 1)
		}
		s.k.clock += rest
	}
	s.t.Fatalf("the loop wakes more than %d times in %v", turnsMax, time.Duration(d))
}

// Adopt and the methods behind it make the stage a Host.
func (s *stage) Adopt(fd int, _ netip.AddrPort, _ any) (*Conn, Peer) {
	if s.refuse != nil && s.refuse(fd) {
		return nil, nil
	}
	c := new(Conn)
	if n := len(s.records); n > 0 {
		c, s.records = s.records[n-1], s.records[:n-1]
	}
	a := &actor{s: s, conn: c, socket: s.k.table[fd].(*madeUpSocket), receive: (*actor).lines}
	s.actors = append(s.actors, a)
	if s.behave != nil {
		s.behave(a)
	}
	return a.conn, a
}

func (s *stage) Commit() bool           { s.commits++; return false }
func (s *stage) Post()                  {}
func (s *stage) AcceptFailed(err error) { s.acceptFailed = append(s.acceptFailed, err) }
func (s *stage) PollFailed(err error)   { s.pollFailed = append(s.pollFailed, err) }

// share makes n shared bytes with one reference and remembers them.
func (s *stage) share(b []byte) *Shared {
	sh := NewShared(len(b))
	sh.Bytes = append(sh.Bytes, b...)
	s.shared = append(s.shared, sh)
	return sh
}

// fanout sends head and body, which is stored once, to all open connections.
func (s *stage) fanout(head, body []byte, softMax int) (over []*Conn) {
	var conns []*Conn
	for _, a := range s.actors {
		if a.conn.Open() {
			conns = append(conns, a.conn)
			a.want = append(append(a.want, head...), body...)
		}
	}
	var tail Span
	if len(body) > 0 {
		tail = s.l.SpanOf(s.share(body))
	}
	sent, over := s.l.Fanout(conns, s.span(head), tail, softMax)
	if sent != len(conns) {
		s.t.Errorf("%d of %d open connections took it", sent, len(conns))
	}
	return over
}

// span encodes bytes into the current block.
func (s *stage) span(b []byte) Span { return s.l.Span(append(s.l.Tail(len(b)), b...)) }

// end kills what is left, closes the group and checks that everything was given back.
func (s *stage) end() {
	s.t.Helper()
	s.k.script = nil
	s.l.Each(func(c *Conn, _ Peer) { s.l.Kill(c) })
	s.settle()
	s.checkNothingHeld()
	for i, a := range s.actors {
		if a.closed != 1 || a.ended > 1 || a.opened > 1 {
			s.t.Errorf("connection %d was opened %d times, ended %d and closed %d", i, a.opened, a.ended, a.closed)
		}
	}
	for i, socket := range s.k.sockets {
		if socket.accepted && !socket.closed {
			s.t.Errorf("socket %d was never closed", i)
		}
	}
	for i, sh := range s.shared {
		if n := sh.refs.Load(); n != 0 {
			s.t.Errorf("shared bytes %d keep %d references", i, n)
		}
	}
	s.g.Abandon()
	if n := s.k.inUse(); n != 0 {
		s.t.Errorf("%d descriptors stay open", n)
	}
	for _, w := range s.k.wrongs {
		s.t.Error(w)
	}
}

// checkNothingHeld says what a loop without connections still holds.
func (s *stage) checkNothingHeld() {
	s.t.Helper()
	l := s.l
	for _, held := range []struct {
		what string
		n    int
	}{
		{"bytes of the budget", l.Held()}, {"pieces of backlogs", l.counts.pieces}, {"unfinished operations", l.unfinished.count + l.guarded.count},
		{"bytes of blocks", l.heldBytes}, {"bytes of input", l.inputBytes}, {"open connections", l.open},
		{"counted connections", int(l.connCount.Load())}, {"blocked connections", len(l.slow)}, {"wanted bytes", l.wanted},
		{"references to the current block", l.current.refs - 1}, {"wanted bytes of the current block", l.current.wanted},
		{"shared blocks of the turn", len(l.foreign)}, {"connections to close", len(l.closing) + len(l.doomed)},
	} {
		if held.n != 0 {
			s.t.Errorf("the loop holds %d %s", held.n, held.what)
		}
	}
	for slot, c := range l.wheel.slots {
		if c != nil {
			s.t.Errorf("slot %d of the wheel holds a connection", slot)
		}
	}
}

// actor is a Peer that writes down what happens to it.
type actor struct {
	conn       *Conn
	s          *stage
	socket     *madeUpSocket
	receive    func(a *actor, b []byte) (n, need int)
	onEnded    func()
	onTeardown func()
	onTick     func()

	got  []byte // input handled
	want []byte // all it was sent while the loop took it
	left int    // how many calls of Teardown answer false

	panicAt string // the method that panics

	opened, ended, closed int
	endErr                error
	ticks, overdue        []int64
	reclaimed             []Claim
}

// send hands b to the connection, and notes it if the loop takes it.
func (a *actor) send(b []byte) { a.sendSpan(a.s.span(b), b) }

func (a *actor) sendSpan(span Span, b []byte) {
	if a.closed > 0 {
		return // the record may be another's
	}
	before := a.conn.pending
	a.s.l.Send(a.conn, span)
	if a.conn.pending > before {
		a.want = append(a.want, b...)
	}
}

// lines echoes whole lines. "quit" is answered with a last word.
func (a *actor) lines(b []byte) (n, need int) {
	for a.conn.Open() {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 {
			return n, 0
		}
		line := b[n : n+i+1]
		n += i + 1
		a.got = append(a.got, line...)
		a.s.l.Spend(10)
		if string(line) == "quit\n" {
			a.send([]byte("bye\n"))
			a.s.l.Close(a.conn)
			return n, 0
		}
		a.send(line)
		if a.s.l.Exhausted() && n < len(b) {
			return n, Again
		}
	}
	return n, 0
}

func (a *actor) reached(place string) {
	if place == a.panicAt {
		panic("at " + place)
	}
}

func (a *actor) Opened() {
	a.opened++
	a.reached("Opened")
}

func (a *actor) Receive(b []byte) (int, int) {
	a.reached("Receive")
	return a.receive(a, b)
}

func (a *actor) Ended(err error) {
	a.ended++
	a.endErr = err
	a.reached("Ended")
	if a.onEnded != nil {
		a.onEnded()
	}
}
func (a *actor) Tick(now int64) {
	a.reached("Tick")
	if a.onTick != nil {
		a.onTick()
	}
	a.ticks = append(a.ticks, now)
}
func (a *actor) Overdue() {
	a.reached("Overdue")
	a.overdue = append(a.overdue, a.s.l.now)
}

func (a *actor) Reclaimed(what Claim, _ int) { a.reclaimed = append(a.reclaimed, what) }

func (a *actor) Teardown() bool {
	a.reached("Teardown")
	if a.onTeardown != nil {
		a.onTeardown()
	}
	a.left--
	return a.left < 0
}

// Closed gives the record back for the next connection, as owners do.
func (a *actor) Closed() {
	a.closed++
	a.s.records = append(a.s.records, a.conn)
	a.conn = new(Conn)
	a.reached("Closed")
}
