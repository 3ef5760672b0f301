package loop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The budget: who is cut when all together hold too much, and that nobody else is.

// stopped connects n readers that take nothing.
func (s *stage) stopped(n int) (readers []*actor) {
	s.t.Helper()
	for range n {
		a := s.dial()
		a.socket.room = 0
		readers = append(readers, a)
	}
	return readers
}

// message is what fills a block of its own, so that a model knows who holds what.
func message(n int) []byte { return bytes.Repeat([]byte("."), blockSize+n) }

const messageBlock = 256<<10 + blockCost // what one counts

// A holding is a reader of the model: how much it is owed, and in which blocks.
type holding struct {
	reader  *actor
	pending int
	blocks  []int
}

// cutFor is the model: readers in the order of what they are owed, cut until the blocks that
// the rest wants fit. slack is what the model does not know of.
func cutFor(held []holding, budget int) (cut int) {
	slices.SortFunc(held, func(a, b holding) int { return b.pending - a.pending })
	for ; cut < len(held); cut++ {
		wanted := map[int]bool{}
		pieces := 0
		for _, h := range held[cut:] {
			for _, b := range h.blocks {
				wanted[b] = true
			}
			if n := len(h.blocks) - 1; n > 0 { // as append grows it
				pieces += max(4, 1<<bitsFor(n))
			}
		}
		if len(wanted)*messageBlock+pieces*pieceCost <= budget {
			break
		}
	}
	return cut
}

func bitsFor(n int) (bits int) {
	for 1<<bits < n {
		bits++
	}
	return bits
}

// Cutting one of many that wait for the same bytes frees nothing: all behind the oldest go, in the
// order of what they are owed, and not one more.
func TestOverTheBudgetThoseWhoHoldMostAreCutAndNoneInVain(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			const total = 16 << 20
			s := newStage(t, Config{Budget: Budget{Total: total, Unfinished: total}, HeldMax: 1 << 30})
			readers := s.stopped(2 + r.IntN(12))
			held := make([]holding, len(readers))
			for i, a := range readers {
				held[i].reader = a
			}
			n := 20 + r.IntN(100)
			for m := range n {
				b, shared := message(1+r.IntN(1000)), r.IntN(3)
				span := s.span(b)
				for i, a := range readers {
					late := m >= n*i/len(readers)/2 // each a little later than the one before
					if shared > 0 && late || shared == 0 && i == m%len(readers) {
						a.sendSpan(span, b)
						held[i].pending += len(b)
						held[i].blocks = append(held[i].blocks, m)
					}
				}
			}
			s.l.nextBlock(blockSize) // the last message's counts as all do
			s.settle()
			want := cutFor(held, total)
			for i, h := range held {
				if gone := h.reader.closed > 0; gone != (i < want) || gone != (len(h.reader.reclaimed) == 1) {
					t.Errorf("of %d to cut, number %d by what it is owed, %d: closed %v, told %v", want, i, h.pending, gone, h.reader.reclaimed)
				}
			}
			if n := s.l.Held(); n > total {
				t.Errorf("%d bytes are held", n)
			}
			for _, a := range readers {
				a.socket.take(unlimited)
			}
			s.settle()
			for i, h := range held {
				if i >= want && !bytes.Equal(h.reader.socket.out, h.reader.want) {
					t.Errorf("an innocent got %d bytes of %d", len(h.reader.socket.out), len(h.reader.want))
				}
			}
			s.end()
		})
	}
}

func TestAFastReaderInABurstIsNotCutForThoseThatStand(t *testing.T) {
	const total = 16 << 20
	s := newStage(t, Config{Budget: Budget{Total: total, Unfinished: total}, HeldMax: 1 << 30})
	standing := s.stopped(16)
	for _, a := range standing {
		a.send(message(1))
	}
	s.pass(behindAfter + int64(time.Millisecond))
	fast := s.stopped(1)[0] // its socket is full for this moment
	for range 50 {
		fast.send(message(1))
	}
	s.settle()
	cut := 0
	for _, a := range standing {
		cut += a.closed
	}
	if cut == 0 || cut == len(standing) || fast.closed > 0 {
		t.Errorf("%d of those that stand were cut, and the fast one %d times", cut, fast.closed)
	}
	s.end()
}

// What nobody can give back now must not stop the loop: it is written, or is on its way.
func TestOverTheBudgetWithNobodyToBlameTheLoopGoesOn(t *testing.T) {
	s := newStage(t, Config{Budget: Budget{Total: 1 << 20, Unfinished: 1 << 20}})
	a := s.dial()
	s.l.Hold(2 << 20)
	s.l.wantTurn = true
	s.settle()
	a.socket.arrive([]byte("hello\n"))
	s.settle()
	if string(a.got) != "hello\n" || string(a.socket.out) != "hello\n" {
		t.Errorf("the loop handled %q and answered %q", a.got, a.socket.out)
	}
	s.l.Hold(-2 << 20)
	s.l.wantTurn = true
	s.settle()
	s.end()
}

// turnAll turns loops until all are idle.
func turnAll(t *testing.T, stages []*stage) {
	t.Helper()
	for range turnsMax {
		idle := true
		for _, s := range stages {
			s.l.turn()
			idle = s.idle() && idle
		}
		if idle {
			return
		}
	}
	t.Fatal("the loops do not come to rest")
}

// dialAll connects n peers to loops in turn.
func dialAll(t *testing.T, stages []*stage, n int) (actors []*actor) {
	t.Helper()
	for i := range n {
		socket := stages[0].k.dial(stages[0].ln)
		turnAll(t, stages)
		a := stages[i%len(stages)].actorOf(socket)
		if a == nil {
			t.Fatalf("connection %d is not on loop %d", i, i%len(stages))
		}
		actors = append(actors, a)
	}
	return actors
}

func endAll(t *testing.T, stages []*stage) {
	t.Helper()
	for _, s := range stages {
		s.l.Each(func(c *Conn, _ Peer) { s.l.Kill(c) })
	}
	turnAll(t, stages)
	for _, s := range stages {
		s.checkNothingHeld()
	}
	stages[0].g.Abandon()
}

// The loop that goes over the budget has little; who has much sleeps.
func TestTheWorstReaderIsCutOnWhicheverLoopItIs(t *testing.T) {
	for _, loops := range []int{2, 3} {
		const total = 16 << 20 // 64 blocks of a message
		stages := newStages(t, loops, Config{Budget: Budget{Total: total, Unfinished: total}, HeldMax: 1 << 30})
		readers := dialAll(t, stages, 2*loops)
		sent := 0
		for i, a := range readers {
			a.socket.room = 0
			n := 2
			if i%loops == loops-1 {
				n = 23 + i/loops
			}
			for range n {
				a.send(message(1 + i))
			}
			sent += n
		}
		turnAll(t, stages)
		for ; sent < 66; sent++ {
			if held := stages[0].g.Held(); held > total {
				t.Fatalf("%d loops: %d bytes are held", loops, held)
			}
			readers[0].send(message(1))
			turnAll(t, stages)
		}
		for i, a := range readers {
			if cut := i == 2*loops-1; cut != (a.closed == 1) {
				t.Errorf("%d loops: reader %d closed %d times", loops, i, a.closed)
			}
		}
		endAll(t, stages)
	}
}

// The memory of connections is given back behind the turn's look at the budget. Who sleeps then has told it.
func TestWhatTheClosedHeldDoesNotCountOn(t *testing.T) {
	for _, messages := range []int{1, 4} { // the last one is in the current block
		s := newStage(t, Config{Budget: Budget{Total: 16 << 20, Unfinished: 16 << 20}})
		a := s.stopped(1)[0]
		for range messages {
			a.send(message(1))
		}
		s.settle()
		if n := s.g.Held(); n < partStep {
			t.Fatalf("the loop has told that it holds %d bytes", n)
		}
		s.l.Kill(a.conn)
		for s.l.turn(); s.l.busy(); { // and then it would sleep
			s.l.turn()
		}
		if told, held := s.g.Held(), s.l.Held(); held != 0 || told >= partStep {
			t.Errorf("%d bytes are held of %d messages, and %d were told", held, messages, told)
		}
		s.end()
	}
}
