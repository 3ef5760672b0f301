package loop

import (
	"testing"
	"time"
)

// A payload is often a power of two, and its head, its CRLF or its control line stand
// beside it. However it is held, it takes little more than its size.
func TestPayloadsAreHeldInLittleMoreThanTheirSize(t *testing.T) {
	for size := 1 << 10; size <= 1<<20; size *= 2 {
		held := map[string]int{"encoded": heldEncoded(t, size), "input": heldInput(t, size)}
		if size > 1<<10 { // smaller ones are not shared
			held["shared"] = heldShared(t, size)
		}
		t.Logf("%7d bytes: %v", size, held)
		for way, n := range held {
			if most := size + size/4 + besideMost; n > most {
				t.Errorf("%d bytes, %s, hold %d, want at most %d", size, way, n, most)
			}
		}
	}
}

const (
	headSize   = 60  // of a MSG or PUB line
	besideMost = 512 // what a payload may cost besides a quarter of its size: its head, the records of what is held
)

// heldFor is how much more one loop holds for each of n payloads, as it counts it.
func heldFor(t *testing.T, size int, hold func(s *stage, a *actor)) int {
	t.Helper()
	s := newStage(t, Config{HeldMax: 1 << 30, WriteDeadline: int64(time.Hour)})
	a := s.dial()
	a.socket.room = 0
	n := max(16, 16<<20/size)
	for range n {
		hold(s, a)
		s.settle()
	}
	s.l.nextBlock(blockSize) // the last one counts as all do
	held := s.l.Held() / n
	s.end()
	return held
}

// heldEncoded is what a payload takes that stands in a block, behind its head.
func heldEncoded(t *testing.T, size int) int {
	message := make([]byte, headSize+size+len("\r\n"))
	return heldFor(t, size, func(s *stage, a *actor) {
		a.sendSpan(s.l.Span(append(s.l.Tail(len(message)+headSize), message...)), nil)
	})
}

// heldShared is what one takes that is stored once, beside its head.
func heldShared(t *testing.T, size int) int {
	payload := make([]byte, size+len("\r\n"))
	return heldFor(t, size, func(s *stage, a *actor) {
		shared := s.l.NewShared(len(payload))
		shared.Bytes = append(shared.Bytes, payload...)
		a.sendSpan(s.span(noise[:headSize]), nil)
		a.sendSpan(s.l.SpanOf(shared), nil)
	})
}

// heldInput is what one takes of which the last byte has not arrived.
func heldInput(t *testing.T, size int) int {
	s := newStage(t, Config{})
	a := s.dial()
	whole := headSize + size + len("\r\n")
	a.receive = func(_ *actor, b []byte) (int, int) {
		if len(b) < whole {
			return 0, whole
		}
		return len(b), 0
	}
	a.socket.arrive(make([]byte, whole-1))
	s.settle()
	held := s.l.Held()
	s.end()
	return held
}
