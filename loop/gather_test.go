package loop

import (
	"bytes"
	"testing"
)

// A spread is one peer that says something to each of many others in turn.
type spread struct {
	*stage
	from *actor
	to   []*actor
	next int
}

// newSpread has n peers to speak to. Reads and writes take as long as on a real system.
func newSpread(t *testing.T, n int) *spread {
	s := &spread{stage: newStage(t, Config{})}
	s.from = s.dial()
	for range n {
		s.to = append(s.to, s.dial())
	}
	s.from.receive = func(a *actor, b []byte) (done, need int) {
		for {
			i := bytes.IndexByte(b[done:], '\n')
			if i < 0 {
				return done, 0
			}
			s.to[s.next].send(b[done : done+i+1])
			s.next = (s.next + 1) % len(s.to)
			done += i + 1
		}
	}
	s.k.script = func(name syscallName, _, _ int) error {
		switch name {
		case callRead:
			s.k.clock += 100_000
		case callWrite, callWritev:
			s.k.clock += 3_000
		}
		return nil
	}
	return s
}

// say has the peer say n lines of 100 bytes.
func (s *spread) say(n int) {
	line := append(bytes.Repeat([]byte("x"), 99), '\n')
	s.from.socket.arrive(bytes.Repeat(line, n))
}

// writes is how many writes were made so far.
func (s *spread) writes() int { return s.k.calls[callWrite] + s.k.calls[callWritev] }

// What is spread thin over many connections is gathered before it is written.
func TestWhatIsSpreadThinIsGathered(t *testing.T) {
	s := newSpread(t, 500)
	before := s.writes()
	s.say(10 * 500) // eight visits
	s.settle()
	if n := s.writes() - before; n > 500+500/10 {
		t.Errorf("ten lines each took %d writes to 500 connections", n)
	}
	for i, a := range s.to {
		if len(a.socket.out) != 10*100 {
			t.Fatalf("connection %d had %d bytes of 1000", i, len(a.socket.out))
		}
	}
	s.end()
}

// Few connections are written to at the end of each turn: their bytes wait for nobody.
func TestWhatGoesToFewIsNotHeldBack(t *testing.T) {
	s := newSpread(t, thinMin-1)
	load, reads := s.k.script, s.k.calls[callRead]
	s.k.script = func(name syscallName, n, fd int) error {
		if len(s.to[0].socket.out) == 0 && s.k.calls[callRead] > reads+2 {
			t.Fatal("two visits have caused no write")
		}
		return load(name, n, fd)
	}
	s.say(2_000) // four visits
	s.settle()
	s.end()
}

// Whoever asks something while others' messages are gathered is answered first, and
// soon.
func TestAQuestionEndsGathering(t *testing.T) {
	s := newSpread(t, 500)
	quiet := s.dial()
	load, reads, writes := s.k.script, s.k.calls[callRead], s.writes()
	s.k.script = func(name syscallName, n, fd int) error {
		if name == callRead && n == reads+2 { // in the middle of the gathering
			quiet.socket.arrive([]byte("here?\n"))
		}
		if name == callWrite && fd == int(quiet.conn.fd) {
			if s.writes() != writes+1 {
				t.Errorf("the answer waited for %d writes to others", s.writes()-writes-1)
			}
			if n := s.k.calls[callRead] - reads; n > 4 {
				t.Errorf("the question was the third read, its answer waited for the %dth", n)
			}
		}
		return load(name, n, fd)
	}
	s.say(10 * 500)
	s.settle()
	if string(quiet.socket.out) != "here?\n" {
		t.Errorf("the answer was %q", quiet.socket.out)
	}
	s.end()
}

// So is one that others' messages wait for as well: its answer ends the gathering.
func TestAQuestionOfWhoIsOwedEndsGathering(t *testing.T) {
	s := newSpread(t, 500)
	asker := s.to[0]
	load, reads, writes := s.k.script, s.k.calls[callRead], s.writes()
	asked, left := 0, 0
	s.k.script = func(name syscallName, n, fd int) error {
		if name == callRead && n == reads+2 { // in the middle of the gathering
			asker.socket.arrive([]byte("here?\n"))
		}
		if name == callRead && fd == int(asker.conn.fd) {
			asked = n
		}
		if left == 0 && s.writes() > writes {
			left = s.k.calls[callRead]
		}
		return load(name, n, fd)
	}
	s.say(20 * 500)
	s.settle()
	if asked == 0 || left > asked+1 {
		t.Errorf("the question was read number %d; %d were made before anything was written", asked-reads, left-reads)
	}
	if !bytes.Contains(asker.socket.out, []byte("here?\n")) {
		t.Error("there was no answer")
	}
	s.end()
}
