package loop

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// longInput is more than one visit reads and more than one visit may spend.
var longInput = []byte(strings.Repeat("0123456789 0123456789\n", 20_000))

// What came before the end is handled before the end is.
func TestDataAndFINInOneEdgeAreBothSeen(t *testing.T) {
	for _, input := range [][]byte{[]byte("PING\n"), longInput} {
		s := newStage(t, Config{})
		a := s.dial()
		a.socket.in = append(a.socket.in, input...)
		a.socket.finish()
		a.onEnded = func() {
			if !bytes.Equal(a.got, input) {
				t.Errorf("at the end %d of %d bytes were handled", len(a.got), len(input))
			}
		}
		s.settle()
		if a.ended != 1 || a.endErr != nil || a.closed != 1 {
			t.Errorf("ended %d times with %v, closed %d times", a.ended, a.endErr, a.closed)
		}
		if !bytes.Equal(a.socket.out, input) {
			t.Errorf("%d of %d bytes were answered", len(a.socket.out), len(input))
		}
		s.end()
	}
}

// A connection that was accepted and ended by its peer before the loop looked
// at it is answered all the same.
func TestAPeerThatHasGoneBeforeItIsAcceptedIsAnswered(t *testing.T) {
	s := newStage(t, Config{})
	socket := s.k.dial(s.ln)
	socket.arrive([]byte("PING\n"))
	socket.finish()
	s.settle()
	if string(socket.out) != "PING\n" || !socket.closed {
		t.Errorf("it got %q; closed is %v", socket.out, socket.closed)
	}
	s.end()
}

// A short read means drained, but not if the edge carried more than data: urgent
// data, or an end that no further edge announces.
func TestAShortReadIsTheEndOfAPlainEdgeOnly(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	reads := a.socket.reads
	a.socket.arrive([]byte("plain\n"))
	s.settle()
	if n := a.socket.reads - reads; n != 1 {
		t.Errorf("%d reads for a plain edge, want 1", n)
	}
	a.socket.in = append(a.socket.in, "urgent\nmore behind it\n"...)
	a.socket.mark = len("urgent\n")
	a.socket.finish()
	s.settle()
	if string(a.got) != "plain\nurgent\nmore behind it\n" || a.closed != 1 {
		t.Errorf("handled %q; closed %d times", a.got, a.closed)
	}
	s.end()
}

// The peer has sent its last byte but still reads: it gets what is pending.
func TestAHalfClosedPeerGetsWhatIsPending(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	a.socket.room = 3
	a.socket.arrive(longInput)
	s.settle()
	a.socket.finish()
	s.settle()
	if a.closed != 0 || a.ended != 1 {
		t.Fatalf("with bytes pending closed %d times, ended %d", a.closed, a.ended)
	}
	for range 10 {
		a.socket.take(len(longInput) / 9)
		s.settle()
	}
	if !bytes.Equal(a.socket.out, longInput) || a.closed != 1 {
		t.Errorf("the peer got %d of %d bytes; closed %d times", len(a.socket.out), len(longInput), a.closed)
	}
	s.end()
}

// A descriptor closed over unread input resets the connection, and the last
// word is lost. So it is read away, for a while.
func TestTheLastWordSurvivesUnreadInput(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	a.socket.arrive([]byte("quit\nunread"))
	s.settle()
	if string(a.socket.out) != "bye\n" || !a.socket.shut || a.closed != 0 {
		t.Fatalf("the peer got %q; shut down: %v; closed %d times", a.socket.out, a.socket.shut, a.closed)
	}
	a.socket.arrive([]byte("more of it\n"))
	s.settle()
	if len(a.socket.in) != 0 || a.closed != 0 || string(a.got) != "quit\n" {
		t.Fatalf("%d bytes unread; closed %d times; handled %q", len(a.socket.in), a.closed, a.got)
	}
	a.socket.finish()
	s.settle()
	if a.closed != 1 {
		t.Error("the connection is not closed when the peer has closed")
	}
	s.end()
}

// A peer that neither reads nor closes keeps neither the descriptor nor the loop.
func TestUnreadInputIsReadAwayOnlyForAWhile(t *testing.T) {
	s := newStage(t, Config{})
	silent, flood := s.dial(), s.dial()
	silent.socket.arrive([]byte("quit\n"))
	flood.socket.arrive([]byte("quit\n"))
	s.settle()
	rest := 4 * lingerBytes
	for range 100 {
		flood.socket.arrive(make([]byte, rest/100))
		s.settle()
	}
	if taken := rest/100*100 - len(flood.socket.in); flood.closed != 1 || taken > lingerBytes {
		t.Errorf("of %d bytes behind the last word %d were read; closed %d times", rest, taken, flood.closed)
	}
	s.pass(lingerTime - int64(time.Millisecond))
	if silent.closed != 0 {
		t.Error("closed before its time")
	}
	s.pass(int64(time.Millisecond) + 1<<tickBits)
	if silent.closed != 1 {
		t.Error("not closed after its time")
	}
	s.end()
}

// Kill ends at once: nothing is written, shut down or read any more.
func TestAKilledConnectionWritesNothingMore(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	a.receive = func(a *actor, b []byte) (int, int) {
		a.send([]byte("never seen"))
		s.l.Kill(a.conn)
		s.l.Close(a.conn)
		s.l.Kill(a.conn)
		return 0, 0
	}
	a.socket.arrive([]byte("x"))
	s.settle()
	if len(a.socket.out) != 0 || a.socket.shut || a.closed != 1 {
		t.Errorf("it wrote %q, shut down %v, closed %d times", a.socket.out, a.socket.shut, a.closed)
	}
	s.end()
}

// What a connection holds elsewhere is given back in slices; until then its
// descriptor stays, what is pending is written, and no further word is taken.
func TestAConnectionClosesWhenItsTeardownIsDone(t *testing.T) {
	for _, how := range []struct {
		name string
		end  func(l *Loop, c *Conn)
	}{{"Close", (*Loop).Close}, {"Kill", (*Loop).Kill}} {
		s := newStage(t, Config{})
		a := s.dial()
		a.left = 3
		a.send([]byte("last word"))
		how.end(s.l, a.conn)
		for range 3 {
			s.l.turn()
			if a.closed != 0 || a.socket.shut {
				t.Fatalf("%s: closed with the teardown half done", how.name)
			}
		}
		a.socket.finish()
		s.settle()
		if a.closed != 1 || a.left != -1 {
			t.Errorf("%s: closed %d times; Teardown was called %d times, want 4", how.name, a.closed, 3-a.left)
		}
		if wrote := string(a.socket.out); wrote != "last word" && how.name == "Close" || wrote != "" && how.name == "Kill" {
			t.Errorf("%s: the peer got %q", how.name, wrote)
		}
		s.end()
	}
}

// An owner that tells others of an end may be told of it in the middle of
// writing; what it sends then is written as well.
func TestWhatAnEndSendsToOthersIsWritten(t *testing.T) {
	s := newStage(t, Config{})
	left, dying, right := s.dial(), s.dial(), s.dial()
	dying.onEnded = func() {
		left.send([]byte("it has gone"))
		right.send([]byte("it has gone"))
	}
	dying.socket.err = unix.ECONNRESET
	dying.send([]byte("lost"))
	right.send([]byte("before: "))
	s.settle()
	left.send([]byte(", and after"))
	right.send([]byte(", and after"))
	s.settle()
	for _, a := range []*actor{left, right} {
		if !bytes.Equal(a.socket.out, a.want) {
			t.Errorf("got %q of %q", a.socket.out, a.want)
		}
	}
	s.end()
}

// Many connections that hold much elsewhere end at once: others are served meanwhile.
func TestManyTeardownsHoldUpNobody(t *testing.T) {
	s := newStage(t, Config{})
	quiet := s.dial()
	for range 200 {
		s.dial().onTeardown = func() { s.k.clock += int64(time.Millisecond) / 2 }
	}
	for _, a := range s.actors[1:] {
		a.socket.finish()
	}
	quiet.socket.arrive([]byte("PING\n"))
	start := s.k.clock
	for len(quiet.socket.out) == 0 {
		s.l.turn()
	}
	if wait := s.k.clock - start; wait > 2*turnTimeMax {
		t.Errorf("a quiet connection was answered after %v", time.Duration(wait))
	}
	s.settle()
	s.end()
}
