package loop

import (
	"testing"
	"time"
)

// nap lets the loop sleep for d in its next wait.
func (s *stage) nap(d time.Duration) {
	waits := s.k.calls[callWait]
	s.k.script = func(name syscallName, n, _ int) error {
		if name == callWait && n == waits+1 {
			s.k.clock += int64(d)
		}
		return nil
	}
	s.l.turn()
	s.k.script = nil
}

// A loop's lag is what its turns took, at their longest; sleep does not count, and what is
// long ago is forgotten for the minute but not for ever.
func TestLagIsTheLongestTimeBetweenTwoLooks(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	s.l.lag.looked = s.k.clock
	takes := func(d time.Duration) {
		a.receive = func(_ *actor, b []byte) (int, int) {
			s.k.clock += int64(d)
			return len(b), 0
		}
		a.socket.arrive([]byte("x"))
		s.settle()
	}
	want := func(when string, second, minute, ever time.Duration) {
		t.Helper()
		if got := s.l.Lag(); got != (Lag{second, minute, ever}) {
			t.Errorf("%s: %v, want %v, %v and %v", when, got, second, minute, ever)
		}
	}
	ms := time.Millisecond
	s.nap(time.Second - time.Duration(s.k.clock%int64(time.Second))) // a second begins
	want("before anything", 0, 0, 0)
	takes(7 * ms)
	takes(3 * ms)
	want("after two turns", 7*ms, 7*ms, 7*ms)
	s.nap(5 * time.Second)
	want("when it has slept", 0, 7*ms, 7*ms)
	takes(2 * ms)
	want("after another", 2*ms, 7*ms, 7*ms)
	s.nap(time.Minute)
	want("a minute later", 0, 0, 7*ms)
	s.nap(12 * time.Minute)
	s.l.afterTurn = func() { // two turns without sleep in between
		s.k.clock += int64(9 * ms)
		s.l.wantTurn = true
		s.l.Do(func(*Loop) { s.k.clock += int64(4 * ms) })
	}
	s.settle()
	want("in the end", 9*ms, 9*ms, 9*ms)
	takes(100 * time.Second) // longer than a slot can say
	want("what no loop should do", time.Duration(lagMax), time.Duration(lagMax), 100*time.Second)
	s.end()
}

// What is shown is what is true, whenever the loop sleeps.
func TestALoopShowsWhatItHolds(t *testing.T) {
	s := newStage(t, Config{})
	var all []*actor
	for range 3 {
		all = append(all, s.dial())
	}
	s.settle()
	turns := s.l.Tally().Turns
	all[0].socket.room = 10
	all[0].send(noise[:1000])
	all[1].socket.arrive([]byte("unfinished"))
	s.l.Do(func(*Loop) {})
	s.settle()
	got := s.l.Tally()
	if got.Turns <= turns {
		t.Errorf("%d turns shown after %d and more", got.Turns, turns)
	}
	want := Tally{Connections: 3, Opened: 3, Turns: got.Turns, Letters: 1, Held: int64(s.l.heldBytes), Pending: 990, Input: int64(s.l.inputBytes)}
	if got != want || s.l.inputBytes == 0 {
		t.Errorf("shown\n%+v, want\n%+v", got, want)
	}
	s.l.Kill(all[2].conn)
	s.settle()
	if got := s.l.Tally(); got.Connections != 2 || got.Opened != 3 {
		t.Errorf("%d connections of %d shown, want 2 of 3", got.Connections, got.Opened)
	}
	s.end()
}

// What another thread does for a sleeping loop is shown as well.
func TestALoanIsCounted(t *testing.T) {
	s := newStage(t, Config{})
	s.settle()
	before := s.l.Tally()
	lender := &Loop{goroutine: s.l.goroutine}
	s.l.state.Store(asleep)
	s.l.mail.push(func() *Letter { c := &call{f: func(*Loop) {}}; c.Address(c); return &c.Letter }())
	if !s.l.runFor(lender) {
		t.Fatal("a sleeping loop was not lent")
	}
	if got := s.l.Tally(); got.Loans != before.Loans+1 || got.Letters != before.Letters+1 || got.Turns != before.Turns {
		t.Errorf("shown %+v after %+v", got, before)
	}
	s.l.state.Store(awake)
	s.end()
}
