package loop

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// heldBound is what slow.go promises, with what may change before another run
// of compact is tried: a step more held, a step less wanted (which counts
// twice), and the blocks that a run is just filling.
func (s *stage) heldBound() int {
	wanted := 0
	s.l.Each(func(c *Conn, _ Peer) { wanted += c.pending })
	return s.l.group.config.HeldMax + 2*wanted + 3*compactStep + 2*blockSize
}

func (s *stage) checkHeld(when string) {
	s.t.Helper()
	if held, bound := s.l.heldBytes, s.heldBound(); held > bound {
		s.t.Fatalf("%s: %d bytes of blocks are held, the bound is %d", when, held, bound)
	}
}

// checkPrefix says that a socket took nothing but the beginning of what was sent.
func (s *stage) checkPrefix(r *rand.Rand) {
	s.t.Helper()
	a := s.actors[r.IntN(len(s.actors))]
	if !bytes.HasPrefix(a.want, a.socket.out) {
		s.t.Fatalf("the %d bytes a socket took are not the beginning of the %d it was sent", len(a.socket.out), len(a.want))
	}
}

// Whatever is sent in whatever way, and however little the sockets take: each
// gets exactly its bytes, in order.
func TestEachSocketGetsExactlyWhatItWasSent(t *testing.T) {
	for _, size := range []struct {
		name             string
		span, steps, few int
	}{{"tiny spans", 40, 400, 25}, {"spans up to a few KB", 6000, 400, 15}, {"spans larger than a block", 2 * blockSize, 150, 4}} {
		t.Run(size.name, func(t *testing.T) {
			eachSeed(t, size.few, func(t *testing.T, r *rand.Rand) {
				s := newStage(t, Config{HeldMax: 1 << (16 + r.IntN(4)), WriteDeadline: int64(time.Hour), NoBatch: r.IntN(2) == 0})
				o := &outputRun{stage: s, r: r, spanMax: size.span}
				o.fail()
				for range 8 {
					o.connect()
				}
				for range size.steps {
					o.step()
					s.checkPrefix(r)
				}
				o.drain()
			})
		})
	}
}

// outputRun sends at random.
type outputRun struct {
	*stage
	r       *rand.Rand
	spanMax int
	kills   int
}

// fail lets writes be interrupted and find no memory now and then.
func (o *outputRun) fail() {
	o.k.script = func(name syscallName, _, _ int) error {
		if name != callWrite && name != callWritev {
			return nil
		}
		switch o.r.IntN(20) {
		case 0:
			return unix.EINTR
		case 1:
			return unix.EAGAIN
		case 2:
			return unix.ENOBUFS
		}
		return nil
	}
}

func (o *outputRun) connect() {
	a := o.dial()
	a.left = o.r.IntN(3)
	a.socket.room = 0
	if o.r.IntN(2) == 0 {
		a.socket.cutOut = func(n int) int { return 1 + o.r.IntN(n) }
	}
}

// noise is what random spans are cut from, so that no two places in it look alike.
var noise = func() []byte {
	b := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

func (o *outputRun) bytes() []byte {
	from := o.r.IntN(len(noise) / 2)
	return noise[from : from+1+o.r.IntN(o.spanMax)]
}

func (o *outputRun) step() {
	a := o.actors[o.r.IntN(len(o.actors))]
	switch o.r.IntN(16) {
	case 0, 1, 2:
		a.send(o.bytes())
	case 3:
		b := o.bytes()
		skip := o.r.IntN(len(b))
		a.sendSpan(o.span(b).From(skip), b[skip:])
	case 4, 5, 6:
		body := []byte(nil)
		if o.r.IntN(2) == 0 {
			body = o.bytes()
		}
		o.checkOver(o.fanout(o.bytes(), body, o.spanMax), o.spanMax)
	case 7:
		b := o.bytes()
		span := o.l.SpanOf(o.share(b))
		for _, other := range o.actors {
			if o.r.IntN(2) == 0 {
				other.sendSpan(span, b)
			}
		}
	case 8, 9, 10:
		a.socket.take(o.r.IntN(2 * o.spanMax))
	case 11, 12, 13:
		o.l.turn()
		o.checkHeld("after a turn")
	case 14:
		o.pass(int64(10 * time.Millisecond))
		o.checkHeld("after a pause")
	default:
		o.endOne(a)
	}
}

// endOne ends a connection now and then, and connects another for it.
func (o *outputRun) endOne(a *actor) {
	if !a.conn.Open() || o.r.IntN(3) > 0 {
		return
	}
	if o.r.IntN(2) == 0 {
		a.send([]byte("last word"))
		o.l.Close(a.conn)
	} else {
		o.l.Kill(a.conn)
		o.kills++
	}
	o.connect()
}

// checkOver compares Fanout's answer with what is pending.
func (o *outputRun) checkOver(over []*Conn, softMax int) {
	want := 0
	for _, a := range o.actors {
		if a.conn.Open() && a.conn.pending > softMax {
			want++
		}
	}
	for _, c := range over {
		if c.pending <= softMax {
			o.t.Fatalf("a connection with %d bytes pending is named as having more than %d", c.pending, softMax)
		}
	}
	if len(over) != want {
		o.t.Fatalf("Fanout names %d connections, %d have more than %d bytes pending", len(over), want, softMax)
	}
}

// drain lets all sockets take everything and compares.
func (o *outputRun) drain() {
	o.k.script = nil
	for _, a := range o.actors {
		a.socket.take(unlimited)
	}
	o.pass(int64(3 * time.Second))
	killed := 0
	for i, a := range o.actors {
		if bytes.Equal(a.socket.out, a.want) {
			continue
		}
		if killed++; killed > o.kills || !bytes.HasPrefix(a.want, a.socket.out) {
			o.t.Errorf("connection %d got %d bytes of %d", i, len(a.socket.out), len(a.want))
		}
	}
	if o.l.heldBytes != 0 {
		o.t.Errorf("%d bytes of blocks are held when nobody wants any", o.l.heldBytes)
	}
	o.end()
}

// mostly sends rounds of a large piece to one connection and a small one to
// another, about ten to a block.
func (s *stage) mostly(large, small *actor, rounds int) {
	for i := range rounds {
		large.send(bytes.Repeat([]byte{byte(i)}, 12_000))
		small.send(bytes.Repeat([]byte{byte(i)}, 800))
		if i%20 == 19 {
			s.settle()
			s.checkHeld("while both are stopped")
		}
	}
}

// A block is held for the little that one slow reader wants of it, from the
// moment another has taken the rest: that too must be noticed, and a time at
// which much was wanted must not raise the bound for later.
func TestHeldMemoryFallsWithWhatIsWanted(t *testing.T) {
	s := newStage(t, Config{HeldMax: 1 << 20, WriteDeadline: int64(time.Hour)})
	large, small := s.dial(), s.dial()
	large.socket.room, small.socket.room = 0, 0
	s.mostly(large, small, 1000)
	for large.conn.pending > 0 {
		large.socket.take(300_000)
		s.settle()
		s.checkHeld("while the large reader reads")
	}
	small.socket.take(unlimited)
	s.settle()
	small.socket.room, large.socket.room = 0, unlimited
	s.mostly(large, small, 1000)
	s.checkHeld("the second time")
	small.socket.take(unlimited)
	s.settle()
	for _, a := range []*actor{large, small} {
		if !bytes.Equal(a.socket.out, a.want) {
			t.Errorf("got %d bytes that differ from the %d sent", len(a.socket.out), len(a.want))
		}
	}
	s.end()
}
