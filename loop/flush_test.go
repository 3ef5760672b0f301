package loop

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// A crowd is pairs of peers, each of which answers its partner's line with its
// own as soon as it has it: together they keep a loop busy for ever.
type crowd struct {
	*stage
	partner map[*actor]*actor
	read    map[*actor]int // bytes of the socket's output that the peer has seen
}

// newCrowd has n pairs talk, with lines of the given size. A write takes as long
// as on a real system, so a turn cannot flush all that its events cause.
func newCrowd(t *testing.T, n, size int) *crowd {
	c := &crowd{stage: newStage(t, Config{}), partner: make(map[*actor]*actor), read: make(map[*actor]int)}
	for range n {
		a, b := c.dial(), c.dial()
		c.partner[a], c.partner[b] = b, a
	}
	c.k.script = func(name syscallName, _, _ int) error {
		if name == callWrite || name == callWritev {
			c.k.clock += 4_000
		}
		return nil
	}
	line := append(bytes.Repeat([]byte("x"), size-1), '\n')
	for _, a := range c.actors {
		a.receive = func(a *actor, b []byte) (int, int) {
			to := c.partner[a]
			c.l.Send(to.conn, c.span(b))
			return len(b), 0
		}
		a.socket.arrive(line)
	}
	return c
}

// turn is one turn of the loop, and its peers' answers to it.
func (c *crowd) turn() {
	c.l.turn()
	for a := range c.partner {
		if fresh := a.socket.out[c.read[a]:]; len(fresh) > 0 {
			a.socket.arrive(fresh)
			a.socket.out, c.read[a] = a.socket.out[:0], 0
		}
	}
}

// Connections are listed to be written to while others still wait: the list may
// never be empty again, and must not grow by what has been written.
func TestAListThatIsNeverEmptyDoesNotGrow(t *testing.T) {
	c := newCrowd(t, 600, 100)
	for range 5_000 {
		c.turn()
	}
	if n := cap(c.l.dirtyList); n > 8*c.l.open {
		t.Errorf("the list has room for %d connections, of which there are %d", n, c.l.open)
	}
	c.end()
}

// Whoever has more to say than one visit allows is heard although others
// keep the loop busy writing, whatever they say.
func TestABusyLoopHearsWhoHasMuchToSay(t *testing.T) {
	for _, size := range []int{100, 10_000} {
		t.Run(fmt.Sprintf("lines=%d", size), func(t *testing.T) {
			c := newCrowd(t, 600, size)
			for range 1_000 {
				c.turn()
			}
			a := c.dialAmong()
			a.socket.arrive(longInput)
			for range 2_000 {
				c.turn()
			}
			if len(a.got) != len(longInput) {
				t.Errorf("%d of %d bytes were handled in 2,000 turns", len(a.got), len(longInput))
			}
			c.end()
		})
	}
}

// dialAmong connects one more peer while the others go on.
func (c *crowd) dialAmong() *actor {
	c.t.Helper()
	socket := c.k.dial(c.ln)
	for range 100 {
		c.turn()
		if a := c.actorOf(socket); a != nil {
			return a
		}
	}
	c.t.Fatal("the connection was not adopted")
	return nil
}

// A reader that was stopped has many pieces waiting, and takes them as fast as they are
// written: others are served meanwhile.
func TestAReaderThatGoesOnHoldsUpNobody(t *testing.T) {
	s := newStage(t, Config{WriteDeadline: int64(time.Hour)})
	reader, other, quiet := s.dial(), s.dial(), s.dial()
	reader.socket.room, other.socket.room = 0, 0
	for range 100_000 { // taking turns, so that no two pieces of one join
		reader.send(noise[:100])
		other.send(noise[:100])
	}
	s.settle()
	var asked, answered int64
	s.k.script = func(name syscallName, _, fd int) error {
		switch {
		case name == callWritev && fd == reader.socket.fd:
			if s.k.clock += 5_000; asked == 0 {
				asked = s.k.clock
				quiet.socket.arrive([]byte("PING\n"))
			}
		case name == callWrite && fd == quiet.socket.fd:
			answered = s.k.clock
		}
		return nil
	}
	reader.socket.take(unlimited)
	s.settle()
	if !bytes.Equal(reader.socket.out, reader.want) {
		t.Errorf("the reader got %d of %d bytes", len(reader.socket.out), len(reader.want))
	}
	if wait := answered - asked; answered == 0 || wait > int64(time.Millisecond) {
		t.Errorf("a quiet connection was answered after %v", time.Duration(wait))
	}
	s.end()
}
