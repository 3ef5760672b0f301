package loop

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Shared is a run of bytes that several loops write from: one copy of a large
// message whatever the number of loops. Any goroutine may count.
type Shared struct {
	// Bytes must not change once a second holder exists.
	Bytes []byte
	refs  atomic.Int32
}

var sharedPool = sync.Pool{New: func() any { return new(Shared) }}

// NewShared returns an empty Shared with room for n bytes and one reference.
func NewShared(n int) *Shared {
	s := sharedPool.Get().(*Shared)
	s.Bytes = grabBytes(n)[:0]
	s.refs.Store(1)
	return s
}

// Retain adds n references.
func (s *Shared) Retain(n int) { s.refs.Add(int32(n)) }

// Release drops one reference; the last one gives the bytes back.
func (s *Shared) Release() {
	if s.refs.Add(-1) == 0 {
		returnBytes(s.Bytes)
		s.Bytes = nil
		sharedPool.Put(s)
	}
}

// Large byte slices are kept by powers of two, so that a 64 MB buffer is never
// handed out for a hundred bytes.
const (
	sizeClassMin = 12 // 4 KB
	sizeClassMax = 27 // 128 MB; larger ones are left to the collector
)

var sizeClasses [sizeClassMax + 1]sync.Pool

// grabBytes returns a slice with capacity for n bytes at least.
func grabBytes(n int) []byte {
	class := max(bits.Len(uint(n-1)), sizeClassMin)
	if class > sizeClassMax {
		return make([]byte, 0, n)
	}
	if p, ok := sizeClasses[class].Get().(*byteBox); ok {
		b := p.b
		p.b = nil
		boxes.Put(p)
		return b[:0]
	}
	return make([]byte, 0, 1<<class)
}

// returnBytes takes back a slice from grabBytes that nobody uses any more.
func returnBytes(b []byte) {
	class := bits.Len(uint(cap(b))) - 1
	if class < sizeClassMin || class > sizeClassMax || cap(b) != 1<<class {
		return
	}
	p := boxes.Get().(*byteBox)
	p.b = b
	sizeClasses[class].Put(p)
}

// byteBox carries a slice through a sync.Pool without allocating its header.
type byteBox struct{ b []byte }

var boxes = sync.Pool{New: func() any { return new(byteBox) }}
