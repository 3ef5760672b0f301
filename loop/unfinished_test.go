package loop

import (
	"bytes"
	"testing"
	"time"
)

// Unfinished input: it is bounded for all together, and the oldest goes first.

// uploads connects peers that announce much and send n bytes of it.
func (s *stage) uploads(peers, n int, guarded bool) (actors []*actor) {
	s.t.Helper()
	for range peers {
		a := s.dial()
		if guarded {
			s.l.Guard(a.conn)
		}
		a.receive = func(a *actor, b []byte) (int, int) {
			if i := bytes.IndexByte(b, '\n'); i >= 0 {
				a.got = append(a.got, b[:i+1]...)
				return i + 1, 0
			}
			return 0, 1 << 20
		}
		actors = append(actors, a)
	}
	for _, a := range actors {
		a.socket.arrive(filler(n))
		s.settle()
		s.pass(int64(time.Millisecond))
	}
	return actors
}

func filler(n int) []byte { return bytes.Repeat([]byte("."), n) }

func TestTheOldestUnfinishedInputGoesFirst(t *testing.T) {
	const total, bound = 64 << 20, 1 << 20
	s := newStage(t, Config{Budget: Budget{Total: total, Unfinished: bound, Guarded: total}})
	small := s.uploads(3, 100, false) // older, but they hold nothing worth having
	large := s.uploads(30, 40<<10, false)
	if n := s.l.unfinishedBytes(); n > bound {
		t.Errorf("%d bytes of unfinished input are held", n)
	}
	gone := 0
	for i, a := range large {
		if a.closed > 0 || !a.conn.Open() {
			gone++
			if gone != i+1 {
				t.Errorf("upload %d is gone and an older one is not", i)
			}
			if len(a.reclaimed) != 1 || a.reclaimed[0] != UnfinishedInput {
				t.Errorf("upload %d was told %v", i, a.reclaimed)
			}
		}
	}
	if gone == 0 || gone > 10 {
		t.Errorf("%d of 30 uploads are gone", gone)
	}
	for i, a := range small {
		if a.closed > 0 || !a.conn.Open() {
			t.Errorf("the small one %d was dropped", i)
		}
	}
	last := large[len(large)-1]
	last.socket.arrive([]byte("\n"))
	s.settle()
	if len(last.got) != 40<<10+1 {
		t.Errorf("the last upload was handled as %d bytes", len(last.got))
	}
	s.end()
}

// An operation that comes in pieces is as old as its first piece, and the next one is young again.
func TestFinishingAnOperationMakesTheNextOneYoung(t *testing.T) {
	const total, bound = 64 << 20, 256 << 10
	s := newStage(t, Config{Budget: Budget{Total: total, Unfinished: bound, Guarded: total}})
	busy := s.uploads(1, 30<<10, false)[0]
	idle := s.uploads(1, 30<<10, false)[0]
	busy.socket.arrive(append([]byte("\n"), filler(30<<10)...))
	s.settle()
	s.uploads(7, 30<<10, false)
	if idle.closed+boolInt(!idle.conn.Open()) == 0 || !busy.conn.Open() {
		t.Errorf("idle closed: %d, busy open: %v", idle.closed, busy.conn.Open())
	}
	s.end()
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestOfAGuardedConnectionLittleIsReadAtATime(t *testing.T) {
	s := newStage(t, Config{Budget: Budget{Total: 64 << 20, Unfinished: 16 << 20, Guarded: 4 << 20}})
	a := s.dial()
	s.l.Guard(a.conn)
	largest := 0
	a.receive = func(_ *actor, b []byte) (int, int) { largest = max(largest, len(b)); return len(b), 0 }
	a.socket.arrive(filler(20 << 10))
	s.settle()
	if largest > guardedRead || len(a.socket.in) > 0 {
		t.Errorf("%d bytes were read at a time, %d are left", largest, len(a.socket.in))
	}
	s.l.Trust(a.conn)
	a.socket.arrive(filler(20 << 10))
	s.settle()
	if largest <= guardedRead {
		t.Errorf("%d bytes at a time are read of one that is trusted", largest)
	}
	s.end()
}

// While guarded connections hold too much nobody is accepted, but that ends: who does not
// finish in time goes.
func TestAcceptingWaitsForGuardedConnectionsButNotForEver(t *testing.T) {
	const share = 256 << 10
	s := newStage(t, Config{Budget: Budget{Total: 64 << 20, Unfinished: 16 << 20, Guarded: share}})
	silent := s.dial()
	s.l.Guard(silent.conn)
	s.uploads(12, 30<<10, true)
	if n := len(s.acceptFailed); n > 0 && s.acceptFailed[0] != ErrCrowded {
		t.Fatalf("the host was told %v", s.acceptFailed)
	}
	waiting := s.k.dial(s.ln)
	s.pass(guardGrace / 2)
	if s.actorOf(waiting) != nil {
		t.Fatal("a connection was accepted while guarded ones hold too much")
	}
	s.pass(guardGrace)
	if s.actorOf(waiting) == nil {
		t.Error("nobody is accepted any more")
	}
	if !silent.conn.Open() {
		t.Error("the silent connection, which costs nothing, was closed")
	}
	if n := s.l.guarded.bytes; n > share {
		t.Errorf("guarded connections hold %d bytes", n)
	}
	s.end()
}

func TestGuardedConnectionsNeverHoldTwiceTheirShare(t *testing.T) {
	const share = 256 << 10
	s := newStage(t, Config{Budget: Budget{Total: 64 << 20, Unfinished: 16 << 20, Guarded: share}})
	actors := s.stopped(100)
	for _, a := range actors {
		s.l.Guard(a.conn)
		a.receive = func(_ *actor, b []byte) (int, int) { return 0, 1 << 20 }
	}
	for range 10 {
		for _, a := range actors {
			if a.closed == 0 {
				a.socket.arrive(filler(4 << 10))
			}
		}
		s.settle()
		if n := s.l.guarded.bytes; n > 2*share+partStep {
			t.Fatalf("guarded connections hold %d bytes", n)
		}
	}
	s.end()
}

// A loop that has stopped reading for good has nobody to clear away, and waits for its end asleep.
func TestAQuietLoopDoesNotLookAtGuardedConnections(t *testing.T) {
	const share = 256 << 10
	s := newStage(t, Config{Budget: Budget{Total: 64 << 20, Unfinished: 16 << 20, Guarded: share}})
	s.uploads(12, 30<<10, true)
	if !s.g.budget.crowded.Load() {
		t.Fatal("guarded connections do not hold too much")
	}
	s.l.quiet = true
	s.pass(10 * guardRetry)
	s.end()
}
