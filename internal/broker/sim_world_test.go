//go:build invariants

package broker

import (
	"fmt"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/loop"
)

// A simulation runs a broker's loops as coroutines over a system in memory. Everything
// that happens comes from a seed: which thread goes on after each call to the system, what
// arrives in how many pieces, which call fails, what clients do, how time passes. So a
// seed that fails fails again, in the same way.

// sim is one simulated world.
type sim struct {
	seed    uint64
	dice    dice
	mix     mix
	broker  *Broker
	options *config.Options
	clock   int64

	threads []*simThread
	current *simThread // nil outside of all
	unwound bool
	frozen  *simThread // kept from going on for some turns, whatever others do
	thaw    int        // the turn when it may
	plot    *plot      // what clients do meanwhile, nil for nothing in particular

	table     []any // by descriptor number
	pollers   []*simPoller
	listener  *simListener
	listening *simPoller

	clients    []*simClient
	conns      []*simConn
	messages   []*simMessage
	everSubs   []*simSub
	suspicions []suspicion
	over       excess
	users      []*simUser
	nameless   *simUser        // who may stay nameless is this one
	churned    map[string]bool // queue names whose members have left or may refuse
	scratch    []byte

	settled  bool // no more faults
	stopping bool // the broker was told to stop
	moments  int
	turns    int
	moved    int // the turn in which a socket last took bytes
	hash     uint64
	failure  string

	verboseTrace func(string)
}

// outcome is what came of a seed.
type outcome struct {
	seed       uint64
	actions    int
	turns      int
	deliveries int
	hash       uint64
	failure    string
}

// simulate runs a seed, with at most so many actions of clients if that is not
// negative. trace, if not nil, gets each thing that happens.
func simulate(seed uint64, actions int, trace func(string)) outcome {
	s := &sim{seed: seed, dice: dice{seed * 0xD1342543DE82EF95}, clock: 1 << 40, churned: map[string]bool{}, verboseTrace: trace}
	s.mix = newMix(&s.dice, actions)
	shared := loop.SharedCount()
	func() {
		invariant.Interleave, invariant.HashSeed = s.between, s.dice.next()|1
		defer func() { invariant.Interleave, invariant.HashSeed = nil, 0 }()
		invariant.Plant(s.reached)
		defer invariant.Plant(nil)
		defer s.unwind()
		defer func() {
			switch r := recover(); r.(type) {
			case nil, simOver:
			default:
				panic(r)
			}
		}()
		s.run()
	}()
	if s.failure == "" && loop.SharedCount() != shared {
		s.fail("%d shared payloads were not given back", loop.SharedCount()-shared)
	}
	o := outcome{seed: seed, actions: s.mix.actions, turns: s.turns, hash: s.hash, failure: s.failure}
	for _, sub := range s.everSubs {
		o.deliveries += sub.got
	}
	return o
}

// open starts the broker.
func (s *sim) open() {
	o := config.Default()
	o.MaxConnections, o.PingInterval, o.WriteDeadline = 1000, 20*time.Second, 5*time.Second
	if s.mix.stale {
		o.PingInterval = 3 * time.Second
	}
	if s.mix.smallPending {
		o.MaxPending, o.MaxPayload = 96<<10, 64<<10
	}
	o.MaxPendingTotal = int64(s.mix.budget) // New would not take so little
	s.authorize(&o.Authorization)
	s.options = o
	b, err := newOver(footing{
		kernel: simKernel{s}, place: placement{loops: s.mix.loops, text: "off"},
		inFlightMax: s.mix.inFlight, matchCache: 8, heldMax: s.mix.held,
	}, o, Identity{ID: "SIM", Name: "sim", Version: "0"}, logging.Discard())
	if err != nil {
		s.fail("the broker does not open: %v", err)
		return
	}
	s.broker = b
	b.helpers = simHelpers{s}
	b.terms.Load().helpers = b.helpers
	for _, sh := range b.shards {
		sh.seed = s.dice.next() | 1
	}
	if err := b.group.Start(); err != nil { // without the watchdog, which has a clock of its own
		s.fail("the broker does not start: %v", err)
	}
	for range s.mix.clients {
		s.clients = append(s.clients, &simClient{sim: s})
	}
}

// run is a world from its beginning to its end.
func (s *sim) run() {
	s.open()
	for left := s.mix.actions; left > 0 && s.failure == ""; {
		if s.turn(true) {
			left--
		}
	}
	s.trace("world", 0, "settles")
	s.settled, s.frozen, s.plot = true, nil, nil
	if s.mix.stopInMidst && s.failure == "" {
		s.stop()
		return
	}
	s.finishHeld()
	if s.dice.oneIn(2) { // without a PING, which wakes who sleeps over something
		s.rest(30 * time.Millisecond)
		s.checkPromises()
	}
	for _, c := range s.conns {
		if c.reads() {
			c.sock.room = unlimitedRoom
			if !c.sock.closed && c.sock.err == nil && !c.finished && !c.sock.shut {
				c.ping()
			}
		}
	}
	for s.rest(s.patience()); s.failure == "" && s.compares(); { // a further CONNECT begins when the first is judged
		s.rest(s.patience())
	}
	s.checkRest()
	if s.mix.stale && s.failure == "" { // who answers PINGs stays
		s.rest(8 * s.options.PingInterval)
		s.checkRest()
	}
	s.leaveAll()
	s.stop()
}

// turn is one step of the scheduler: a client acts, the network carries something, or a
// thread goes on. It reports whether a client acted.
func (s *sim) turn(acting bool) bool {
	if s.turns++; s.turns-s.moved > 500_000 { // a slow reader of much may take longer than that in all
		s.fail("it does not come to rest")
		return true
	}
	s.freeze()
	t := s.choose()
	switch {
	case acting && (t == nil || s.dice.oneIn(s.mix.act)):
		if t == nil && s.frozen == nil && s.dice.oneIn(4) && s.carry() == 0 {
			if s.mix.faults == 0 {
				s.checkPromises()
			}
			if s.mix.jumps {
				s.jump(never)
				return true
			}
		}
		if s.frozen != nil && s.mix.queues && (s.plotted() || s.dice.oneIn(3) && s.handOver()) {
			return true
		}
		s.clients[s.dice.n(len(s.clients))].act()
		return true
	case t == nil || s.dice.oneIn(6):
		s.carry()
	}
	if t != nil && s.able(t) {
		s.resume(t)
	}
	return false
}

// freeze stops a thread now and then for as long as several clients need to rely on what it
// has not done yet.
func (s *sim) freeze() {
	switch {
	case s.frozen != nil && s.turns >= s.thaw:
		s.frozen, s.plot = nil, nil
	case !s.mix.freezes || s.settled || s.frozen != nil:
	case s.dice.oneIn(32):
		s.frozen, s.thaw = s.threads[s.dice.n(len(s.threads))], s.turns+s.dice.n(300)
	case s.dice.oneIn(8): // with messages that it has routed and not posted
		for i, sh := range s.broker.shards {
			for _, p := range sh.out {
				if p != nil {
					s.frozen, s.thaw = s.threads[i], s.turns+s.dice.n(1000)
					s.plot = newPlot(p)
				}
			}
		}
	}
}

// choose returns one of the threads that can go on, nil if none can.
func (s *sim) choose() *simThread {
	n := len(s.threads)
	if n == 0 {
		return nil
	}
	for i, at := 0, s.dice.n(n); i < n; i++ {
		if t := s.threads[(at+i)%n]; t != s.frozen && s.able(t) {
			return t
		}
	}
	return nil
}

// carry lets the network and the clients' own haste do one thing, and returns how many there were.
func (s *sim) carry() (n int) {
	var due *simConn
	for _, c := range s.conns {
		if c.sock.busy() || c.reads() && (c.pongs > 0 || len(c.replies) > 0) {
			if n++; s.dice.oneIn(n) {
				due = c
			}
		}
	}
	if due != nil {
		due.sock.carry()
		if due.reads() {
			due.answer()
		}
	}
	return n
}

// jump lets time pass until a loop has something to do, if that is before a time.
func (s *sim) jump(before int64) bool {
	next := never
	for _, t := range s.threads {
		if !t.ended && (t.poller != nil || t.sleeps) {
			next = min(next, t.until)
		}
	}
	if next == never || next > before {
		return false
	}
	s.trace("world", 0, "waits")
	s.clock = max(s.clock, next+int64(s.dice.n(1_000_000)))
	return true
}

// rest goes on until nothing happens by itself, and nothing will within the patience.
func (s *sim) rest(patience time.Duration) {
	for end := s.clock + int64(patience); s.failure == ""; {
		for s.failure == "" && (s.choose() != nil || s.carry() > 0) {
			s.turn(false)
		}
		if !s.jump(end) {
			return
		}
	}
}

// moment is the next one in the count of what clients sent and were told.
func (s *sim) moment() int {
	s.moments++
	return s.moments
}

// fail notes what went wrong first, and ends the world.
func (s *sim) fail(format string, args ...any) {
	if s.failure == "" {
		s.failure = fmt.Sprintf(format, args...)
		s.trace("FAILED", 0, s.failure)
	}
}
