package loop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// frames is a layer that puts bytes into frames, changed, so that nothing passes by it unnoticed: two
// bytes of length, then the bytes with their bits turned around. An empty frame is the end. A frame
// of one byte 'k' is a question that the layer itself answers.
type frames struct {
	in      []byte
	plain   []byte
	answers []byte
	end     error
	sealErr error
	fails   error // what Open says of a frame longer than frameMax
	seals   int
	largest int // piece that was sealed at once
}

const frameMax = 16 << 10

func turned(b []byte) []byte {
	t := make([]byte, len(b))
	for i := range b {
		t[i] = ^b[i]
	}
	return t
}

// frame appends b as frames.
func frame(dst, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), frameMax)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
		dst = append(dst, turned(b[:n])...)
		b = b[n:]
	}
	return dst
}

// unframe is the peer's side: what was sealed, and whether the end was said.
func unframe(t *testing.T, b []byte) (plain []byte, ended bool) {
	t.Helper()
	for len(b) > 0 {
		if ended {
			t.Fatalf("%d bytes behind the farewell", len(b))
		}
		n := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+n {
			t.Fatalf("a frame of %d bytes is cut at %d", n, len(b)-2)
		}
		plain = append(plain, turned(b[2:2+n])...)
		b = b[2+n:]
		ended = n == 0
	}
	return plain, ended
}

func (f *frames) Open(dst, in []byte) (n int, more bool, err error) {
	f.in = append(f.in, in...)
	for f.end == nil && len(f.in) >= 2 {
		size := int(binary.BigEndian.Uint16(f.in))
		if size > frameMax {
			f.end, f.answers = f.fails, append(f.answers, 0, 1, ^byte('!'))
			break
		}
		if len(f.in) < 2+size {
			break
		}
		switch b := turned(f.in[2 : 2+size]); {
		case size == 0:
			f.end = io.EOF
		case string(b) == "k":
			f.answers = frame(f.answers, []byte("K"))
		default:
			f.plain = append(f.plain, b...)
		}
		f.in = f.in[2+size:]
	}
	n = copy(dst, f.plain)
	f.plain = f.plain[n:]
	if n == 0 && f.end != nil {
		return 0, false, f.end
	}
	return n, len(f.plain) > 0 || f.end != nil, nil
}

func (f *frames) Answer(dst []byte) []byte {
	dst = append(dst, f.answers...)
	f.answers = nil
	return dst
}

func (f *frames) Seal(dst, plain []byte) ([]byte, error) {
	f.seals++
	f.largest = max(f.largest, len(plain))
	return frame(dst, plain), f.sealErr
}

func (f *frames) Farewell(dst []byte) []byte { return append(dst, 0, 0) }

// sealed is dial, and the layer is for both directions from now on.
func (s *stage) sealed() (*actor, *frames) {
	s.t.Helper()
	a := s.dial()
	f := &frames{fails: errors.New("no frame")}
	s.l.Interpose(a.conn, f)
	s.l.SealOutput(a.conn, f)
	s.settle()
	return a, f
}

// check compares what the socket took with what was sent to the connection.
func (a *actor) check(ended bool) {
	a.s.t.Helper()
	got, end := unframe(a.s.t, a.socket.out)
	if !bytes.Equal(got, a.want) {
		a.s.t.Errorf("the peer got %d bytes that differ from the %d sent", len(got), len(a.want))
	}
	if end != ended {
		a.s.t.Errorf("the farewell was said: %v, want %v", end, ended)
	}
}

// Input and output come through whole however they are cut, and the end is said on both sides.
func TestLayerCutAtEveryByte(t *testing.T) {
	in := frame(frame(frame(nil, []byte("one\ntw")), []byte("o\n")), []byte("k"))
	in = append(frame(in, []byte("three\nquit\n")), 0, 0)
	for cut := range len(in) + 1 {
		s := newStage(t, Config{})
		a, _ := s.sealed()
		a.socket.arrive(in[:cut])
		s.settle()
		a.socket.arrive(in[cut:])
		s.settle()
		got, ended := unframe(t, a.socket.out)
		if string(got) != "one\ntwo\nKthree\nbye\n" && string(got) != "Kone\ntwo\nthree\nbye\n" && string(got) != "one\nKtwo\nthree\nbye\n" || !ended {
			t.Errorf("cut at %d: the peer got %q, end %v", cut, got, ended)
		}
		if string(a.got) != "one\ntwo\nthree\nquit\n" {
			t.Errorf("cut at %d: the owner got %q", cut, a.got)
		}
		s.end()
	}
}

func TestLayerByteByByte(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	a.socket.cutIn = func(int) int { return 1 }
	a.socket.cutOut = func(int) int { return 1 }
	line := append(bytes.Repeat([]byte("x"), 4_000), '\n')
	a.socket.arrive(frame(nil, line))
	a.socket.arrive(frame(nil, []byte("short\n")))
	s.settle()
	if want := string(line) + "short\n"; string(a.got) != want {
		t.Errorf("the owner got %d bytes, want %d", len(a.got), len(want))
	}
	a.check(false)
	s.end()
}

// What was sent in the clear leaves in the clear, and before anything sealed, however little the socket takes.
func TestLayerBeginsBehindWhatWasSentBefore(t *testing.T) {
	for room := range 12 {
		s := newStage(t, Config{})
		a := s.dial()
		a.socket.room = room
		f := &frames{}
		s.l.Interpose(a.conn, f)
		a.send([]byte("clear "))
		a.sendSpan(s.l.SpanOf(s.share([]byte("too"))), []byte("too"))
		s.settle()
		s.l.SealOutput(a.conn, f)
		a.sendSpan(s.span([]byte("sealed")), nil)
		s.settle()
		for a.conn.pending > 0 {
			a.socket.take(1)
			s.settle()
		}
		want := append([]byte("clear too"), frame(nil, []byte("sealed"))...)
		if !bytes.Equal(a.socket.out, want) {
			t.Errorf("room %d: the peer got %q, want %q", room, a.socket.out, want)
		}
		s.end()
	}
}

// A reader that stands has at most sealMax bytes framed; the rest is shared plain text, and a
// message larger than that comes through.
func TestLayerSealsOnlyALittleAhead(t *testing.T) {
	s := newStage(t, Config{})
	a, f := s.sealed()
	a.socket.room = 100
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for range 3 {
		a.send(large)
	}
	s.settle()
	if f.seals != 1 || f.largest > sealMax || len(a.conn.via.out) > 64<<10 {
		t.Errorf("%d pieces of up to %d bytes were sealed, %d bytes are kept", f.seals, f.largest, len(a.conn.via.out))
	}
	if a.conn.Pending() != len(a.want) {
		t.Errorf("%d bytes are pending, want %d", a.conn.Pending(), len(a.want))
	}
	if s.l.Held() < cap(a.conn.via.out) {
		t.Errorf("the budget counts %d bytes", s.l.Held())
	}
	for a.conn.pending > 0 {
		a.socket.take(7_001)
		s.settle()
	}
	a.check(false)
	if a.conn.via.out != nil || int(a.conn.written) != len(a.want) {
		t.Errorf("a buffer is kept, or %d bytes count as written and not %d", a.conn.written, len(a.want))
	}
	s.end()
}

// A full socket in the midst of a frame, also in a batch with others: frames that were begun go on as they were, although
// more was sent meanwhile.
func TestLayerFullSocketInTheMidstOfFrames(t *testing.T) {
	for seed := range uint64(20) {
		s := newStage(t, Config{HeldMax: 64 << 10})
		random := rand.New(rand.NewPCG(seed, 1))
		for range 12 {
			a, _ := s.sealed()
			a.socket.room = 0
			a.socket.cutOut = func(n int) int { return 1 + random.IntN(n) }
		}
		s.k.script = func(name syscallName, n, _ int) error {
			switch {
			case (name == callWrite || name == callWritev) && random.IntN(8) == 0:
				return []error{unix.EAGAIN, unix.EINTR, unix.ENOBUFS}[random.IntN(3)]
			}
			return nil
		}
		for range 60 {
			s.fanout(bytes.Repeat([]byte{byte('a' + random.IntN(26))}, 1+random.IntN(9_000)), bytes.Repeat([]byte("."), random.IntN(2)*3_000), unlimited)
			for _, a := range s.actors {
				a.socket.take(random.IntN(20_000))
			}
			s.settle()
		}
		s.k.script = nil
		for _, a := range s.actors {
			a.socket.take(unlimited)
		}
		s.pass(2 * retryDelay)
		for _, a := range s.actors {
			a.check(false)
		}
		s.end()
	}
}

// More than one visit has room for is handled in order, also by an owner that takes breaks.
func TestLayerMoreInputThanRoom(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	var in, want []byte
	for i := range 30_000 {
		want = append(want, byte('a'+i%26), '\n')
	}
	large := append(bytes.Repeat([]byte("y"), 300_000), '\n') // is kept in a buffer of its own
	want = append(append(want, large...), "z\n"...)
	in = frame(nil, want)
	plainReceive := a.receive
	a.receive = func(a *actor, b []byte) (n, need int) {
		if len(a.got) < 60_000 {
			return plainReceive(a, b)
		}
		if len(a.got) < 60_000+len(large) && len(b) < len(large) {
			return 0, len(large)
		}
		return plainReceive(a, b)
	}
	a.socket.arrive(in)
	s.settle()
	if !bytes.Equal(a.got, want) {
		t.Errorf("the owner got %d bytes that differ from the %d sent", len(a.got), len(want))
	}
	a.check(false)
	s.end()
}

// A parked owner gets nothing, and then all of it, though the layer had it already and no event comes.
func TestLayerParkedWithInputInside(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	first := a.receive
	a.receive = func(a *actor, b []byte) (int, int) {
		n, need := first(a, b[:2])
		s.l.Park(a.conn, 0)
		_ = need
		return n, Again
	}
	a.socket.arrive(frame(frame(nil, []byte("1\n2\n")), []byte("3\n")))
	for want := 2; want <= 6; want += 2 {
		s.settle()
		if len(a.got) != want {
			t.Fatalf("the owner got %q", a.got)
		}
		s.l.Unpark(a.conn)
	}
	s.end()
}

// Mail that comes between the read and its bytes may park the connection: the bytes are not lost.
func TestLayerParkedBehindTheRead(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	a.socket.arrive(frame(nil, []byte("1\n")))
	s.l.Do(func(l *Loop) { l.Park(a.conn, 0) })
	s.settle()
	a.socket.arrive(frame(nil, []byte("2\n")))
	s.settle()
	s.l.Unpark(a.conn)
	s.settle()
	if string(a.got) != "1\n2\n" {
		t.Errorf("the owner got %q", a.got)
	}
	a.check(false)
	s.end()
}

// Input of which the layer makes nothing ends the connection; the peer gets the layer's own last word,
// and nothing of what the owner sent.
func TestLayerThatUnderstandsNoMore(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	a.socket.arrive(append(frame(nil, []byte("heard\n")), 0xff, 0xff))
	s.settle()
	got, ended := unframe(t, a.socket.out)
	if string(a.got) != "heard\n" || string(got) != "!" && string(got) != "heard\n!" || ended {
		t.Errorf("the owner got %q, the peer %q, end %v", a.got, got, ended)
	}
	if a.ended != 1 || a.endErr == nil || !a.socket.shut && !a.socket.closed {
		t.Errorf("ended %d times with %v", a.ended, a.endErr)
	}
	s.end()
}

// If the socket stands in the midst of a frame then, the connection ends without a word.
func TestLayerThatUnderstandsNoMoreOfASlowReader(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	a.socket.room = 5
	a.send([]byte("this is not read"))
	s.settle()
	a.socket.arrive([]byte{0xff, 0xff})
	s.settle()
	if a.ended != 1 || a.closed != 1 || len(a.socket.out) != 5 {
		t.Errorf("ended %d times, closed %d, the peer got %q", a.ended, a.closed, a.socket.out)
	}
	s.end()
}

// What the layer has said counts for the write deadline as what its owner has: who takes it is not overdue
// for what came later.
func TestLayerAnswersAndTheWriteDeadline(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	a.socket.room = 0
	a.socket.arrive(frame(nil, []byte("k")))
	s.settle()
	a.send([]byte("later"))
	s.pass(writeDeadlineDefault / 2)
	a.socket.take(len(frame(nil, []byte("K"))))
	s.pass(writeDeadlineDefault * 3 / 4)
	if len(a.overdue) > 0 {
		t.Error("overdue too early")
	}
	s.pass(writeDeadlineDefault * 3 / 4)
	if len(a.overdue) != 1 {
		t.Errorf("overdue %d times", len(a.overdue))
	}
	s.end()
}

// A peer that asks the layer itself on and on, and reads nothing, is cut.
func TestLayerWhoseAnswersNobodyReads(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	a.socket.room = 0
	for sent := 0; a.closed == 0; sent++ {
		if sent > answersMax {
			t.Fatal("never cut")
		}
		a.socket.arrive(frame(nil, []byte("k")))
		s.settle()
		if a.closed == 0 && cap(a.conn.via.out) > 4*answersMax {
			t.Fatalf("%d bytes are kept", cap(a.conn.via.out))
		}
	}
	if a.ended != 1 || a.endErr == nil {
		t.Errorf("ended %d times with %v", a.ended, a.endErr)
	}
	s.end()
}

// The peer's orderly end: what is owed is written, then our own farewell.
func TestLayerOrderlyEnd(t *testing.T) {
	s := newStage(t, Config{})
	a, _ := s.sealed()
	a.socket.room = 3
	a.socket.arrive(append(frame(nil, []byte("last words\n")), 0, 0))
	s.settle()
	if a.ended != 1 || a.endErr != nil {
		t.Errorf("ended %d times with %v", a.ended, a.endErr)
	}
	a.socket.take(unlimited)
	s.settle()
	a.check(true)
	s.end()
}

// A layer that cannot seal ends the connection, alone and among others of a batch.
func TestLayerThatCannotSeal(t *testing.T) {
	for _, n := range []int{1, 2 * batchMin} {
		s := newStage(t, Config{})
		var all []*actor
		for range n {
			a, _ := s.sealed()
			all = append(all, a)
		}
		all[0].conn.via.layer.(*frames).sealErr = errors.New("cannot")
		s.fanout([]byte("news"), nil, unlimited)
		s.settle()
		for i, a := range all {
			if (a.closed == 1) != (i == 0) {
				t.Errorf("connection %d of %d was closed %d times", i, n, a.closed)
			}
			if i > 0 {
				a.check(false)
			}
		}
		s.end()
	}
}

// Whatever happens in whatever order, nothing is kept when the connection has gone.
func TestLayerEndsInAnyState(t *testing.T) {
	for seed := range uint64(200) {
		s := newStage(t, Config{})
		random := rand.New(rand.NewPCG(seed, 2))
		for range 4 {
			a := s.dial()
			f := &frames{fails: errors.New("no frame")}
			s.l.Interpose(a.conn, f)
			a.socket.room = random.IntN(3_000)
			for range 12 {
				switch random.IntN(9) {
				case 0, 1:
					a.send(bytes.Repeat([]byte("w"), random.IntN(2_000)))
				case 2:
					if a.closed == 0 && a.conn.Open() && !a.conn.via.sealing {
						s.l.SealOutput(a.conn, f)
					}
				case 3:
					a.socket.arrive(frame(nil, []byte("line\nk")))
				case 4:
					a.socket.arrive(frame(nil, []byte("k")))
				case 5:
					a.socket.take(random.IntN(2_000))
				case 6:
					s.settle()
				case 7:
					switch random.IntN(12) {
					case 0:
						a.socket.reset()
					case 1:
						a.socket.finish()
					case 2:
						a.socket.arrive([]byte{0xff, 0xff})
					case 3:
						a.socket.arrive([]byte{0, 0})
					}
				case 8:
					if a.closed == 0 && random.IntN(6) == 0 {
						s.l.Close(a.conn)
					}
				}
			}
		}
		s.settle()
		s.end()
	}
}
