package sublist

import (
	"strings"

	"gnatsd-ev/internal/invariant"
)

// A Matcher is one reader's way into an index, with a cache for what patterns
// matched. It is owned by one goroutine, as a rule a loop.
type Matcher[T any] struct {
	x     *Index[T]
	walk  *walk[T]
	cache *cache[T]
}

// NewMatcher returns a matcher for x that remembers the patterns matched by up
// to cacheSize subjects (rounded up to a power of two; 0 for none). The cache
// costs nothing until patterns exist, and at most about 500 bytes a subject.
func NewMatcher[T any](x *Index[T], cacheSize int) *Matcher[T] {
	return &Matcher[T]{x: x, walk: &walk[T]{}, cache: &cache[T]{size: cacheSize}}
}

// Beside returns a matcher for another index that has no memory of its own but
// shares m's: however many indexes a goroutine reads, what it remembers of all
// of them is bounded by one cache. It is of the same goroutine.
func (m *Matcher[T]) Beside(x *Index[T]) *Matcher[T] {
	return &Matcher[T]{x: x, walk: m.walk, cache: m.cache}
}

// Match appends the values of every entry that a message published to subject
// reaches: the literal one and all patterns, each once, in no order. The bytes
// are taken as they are: a published `foo.*` is matched by `foo.*` and `foo.>`
// and is not a wildcard itself, and a subject with an empty token matches no
// pattern. It does not allocate once dst and the cache are warm.
//
// The cost of a miss is one step for every distinct pattern prefix in the index
// that matches a prefix of subject, and one pass over the subject's bytes. Each
// such prefix is visited once, whatever way leads to it, so the steps are never
// more than the nodes of the trie, nor more than 2^i at the i-th token.
func (m *Matcher[T]) Match(dst []*T, subject []byte) []*T {
	s := view(subject)
	hash := hashOf(m.x.seed, s)
	if v := m.x.literal(hash, s); v != nil {
		dst = append(dst, v)
	}
	t := m.x.patterns.Load()
	if t == nil || t.count.Load() == 0 {
		return dst
	}
	return m.matchPatterns(dst, t, hash, s)
}

func (m *Matcher[T]) matchPatterns(dst []*T, t *trie[T], hash uint64, s string) []*T {
	if e := m.cache.find(m.x.id, hash, s); e != nil && e.stamp == t.gens.stamp(e.slot) {
		return append(dst, e.values...)
	}
	if !wellFormed(s) {
		return dst
	}
	token, _, _ := strings.Cut(s, ".")
	slot := generationSlot(t.seed, token)
	stamp := t.gens.stamp(slot) // before the walk, see generations
	invariant.Between()
	known := len(dst)
	dst = m.walk.match(dst, t, s)
	invariant.Between()
	m.cache.put(m.x.id, hash, s, slot, stamp, dst[known:])
	return dst
}

// wellFormed is subject.WellFormed at the speed of strings.Contains.
func wellFormed(s string) bool {
	return s != "" && s[0] != '.' && s[len(s)-1] != '.' && !strings.Contains(s, "..")
}
