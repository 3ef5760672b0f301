package loop

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"gnatsd-ev/internal/invariant"
)

// Shared is a run of bytes that several loops write from: one copy of a large
// message whatever the number of loops. Any goroutine may count.
type Shared struct {
	// Bytes must not change once a second holder exists.
	Bytes   []byte
	refs    atomic.Int32
	counted int // what it counts in the budget of the loop that made it
}

var sharedPool = sync.Pool{New: func() any { return new(Shared) }}

// NewShared returns an empty Shared with room for n bytes and one reference.
func NewShared(n int) *Shared {
	s := sharedPool.Get().(*Shared)
	s.Bytes = grabBytes(n)[:0]
	s.refs.Store(1)
	if invariant.Enabled {
		sharedCount.Add(1)
	}
	return s
}

// sharedCount is how many are in use; counted under the invariants tag.
var sharedCount atomic.Int64

// SharedCount is how many there are in this process that somebody refers to. It is counted
// under the invariants tag only.
func SharedCount() int64 { return sharedCount.Load() }

// Retain adds n references.
func (s *Shared) Retain(n int) { s.refs.Add(int32(n)) }

// NewShared is NewShared, counted in the group's budget. Home loop only.
func (l *Loop) NewShared(n int) *Shared {
	s := NewShared(n)
	s.counted = cap(s.Bytes)
	l.counts.shared += s.counted
	return s
}

// Release drops one reference; the last one gives the bytes back. Home loop only, on whichever.
func (l *Loop) Release(s *Shared) {
	left := s.refs.Add(-1)
	if invariant.Enabled {
		invariant.Check(left >= 0, "shared bytes were released once too often")
	}
	if left == 0 {
		if invariant.Enabled {
			sharedCount.Add(-1)
			overwrite(s.Bytes)
		}
		l.counts.shared -= s.counted
		l.returnBytes(s.Bytes)
		s.Bytes, s.counted = nil, 0
		sharedPool.Put(s)
	}
}

// overwrite makes bytes that somebody still reads look like nothing.
func overwrite(b []byte) {
	for n := copy(b, "\xdb"); n > 0 && n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// Large byte slices are kept by size: powers of two, so that a 64 MB buffer is never
// handed out for a hundred bytes, and somewhat more than powers of two. Payloads often are powers
// of two, and with a head, CRLF or a control line beside them they would take twice their size.
const (
	sizeClassMin = 11 // 2 KB
	sizeClassMax = 27 // 128 MB; larger ones are left to the collector
)

// exactClasses and wideClasses hold slices of 1<<i and of wide(i) bytes.
var exactClasses, wideClasses [sizeClassMax + 1]sync.Pool

// wide is the size somewhat above a power of two: by a quarter, and from 32 KB on by 8 KB, of
// which the allocator gives whole ones only.
func wide(class int) int { return 1<<class + min(1<<class/4, 8<<10) }

// classFor returns the smallest kind of slice with n bytes; no pool for what is left to the collector.
func classFor(n int) (pool *sync.Pool, size int) {
	class := max(bits.Len(uint(n-1)), sizeClassMin)
	switch {
	case class > sizeClassMin && class <= sizeClassMax+1 && n <= wide(class-1):
		return &wideClasses[class-1], wide(class - 1)
	case class > sizeClassMax:
		return nil, n
	}
	return &exactClasses[class], 1 << class
}

// grabBytes returns a slice with capacity for n bytes at least.
func grabBytes(n int) []byte {
	pool, size := classFor(n)
	if pool != nil {
		if p, ok := pool.Get().(*byteBox); ok {
			b := p.b
			p.b = nil
			boxes.Put(p)
			return b[:0]
		}
	}
	return make([]byte, 0, size)
}

// returnBytes takes back a slice from grabBytes that nobody uses any more. What goes because
// the budget is exceeded is left to the collector: pools would keep all of it.
func (l *Loop) returnBytes(b []byte) {
	if l.level == over || cap(b) == 0 {
		return
	}
	pool, size := classFor(cap(b))
	if pool == nil || size != cap(b) {
		return
	}
	p := boxes.Get().(*byteBox)
	p.b = b
	pool.Put(p)
}

// byteBox carries a slice through a sync.Pool without allocating its header.
type byteBox struct{ b []byte }

var boxes = sync.Pool{New: func() any { return new(byteBox) }}
