package loop

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wheelTick is how late the wheel may be.
const wheelTick = int64(1) << tickBits

// checkDue says that something happened when it was due, or within late after it.
func (s *stage) checkDue(what string, at, due, late int64) {
	s.t.Helper()
	if at < due || at > due+late {
		s.t.Fatalf("%s %v after it was due, want 0 to %v", what, time.Duration(at-due), time.Duration(late))
	}
}

// Deadlines near and far, moved and taken back, on a loop that may have been
// idle for longer than the wheel is round.
func TestATickComesWhenItIsDueAndNeverEarly(t *testing.T) {
	eachSeed(t, 20, func(t *testing.T, r *rand.Rand) {
		s := newStage(t, Config{})
		due := make(map[*actor]int64)
		for range 20 {
			due[s.dial()] = 0
		}
		farthest := int64(200 * time.Second)
		for range 100 {
			s.pass(r.Int64N(1 << (20 + r.IntN(18))))
			for a, at := range due {
				switch {
				case len(a.ticks) > 1 || len(a.ticks) == 1 && at == 0:
					t.Fatalf("Tick came %d times, due at %d", len(a.ticks), at)
				case len(a.ticks) == 1:
					s.checkDue("Tick came", a.ticks[0], at, wheelTick)
					a.ticks, due[a] = nil, 0
				case at != 0 && s.k.clock > at+wheelTick:
					t.Fatalf("Tick did not come %v after it was due", time.Duration(s.k.clock-at))
				}
			}
			for _, a := range s.actors {
				switch r.IntN(10) {
				case 0:
					due[a] = 0
					s.l.WakeAt(a.conn, 0)
				case 1, 2:
					due[a] = s.k.clock + 1 + r.Int64N(farthest>>r.IntN(20))
					s.l.WakeAt(a.conn, due[a])
				}
			}
		}
		s.end()
	})
}

// A reader that takes nothing, and one that drips, are cut when what was pending
// at the first refusal is not gone by the deadline; one that takes it in time
// is not, however much comes after.
func TestASocketThatRefusesIsCutAtTheWriteDeadline(t *testing.T) {
	const deadline = int64(2 * time.Second)
	s := newStage(t, Config{WriteDeadline: deadline})
	stopped, dripping, slow := s.dial(), s.dial(), s.dial()
	for _, a := range s.actors {
		a.socket.room = 0
		a.send(noise[:100_000])
	}
	start := s.k.clock
	s.settle()
	for s.k.clock < start+5*deadline {
		s.pass(int64(50 * time.Millisecond))
		if dripping.closed == 0 {
			dripping.socket.take(1000)
		}
		slow.socket.take(4000) // 100,000 bytes in 1.25 s
		slow.send(noise[:4000])
	}
	for _, a := range []*actor{stopped, dripping} {
		if len(a.overdue) != 1 || a.closed != 1 {
			t.Fatalf("Overdue came %d times; closed %d times", len(a.overdue), a.closed)
		}
		s.checkDue("Overdue came", a.overdue[0], start+deadline, wheelTick)
	}
	if len(slow.overdue) != 0 || !slow.conn.Open() {
		t.Errorf("the reader that was in time is overdue %d times; open: %v", len(slow.overdue), slow.conn.Open())
	}
	s.end()
}

// A deadline that is changed holds for those who refuse bytes already, but for a shorter one, and for all others at once.
func TestTheWriteDeadlineCanBeChanged(t *testing.T) {
	const second = int64(time.Second)
	for _, c := range []struct{ old, next, first int64 }{{2 * second, 5 * second, 5 * second}, {3 * second, second, 3 * second}} {
		s := newStage(t, Config{WriteDeadline: c.old})
		first, second := s.dial(), s.dial()
		first.socket.room, second.socket.room = 0, 0
		first.send(noise[:100_000])
		s.settle()
		began := s.k.clock
		s.l.SetWriteDeadline(c.next)
		s.pass(c.old / 4)
		second.send(noise[:100_000])
		s.settle()
		later := s.k.clock
		for s.k.clock < later+2*max(c.old, c.next) {
			s.pass(int64(50 * time.Millisecond))
		}
		if len(first.overdue) != 1 || len(second.overdue) != 1 {
			t.Fatalf("Overdue came %d and %d times", len(first.overdue), len(second.overdue))
		}
		s.checkDue("Overdue of the first came", first.overdue[0], began+c.first, wheelTick)
		s.checkDue("Overdue of the second came", second.overdue[0], later+c.next, wheelTick)
		s.end()
	}
}

// A last word that the peer does not take keeps its connection no longer.
func TestAnEndingConnectionIsCutAtTheWriteDeadline(t *testing.T) {
	const deadline = int64(2 * time.Second)
	s := newStage(t, Config{WriteDeadline: deadline})
	a := s.dial()
	a.socket.room = 2
	a.socket.arrive([]byte("quit\n"))
	s.pass(deadline - 1)
	if a.closed != 0 {
		t.Fatal("closed before the deadline")
	}
	s.pass(1 + wheelTick)
	if a.closed != 1 || string(a.socket.out) != "by" {
		t.Errorf("closed %d times after the deadline; it took %q", a.closed, a.socket.out)
	}
	s.end()
}

// Nothing of the socket's says when the system has memory again.
func TestAWriteWithoutMemoryIsRepeatedSoon(t *testing.T) {
	s, failing := newStage(t, Config{}), true
	a := s.dial()
	s.k.script = func(name syscallName, _, _ int) error {
		if name == callWrite && failing {
			return unix.ENOBUFS
		}
		return nil
	}
	a.send([]byte("held up"))
	s.settle()
	failing = false
	s.pass(retryDelay - 1)
	early := len(a.socket.out)
	s.pass(1)
	if early != 0 || string(a.socket.out) != "held up" {
		t.Errorf("written early: %d bytes; in time: %q", early, a.socket.out)
	}
	s.end()
}

// A parked connection is not visited before its time, whatever the loop did with it
// in between, nor after it without need.
func TestAParkedConnectionWaitsForItsTime(t *testing.T) {
	ms := int64(time.Millisecond)
	for _, c := range []struct {
		name string
		park func(s *stage, a *actor)
		due  int64 // 0: only Unpark ends it
	}{
		{"once", func(s *stage, a *actor) { s.l.Park(a.conn, 10*ms) }, 10 * ms},
		{"again for longer", func(s *stage, a *actor) { s.l.Park(a.conn, 2*ms); s.l.Unpark(a.conn); s.l.Park(a.conn, 10*ms) }, 10 * ms},
		{"again for shorter", func(s *stage, a *actor) { s.l.Park(a.conn, 10*ms); s.l.Unpark(a.conn); s.l.Park(a.conn, 2*ms) }, 2 * ms},
		{"without limit", func(s *stage, a *actor) { s.l.Park(a.conn, 0) }, 0},
		{"without limit, after a limit", func(s *stage, a *actor) { s.l.Park(a.conn, 2*ms); s.l.Unpark(a.conn); s.l.Park(a.conn, 0) }, 0},
		{"without limit, and no memory for a write", func(s *stage, a *actor) {
			s.l.Park(a.conn, 0)
			s.k.script = func(name syscallName, n, _ int) error {
				if name == callWrite && n == 1 {
					return unix.ENOBUFS
				}
				return nil
			}
			a.send([]byte("out\n"))
		}, 0},
	} {
		s := newStage(t, Config{})
		a := s.dial()
		c.park(s, a)
		a.socket.arrive([]byte("in\n"))
		if c.due > 0 {
			s.pass(c.due - 1)
		} else {
			s.pass(int64(time.Second))
		}
		if len(a.got) != 0 {
			t.Errorf("parked %s: visited early", c.name)
		}
		if c.due == 0 {
			s.l.Unpark(a.conn)
		}
		s.pass(1)
		if string(a.got) != "in\n" || !bytes.Equal(a.socket.out, a.want) {
			t.Errorf("parked %s: handled %q when its time had come, wrote %q", c.name, a.got, a.socket.out)
		}
		s.end()
	}
}

// With nothing to do and nothing due, a loop waits without limit.
func TestAnIdleLoopIsNotWoken(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	s.l.WakeAt(a.conn, s.k.clock+int64(10*time.Millisecond))
	a.socket.arrive([]byte("PING\n"))
	s.pass(int64(time.Second))
	waits := s.k.calls[callWait]
	s.pass(int64(time.Hour))
	if n := s.k.calls[callWait] - waits; n > 4 || s.p.timeout != -1 {
		t.Errorf("%d waits in an idle hour; the last was for %v", n, time.Duration(s.p.timeout))
	}
	s.end()
}

// Many deadlines may come at once, after a connect storm as after a pause of the whole
// machine: others are served meanwhile.
func TestManyDeadlinesAtOnceHoldUpNobody(t *testing.T) {
	s := newStage(t, Config{})
	quiet, due := s.dial(), s.k.clock+int64(100*time.Second)
	for range 300 {
		a := s.dial()
		a.onTick = func() { s.k.clock += turnTimeMax / 20 }
		s.l.WakeAt(a.conn, due)
	}
	s.pass(due - s.k.clock - 1)
	s.k.clock = due + wheelTick
	quiet.socket.arrive([]byte("PING\n"))
	start := s.k.clock
	for len(quiet.socket.out) == 0 {
		s.l.turn()
	}
	if wait := s.k.clock - start; wait > 3*turnTimeMax {
		t.Errorf("a quiet connection was answered after %v", time.Duration(wait))
	}
	s.settle()
	for _, a := range s.actors[1:] {
		if len(a.ticks) != 1 {
			t.Fatalf("Tick came %d times", len(a.ticks))
		}
	}
	s.end()
}
