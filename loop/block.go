package loop

import (
	"gnatsd-ev/internal/age"
	"gnatsd-ev/internal/invariant"
)

// Blocks are where outgoing bytes live. A loop appends to its current block;
// connections hold segments of blocks. One encoding of a message is shared by
// every connection of the loop that gets the same bytes.

const (
	// blockSize is what one block holds: large enough that a burst to a
	// thousand connections costs each of them one write of one piece. Payloads of powers of
	// two, with their heads, fill it.
	blockSize = 136 << 10

	// freeBlocksMax is how many emptied blocks a loop keeps for the next burst, and
	// bareBlocksMax how many of those whose bytes are not theirs.
	freeBlocksMax = 8
	bareBlocksMax = 1 << 10
)

// A Block is an arena of outgoing bytes with counted references. Home loop
// only: the counts are plain integers.
type Block struct {
	buf    []byte
	refs   int     // segments that point here, and one while it is a loop's current block
	wanted int     // bytes the segments still have to write
	shared *Shared // the bytes are somebody else's, counted across loops
	victim bool    // being emptied by compact

	age age.Entry[Block] // among sealed blocks
}

// A Span is a run of encoded bytes in a block. It is valid until the end of the
// turn that made it; connections it was sent to hold on to the bytes.
type Span struct {
	block    *Block
	from, to uint32
}

// Len is the number of bytes in the span.
func (s Span) Len() int { return int(s.to - s.from) }

// Tail lends the unused end of the current block, with room for n bytes at
// least: append to it, at most n bytes, and hand the result to Span before the
// next call to the loop. Home loop only.
func (l *Loop) Tail(n int) []byte {
	if n > cap(l.current.buf)-len(l.current.buf) {
		l.Enter()
		l.nextBlock(n)
		l.Leave()
	}
	b := l.current.buf
	return b[len(b):len(b):cap(b)]
}

// Span seals what was appended to the slice that Tail lent.
func (l *Loop) Span(tail []byte) Span {
	l.AssertEntered()
	b := l.current
	from := len(b.buf)
	if invariant.Enabled {
		invariant.Check(cap(tail) == cap(b.buf)-from, "Span of bytes that are not the current block's tail: more was appended than was asked for")
	}
	b.buf = b.buf[:from+len(tail)]
	l.unflushed += len(tail)
	return Span{block: b, from: uint32(from), to: uint32(from + len(tail))}
}

// SpanOf makes a span of bytes that several loops share, without copying them.
// It takes over one reference of s.
func (l *Loop) SpanOf(s *Shared) Span {
	l.AssertEntered()
	b := takeBlock(&l.bareBlocks)
	b.buf, b.shared = s.Bytes, s
	l.foreign = append(l.foreign, b)
	b.refs = 1 // until the end of the turn
	l.seal(b)
	l.unflushed += len(s.Bytes)
	return Span{block: b, from: 0, to: uint32(len(s.Bytes))}
}

// nextBlock seals the current block and takes one with room for n bytes.
func (l *Loop) nextBlock(n int) {
	old := l.current
	var next *Block
	if n > blockSize {
		next = takeBlock(&l.bareBlocks)
		next.buf = grabBytes(n)[:0]
	} else if next = takeBlock(&l.freeBlocks); next.buf == nil {
		next.buf = make([]byte, 0, blockSize)
	}
	next.refs = 1
	l.current = next
	if old != nil {
		l.seal(old)
		l.unref(old)
	}
}

// takeBlock returns an empty block from a free list or a new one.
func takeBlock(free *[]*Block) *Block {
	if n := len(*free); n > 0 {
		b := (*free)[n-1]
		*free = (*free)[:n-1]
		return b
	}
	return &Block{}
}

// seal puts a block nothing is appended to any more on the list of held blocks.
func (l *Loop) seal(b *Block) {
	l.sealed.Add(&b.age, b)
	l.heldBytes += cap(b.buf)
	l.counts.blocks++
	if b.shared != nil {
		l.counts.sharedHeld += cap(b.buf)
	}
}

// unref drops one reference; the last one frees the block.
func (l *Loop) unref(b *Block) {
	b.refs--
	if b.refs > 0 {
		return
	}
	if invariant.Enabled {
		invariant.Check(b.refs == 0 && b.wanted == 0, "block freed with %d references and %d bytes wanted", b.refs, b.wanted)
	}
	l.sealed.Remove(&b.age)
	l.heldBytes -= cap(b.buf)
	l.counts.blocks--
	if b.shared != nil {
		l.counts.sharedHeld -= cap(b.buf)
	}
	l.recycle(b)
}

// recycle empties a block whose last reference is gone.
func (l *Loop) recycle(b *Block) {
	switch {
	case b.shared != nil:
		l.Release(b.shared)
		b.buf, b.shared = nil, nil
	case cap(b.buf) != blockSize:
		l.returnBytes(b.buf)
		b.buf = nil
	default:
		b.buf = b.buf[:0]
	}
	b.victim, b.wanted = false, 0
	switch {
	case b.buf == nil && len(l.bareBlocks) < bareBlocksMax:
		l.bareBlocks = append(l.bareBlocks, b)
	case b.buf != nil && len(l.freeBlocks) < freeBlocksMax:
		l.freeBlocks = append(l.freeBlocks, b)
	}
}

// releaseForeign gives up the turn's own hold on shared bytes.
func (l *Loop) releaseForeign() {
	for i, b := range l.foreign {
		l.unref(b)
		l.foreign[i] = nil
	}
	l.foreign = l.foreign[:0]
}

// rewind starts the current block again when nobody wants what is in it: an
// idle loop then keeps writing to the same, cached memory.
func (l *Loop) rewind() {
	if b := l.current; b.refs == 1 && len(b.buf) > 0 {
		if cap(b.buf) != blockSize {
			l.nextBlock(blockSize)
			return
		}
		b.buf = b.buf[:0]
	}
}

// From is the span without its first n bytes.
func (s Span) From(n int) Span {
	s.from += uint32(n)
	return s
}
