package loop

import "testing"

// keptBuffers is how many emptied buffers a loop has for its next blocks.
func (s *stage) keptBuffers() (n int) {
	for _, b := range s.l.freeBlocks {
		if cap(b.buf) == blockSize {
			n++
		}
	}
	return n
}

// Blocks of shared bytes, of which there may be many, have no buffers of their own:
// they neither use up those of a loop nor take their place.
func TestSharedBytesDoNotCostALoopItsBuffers(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	own := func() {
		for range freeBlocksMax / 2 {
			b := noise[:blockSize-100]
			a.sendSpan(s.span(b), b)
		}
		s.settle()
	}
	shared := func() {
		for range 3 * freeBlocksMax {
			b := noise[:5000]
			a.sendSpan(s.l.SpanOf(s.share(b)), b)
		}
		s.settle()
	}
	own()
	kept := s.keptBuffers()
	if shared(); s.keptBuffers() != kept {
		t.Errorf("shared bytes leave %d of %d buffers", s.keptBuffers(), kept)
	}
	if own(); s.keptBuffers() != kept {
		t.Errorf("after shared bytes %d buffers are kept, before %d", s.keptBuffers(), kept)
	}
	s.end()
}
