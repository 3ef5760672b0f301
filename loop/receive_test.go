package loop

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// operationHead is the length, in four bytes, that the made-up protocol of
// these tests puts in front of each operation; the length counts itself.
const operationHead = 4

// operations is a peer that sends operations and one that handles them.
type operations struct {
	*actor
	r    *rand.Rand
	sent []byte   // what the peer has still to send
	want [][]byte // what was sent and is not handled yet
	seen int
}

// write makes one operation of n bytes to be sent.
func (o *operations) write(n int) {
	op := binary.BigEndian.AppendUint32(nil, uint32(n))
	from := o.r.IntN(len(noise) - n)
	op = append(op, noise[from:from+n-operationHead]...)
	o.sent = append(o.sent, op...)
	o.want = append(o.want, op)
}

// handle takes whole operations, but stops when it likes to and tells what is
// missing only when it likes to.
func (o *operations) handle(_ *actor, b []byte) (n, need int) {
	if o.conn.Parked() {
		o.s.t.Fatal("a parked connection is visited")
	}
	for len(b)-n >= operationHead {
		size := int(binary.BigEndian.Uint32(b[n:]))
		if len(b)-n < size {
			if o.r.IntN(4) == 0 {
				return n, 0
			}
			return n, size
		}
		switch o.r.IntN(12) {
		case 0:
			return n, Again
		case 1:
			o.s.l.Park(o.conn, int64(o.r.IntN(3))*int64(time.Millisecond))
			return n, Again
		case 2:
			o.s.l.Spend(workMax / 2)
		}
		o.check(b[n : n+size])
		n += size
		if o.s.l.Exhausted() && len(b)-n >= operationHead {
			return n, Again
		}
	}
	return n, 0
}

// check compares one operation with the next that was sent.
func (o *operations) check(op []byte) {
	if len(o.want) == 0 || !bytes.Equal(op, o.want[0]) {
		o.s.t.Fatalf("operation %d, of %d bytes, is not the one that was sent", o.seen, len(op))
	}
	o.want = o.want[1:]
	o.seen++
}

// operationSize is mostly small, now and then larger than any buffer.
func operationSize(r *rand.Rand, largest int) int {
	most := []int{20, 20, 300, 5000, headRoom + 100, readSize + 100, 300 << 10}[r.IntN(7)]
	return operationHead + r.IntN(min(most, largest))
}

// However input is cut and whenever its owner stops: each operation is handled
// once, in order, intact, and no memory of it is kept.
func TestEachOperationIsHandledOnceInOrderAndIntact(t *testing.T) {
	eachSeed(t, 25, func(t *testing.T, r *rand.Rand) {
		s := newStage(t, Config{})
		s.p.mix = func(events []int) {
			r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		}
		var all []*operations
		for range 4 {
			o := &operations{actor: s.dial(), r: r}
			o.receive = o.handle
			size, most := 300<<10, 1<<(11+r.IntN(6))
			switch r.IntN(3) {
			case 0:
				size, most = 300, 8
				fallthrough
			case 1:
				o.socket.cutIn = func(n int) int { return 1 + r.IntN(min(n, most)) }
			}
			for range 30 {
				o.write(operationSize(r, size))
			}
			all = append(all, o)
		}
		for slices.ContainsFunc(all, func(o *operations) bool { return len(o.sent) > 0 }) {
			o := all[r.IntN(len(all))]
			n := min(len(o.sent), 1+r.IntN(1<<(1+r.IntN(18))))
			o.socket.arrive(o.sent[:n])
			o.sent = o.sent[n:]
			s.l.turn()
			if r.IntN(4) == 0 {
				s.pass(int64(time.Millisecond))
			}
			o.s.l.Unpark(all[r.IntN(len(all))].conn)
		}
		s.finishOperations(all)
		s.end()
	})
}

// finishOperations lets everything be handled and looks at what is kept.
func (s *stage) finishOperations(all []*operations) {
	s.t.Helper()
	for tries := 0; tries < 1000 && slices.ContainsFunc(all, func(o *operations) bool { return len(o.want) > 0 }); tries++ {
		s.pass(int64(time.Millisecond))
		for _, o := range all {
			s.l.Unpark(o.conn)
		}
	}
	for i, o := range all {
		if len(o.want) > 0 || o.conn.in != nil || !o.conn.Open() {
			s.t.Errorf("connection %d: %d operations are not handled; it keeps input: %v; open: %v", i, len(o.want), o.conn.in != nil, o.conn.Open())
		}
	}
	if s.l.inputBytes != 0 {
		s.t.Errorf("%d bytes of input are kept when all of it is handled", s.l.inputBytes)
	}
}

// A peer that announces much and sends little costs little, however it cuts it.
func TestInputMemoryFollowsWhatArrivedAndNotWhatIsAnnounced(t *testing.T) {
	for _, pieces := range [][]int{{4}, {4, 1, 1, 1}, {100, 100, 100}, {4000, 4000, 1}, {30_000, 1, 1}, {60_000, 1, 10_000}, {50_000, 50_000, 50_000, 50_000}} {
		s := newStage(t, Config{})
		a := s.dial()
		a.receive = func(_ *actor, b []byte) (int, int) { return 0, 8 << 20 }
		arrived := 0
		for _, n := range pieces {
			a.socket.arrive(noise[:n])
			arrived += n
			s.settle()
			if kept := s.l.inputBytes; kept > max(4*arrived, inputGrain) || kept < arrived {
				t.Errorf("%v: %d bytes are kept when %d arrived", pieces, kept, arrived)
			}
		}
		s.end()
	}
}

// An operation that nobody else waits behind does not take the whole turn: one
// visit reads once, and those who have just become ready go first.
func TestAFloodIsReadInSharesAndTheOthersGoBetween(t *testing.T) {
	s := newStage(t, Config{})
	flood, quiet := s.dial(), s.dial()
	flood.socket.arrive(bytes.Repeat(longInput, 3))
	for turn := 1; len(flood.socket.in) > 0; turn++ {
		quiet.socket.arrive([]byte("PING\n"))
		before := len(flood.socket.in)
		s.l.turn()
		if got := len(quiet.socket.out); got != turn*len("PING\n") {
			t.Fatalf("after turn %d the quiet peer got %d bytes", turn, got)
		}
		if took := before - len(flood.socket.in); took > 2*readSize { // for its event, and in the run queue
			t.Fatalf("one turn read %d bytes of the flood", took)
		}
	}
	s.settle()
	if !bytes.Equal(flood.got, bytes.Repeat(longInput, 3)) {
		t.Errorf("%d bytes of the flood were handled", len(flood.got))
	}
	s.end()
}

// In front of an urgent byte a read says EAGAIN when a signal waits for the thread, and Go sends
// itself signals all the time. What stands behind the byte is input all the same.
func TestInputBehindAnUrgentByteIsReadThoughASignalWaits(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	s.settle()
	var got []byte
	a.receive = func(_ *actor, b []byte) (int, int) {
		got = append(got, b...)
		return len(b), 0
	}
	a.socket.signal = true
	a.socket.in = append(a.socket.in, "NG\r\n"...)
	a.socket.happen(Readable | Hangup)
	s.settle()
	if string(got) != "NG\r\n" {
		t.Errorf("%q was read", got)
	}
	s.end()
}
