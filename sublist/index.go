package sublist

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/subject"
)

// An Index maps subscription subjects, literal or with wildcards, to one *T
// each. Writers are serialised by a mutex inside; readers never lock, and see
// every change whose write returned before they began. What a *T points to is
// the caller's: the index stores and returns it and never looks inside.
type Index[T any] struct {
	id       uint64 // no other index of the process has it
	seed     maphash.Seed
	literals table[struct{}, atomic.Pointer[T]]
	patterns atomic.Pointer[trie[T]] // nil before the first pattern; stays, because its generations must

	mu      sync.Mutex // a leaf; held to change literals and patterns
	writer  Writer[T]
	changes atomic.Uint64
}

// New returns an empty index. It holds about 100 bytes, and 2 KB more from the
// first pattern on.
func New[T any]() *Index[T] {
	x := &Index[T]{id: indexes.Add(1), seed: maphash.MakeSeed()}
	x.writer.x = x
	return x
}

// indexes counts those that were made.
var indexes atomic.Uint64

// A Writer changes an index whose writer lock is held. It is lent by Batch and
// must not be used after Batch returned.
type Writer[T any] struct {
	x *Index[T]
}

// Changes counts what was set and deleted. Whoever asks before a look-up may use its
// result again as long as the answer stays the same. Any goroutine; it does not lock.
func (x *Index[T]) Changes() uint64 { return x.changes.Load() }

// Batch runs f with the writer lock held: many changes, one lock. Each change
// becomes visible to readers on its own, in order. f must not call Batch, Set or
// Delete of the same index.
func (x *Index[T]) Batch(f func(w *Writer[T])) {
	invariant.Lock(&x.mu)
	defer x.mu.Unlock()
	f(&x.writer)
}

// Set is Writer.Set for one change. Any goroutine.
func (x *Index[T]) Set(subject string, v *T) {
	invariant.Lock(&x.mu)
	x.writer.Set(subject, v)
	x.mu.Unlock()
}

// Delete is Writer.Delete for one change. Any goroutine.
func (x *Index[T]) Delete(subject string) {
	invariant.Lock(&x.mu)
	x.writer.Delete(subject)
	x.mu.Unlock()
}

// Get returns the value set for this very subject, wildcards taken as they are
// written, or nil. Any goroutine; it does not lock.
func (x *Index[T]) Get(s string) *T {
	if subject.IsLiteral(s) {
		return x.literal(hashOf(x.seed, s), s)
	}
	if t := x.patterns.Load(); t != nil {
		return t.get(s)
	}
	return nil
}

// Get returns the value set for this very subject, or nil.
func (w *Writer[T]) Get(subject string) *T { return w.x.Get(subject) }

// Set inserts subject or replaces its value. The index keeps the string itself,
// so that its bytes are stored once and shared with the caller; it must be a
// valid subscription, or it may never match. A nil v deletes.
func (w *Writer[T]) Set(s string, v *T) {
	if v == nil {
		w.Delete(s)
		return
	}
	if subject.IsLiteral(s) {
		w.setLiteral(s, v)
	} else {
		w.setPattern(s, v)
	}
	invariant.Between()
	w.x.changes.Add(1) // behind the change, as readers ask before they look
}

func (w *Writer[T]) setLiteral(s string, v *T) {
	literals, hash := &w.x.literals, foldHash(hashOf(w.x.seed, s))
	old := literals.find(struct{}{}, hash, s)
	if old != nil && old.key == unsafe.StringData(s) {
		old.value.Store(v)
		return
	}
	it := newItem[struct{}, atomic.Pointer[T]](struct{}{}, hash, s)
	it.value.Store(v)
	if old != nil {
		literals.replace(old, it)
		return
	}
	literals.add(it)
}

func (w *Writer[T]) setPattern(s string, v *T) {
	t := w.x.patterns.Load()
	if t == nil {
		t = &trie[T]{seed: w.x.seed}
		w.x.patterns.Store(t)
	}
	t.set(s, v)
	t.changed(s)
}

// Delete removes subject and its value; it does nothing when there is none.
func (w *Writer[T]) Delete(s string) {
	if subject.IsLiteral(s) {
		literals := &w.x.literals
		if it := literals.find(struct{}{}, foldHash(hashOf(w.x.seed, s)), s); it != nil {
			literals.remove(it)
		}
	} else if t := w.x.patterns.Load(); t != nil && t.remove(s) {
		t.changed(s)
	}
	w.x.changes.Add(1)
}

// changed ends the life of cached results a change of this pattern may concern.
// It comes after the change; see generations.
func (t *trie[T]) changed(pattern string) {
	invariant.Between()
	token, _, _ := strings.Cut(pattern, ".")
	if token == "*" || token == ">" {
		t.gens.wild.Add(1)
		return
	}
	t.gens.first[generationSlot(t.seed, token)].Add(1)
}

func generationSlot(seed maphash.Seed, token string) uint8 {
	return uint8(hashOf(seed, token))
}

// Literal returns the value set for a subject without wildcards, its bytes taken
// as they are, or nil. It neither locks nor allocates. Any goroutine.
func (x *Index[T]) Literal(subject []byte) *T {
	s := view(subject)
	return x.literal(hashOf(x.seed, s), s)
}

func (x *Index[T]) literal(hash uint64, s string) *T {
	if it := x.literals.find(struct{}{}, foldHash(hash), s); it != nil {
		return it.value.Load()
	}
	return nil
}

// Len returns how many literals and how many patterns are set. Any goroutine.
func (x *Index[T]) Len() (literals, patterns int) {
	if t := x.patterns.Load(); t != nil {
		patterns = int(t.count.Load())
	}
	return x.literals.len(), patterns
}

// All calls yield for every subject and its value, in no order, until yield
// returns false. It does not lock: what is set or deleted meanwhile may be
// missing or not, everything else comes once. Any goroutine.
func (x *Index[T]) All(yield func(subject string, v *T) bool) {
	more := true
	x.literals.each(func(it *item[struct{}, atomic.Pointer[T]]) bool {
		more = yield(it.name(), it.value.Load())
		return more
	})
	if t := x.patterns.Load(); t != nil && more {
		t.each(func(p *pattern[T]) bool { return yield(p.subject, p.value) })
	}
}

// hashOf is maphash.String, which takes a third longer than maphash.Bytes.
func hashOf(seed maphash.Seed, s string) uint64 {
	if invariant.HashSeed != 0 {
		return repeatableHash(invariant.HashSeed, s)
	}
	return maphash.Bytes(seed, unsafe.Slice(unsafe.StringData(s), len(s)))
}

// repeatableHash is FNV-1a, mixed: the same in every process.
func repeatableHash(hash uint64, s string) uint64 {
	for _, c := range []byte(s) {
		hash = (hash ^ uint64(c)) * 0x100000001b3
	}
	return (hash ^ hash>>29) * 0xBF58476D1CE4E5B9
}

// foldHash takes the half of a hash that tables use; caches use the other.
func foldHash(hash uint64) uint32 { return uint32(hash >> 32) }

// view lends bytes as a string for the length of a look-up.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
