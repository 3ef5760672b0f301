package loop

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wantOfRoom is what accept says when the system has no room, or not now.
var wantOfRoom = []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EPERM, unix.EHOSTUNREACH}

// failAccept makes accept on one listener, or on all if it is nil, answer errno
// while *on is true.
func (s *stage) failAccept(ln *madeUpListener, errno unix.Errno, on *bool) {
	s.k.script = func(name syscallName, _, fd int) error {
		if name == callAccept && *on && (ln == nil || fd == ln.fd) {
			return errno
		}
		return nil
	}
}

// eachWantOfRoom runs a test with one connection and two more that wait since
// accept fails.
func eachWantOfRoom(t *testing.T, test func(t *testing.T, s *stage, first *actor, failing *bool)) {
	for _, errno := range wantOfRoom {
		t.Run(errno.Error(), func(t *testing.T) {
			s, failing := newStage(t, Config{}), false
			s.failAccept(nil, errno, &failing)
			first := s.dial()
			failing = true
			s.k.dial(s.ln)
			s.k.dial(s.ln)
			s.settle()
			if len(s.actors) != 1 || len(s.acceptFailed) == 0 || s.acceptFailed[0] != errno {
				t.Fatalf("%d connections, and the host was told %v", len(s.actors), s.acceptFailed)
			}
			test(t, s, first, &failing)
			s.end()
		})
	}
}

// No new edge comes for those who wait already.
func TestAcceptGoesOnATenthOfASecondAfterItFailed(t *testing.T) {
	eachWantOfRoom(t, func(t *testing.T, s *stage, first *actor, failing *bool) {
		*failing = false
		s.pass(int64(99 * time.Millisecond))
		if n := len(s.actors); n != 1 {
			t.Errorf("%d connections before the time", n)
		}
		s.pass(int64(time.Millisecond))
		if n := len(s.actors); n != 3 {
			t.Errorf("%d connections after a tenth of a second, want 3", n)
		}
		if !first.conn.Open() {
			t.Error("the connection that was there has ended")
		}
	})
}

func TestAcceptGoesOnWhenADescriptorIsClosed(t *testing.T) {
	eachWantOfRoom(t, func(t *testing.T, s *stage, first *actor, failing *bool) {
		*failing = false
		before := s.k.clock
		s.l.Kill(first.conn)
		s.settle()
		if n := len(s.actors); n != 3 || s.k.clock != before {
			t.Errorf("%d connections after a close and %v, want 3 at once", n, time.Duration(s.k.clock-before))
		}
	})
}

// Ten tries a second, and one more for each close: whoever spins here takes the
// processor from the connections there are.
func TestAFailingAcceptDoesNotSpin(t *testing.T) {
	eachWantOfRoom(t, func(t *testing.T, s *stage, first *actor, _ *bool) {
		accepts, waits := s.k.calls[callAccept], s.k.calls[callWait]
		s.pass(int64(10 * time.Second))
		accepts, waits = s.k.calls[callAccept]-accepts, s.k.calls[callWait]-waits
		// A hundred tries in ten seconds; each costs a wait for the time to come, and
		// the stage looks two turns more.
		if accepts > 101 || waits > 4*101 {
			t.Errorf("in ten seconds without room %d accepts and %d waits", accepts, waits)
		}
		accepts, waits = s.k.calls[callAccept], s.k.calls[callWait]
		s.l.Kill(first.conn)
		s.settle()
		accepts, waits = s.k.calls[callAccept]-accepts, s.k.calls[callWait]-waits
		if accepts != 1 || waits > 8 {
			t.Errorf("after one close, still without room, %d accepts and %d waits", accepts, waits)
		}
	})
}

// One listener's failure is not forgotten because another has something to accept.
func TestAFailedListenerIsTriedAgainWhileAnotherAccepts(t *testing.T) {
	s, failing := newStage(t, Config{}), true
	busy := s.listen()
	s.failAccept(s.ln, unix.EPERM, &failing)
	waiting := s.k.dial(s.ln)
	s.settle()
	failing = false
	for range 11 {
		s.k.dial(busy)
		s.pass(int64(10 * time.Millisecond))
	}
	if !waiting.accepted {
		t.Error("after 110 ms the connection waits still")
	}
	s.end()
}

// A connection that gave up while it waited is no reason to let the others wait.
func TestAcceptGoesOnBehindAnAbortedConnection(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ECONNABORTED, unix.EPROTO, unix.EINTR} {
		s := newStage(t, Config{})
		s.k.script = func(name syscallName, n, _ int) error {
			if name == callAccept && n%2 == 1 {
				return errno
			}
			return nil
		}
		for range 10 {
			s.k.dial(s.ln)
		}
		s.l.turn()
		want := 5 // each time one is aborted and one accepted
		if errno == unix.EINTR {
			want = 10
		}
		if n := len(s.actors); n != want || len(s.acceptFailed) != 0 {
			t.Errorf("%v: %d connections after one turn, want %d; the host was told %v", errno, n, want, s.acceptFailed)
		}
		s.end()
	}
}

// A storm of new connections does not keep the old ones waiting.
func TestWaitingConnectionsAreAcceptedInSlices(t *testing.T) {
	s := newStage(t, Config{})
	first := s.dial()
	const storm = 5*acceptSlice + 17
	for range storm {
		s.k.dial(s.ln)
	}
	for turn := 1; len(s.actors) < 1+storm; turn++ {
		first.socket.arrive([]byte("ping\n"))
		before := len(s.actors)
		s.l.turn()
		if n := len(s.actors) - before; n > acceptSlice || n == 0 {
			t.Fatalf("turn %d accepts %d connections", turn, n)
		}
		if want := turn * len("ping\n"); len(first.socket.out) != want {
			t.Fatalf("after turn %d of the storm the first connection got %d bytes, want %d", turn, len(first.socket.out), want)
		}
	}
	s.end()
}

// A socket the host refuses is closed and counted out, and the next is adopted.
func TestARefusedSocketIsClosed(t *testing.T) {
	s := newStage(t, Config{})
	s.refuse = func(fd int) bool { return len(s.k.sockets) < 3 }
	one, two := s.k.dial(s.ln), s.k.dial(s.ln)
	s.settle()
	if !one.closed || !two.closed || s.l.connCount.Load() != 0 {
		t.Errorf("closed: %v %v, counted: %d", one.closed, two.closed, s.l.connCount.Load())
	}
	if a := s.dial(); a.opened != 1 {
		t.Errorf("the third was opened %d times", a.opened)
	}
	s.end()
}
