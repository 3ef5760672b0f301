package sublist

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"
)

// The trie of patterns, one node for each distinct prefix of tokens. The edges
// of all nodes that carry an ordinary token live in one table, keyed by the
// node they leave and the token, so a node with a million children costs what
// one with a single child costs, and no node owns a container of its own.

// A pattern is one entry. Immutable: a new value makes a new pattern.
type pattern[T any] struct {
	subject string
	value   *T
}

// A node is a place in the trie. Nodes are written by the writer and read by
// anyone; a node without pattern, rest, star and edges is unlinked.
type node[T any] struct {
	id    uint64                     // owner of its edges in the table; never reused
	edges atomic.Int32               // out of this node, `*` not counted
	star  atomic.Pointer[node[T]]    // where `*` leads
	here  atomic.Pointer[pattern[T]] // ends at this node
	rest  atomic.Pointer[pattern[T]] // ends with a `>` behind this node
}

func (n *node[T]) empty() bool {
	return n.here.Load() == nil && n.rest.Load() == nil && n.star.Load() == nil && n.edges.Load() == 0
}

// A step is one link of the way to a node: from parent by item, or by `*` when
// item is nil.
type step[T any] struct {
	parent, child *node[T]
	item          *item[uint64, node[T]]
}

type trie[T any] struct {
	seed  maphash.Seed
	root  node[T]
	edges table[uint64, node[T]]
	count atomic.Int64 // patterns
	gens  generations

	// Writer only.
	lastID uint64
	way    []step[T] // scratch of remove
}

// edgeHash mixes the hash of a token with the node it leaves. The token's hash
// is seeded and secret, so knowing the ids helps nobody to make edges collide.
func edgeHash(id, token uint64) uint32 {
	high, low := bits.Mul64(token^id*0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93)
	return uint32((high ^ low) >> 32)
}

// edge returns the edge that leaves n by a token with this hash, or nil.
func (t *trie[T]) edge(n *node[T], hash uint64, token string) *item[uint64, node[T]] {
	if n.edges.Load() == 0 {
		return nil
	}
	return t.edges.find(n.id, edgeHash(n.id, hash), token)
}

// child returns the node behind n and a token, or nil.
func (t *trie[T]) child(n *node[T], token string) *node[T] {
	if token == "*" {
		return n.star.Load()
	}
	if it := t.edge(n, hashOf(t.seed, token), token); it != nil {
		return &it.value
	}
	return nil
}

// get returns the value of a pattern, or nil. Any goroutine.
func (t *trie[T]) get(subject string) *T {
	n := &t.root
	for rest := subject; n != nil; {
		token, behind, more := strings.Cut(rest, ".")
		if !more && token == ">" {
			return valueOf(&n.rest)
		}
		n = t.child(n, token)
		if !more && n != nil {
			return valueOf(&n.here)
		}
		rest = behind
	}
	return nil
}

func valueOf[T any](end *atomic.Pointer[pattern[T]]) *T {
	if p := end.Load(); p != nil {
		return p.value
	}
	return nil
}

// set inserts or replaces a pattern. Nodes are linked from the root down and the
// pattern is stored last, so nothing matches before everything is in place.
func (t *trie[T]) set(subject string, value *T) {
	n := &t.root
	for rest := subject; ; {
		token, behind, more := strings.Cut(rest, ".")
		if !more && token == ">" {
			t.end(&n.rest, &pattern[T]{subject, value})
			return
		}
		n = t.childMade(n, token)
		if !more {
			t.end(&n.here, &pattern[T]{subject, value})
			return
		}
		rest = behind
	}
}

// end stores what ends at a place, nil for nothing any more.
func (t *trie[T]) end(at *atomic.Pointer[pattern[T]], p *pattern[T]) {
	old := at.Load()
	at.Store(p)
	switch {
	case old == nil && p != nil:
		t.count.Store(t.count.Load() + 1)
	case old != nil && p == nil:
		t.count.Store(t.count.Load() - 1)
	}
}

// childMade is child, but links a new node where there is none.
func (t *trie[T]) childMade(n *node[T], token string) *node[T] {
	if token == "*" {
		c := n.star.Load()
		if c == nil {
			t.lastID++
			c = &node[T]{id: t.lastID}
			n.star.Store(c)
		}
		return c
	}
	hash := hashOf(t.seed, token)
	if it := t.edge(n, hash, token); it != nil {
		return &it.value
	}
	t.lastID++
	it := newItem[uint64, node[T]](n.id, edgeHash(n.id, hash), token)
	it.value.id = t.lastID
	t.edges.add(it)
	n.edges.Store(n.edges.Load() + 1)
	return &it.value
}

// remove takes a pattern out and every node that led nowhere else, and reports
// whether it was there.
func (t *trie[T]) remove(subject string) bool {
	if t.get(subject) == nil {
		return false
	}
	n := &t.root
	for rest := subject; ; {
		token, behind, more := strings.Cut(rest, ".")
		if !more && token == ">" {
			t.end(&n.rest, nil)
			break
		}
		s := step[T]{parent: n}
		if token == "*" {
			s.child = n.star.Load()
		} else {
			s.item = t.edge(n, hashOf(t.seed, token), token)
			s.child = &s.item.value
		}
		t.way = append(t.way, s)
		n = s.child
		if !more {
			t.end(&n.here, nil)
			break
		}
		rest = behind
	}
	t.prune()
	return true
}

// prune unlinks the empty nodes at the end of the way and forgets it.
func (t *trie[T]) prune() {
	for at := len(t.way) - 1; at >= 0 && t.way[at].child.empty(); at-- {
		s := t.way[at]
		if s.item == nil {
			s.parent.star.Store(nil)
			continue
		}
		t.edges.remove(s.item)
		s.parent.edges.Store(s.parent.edges.Load() - 1)
	}
	clear(t.way)
	t.way = t.way[:0]
}

// each calls yield for every pattern until it returns false.
func (t *trie[T]) each(yield func(p *pattern[T]) bool) {
	if !eachOf(&t.root, yield) {
		return
	}
	t.edges.each(func(it *item[uint64, node[T]]) bool { return eachOf(&it.value, yield) })
}

// eachOf visits what ends at n and at the nodes reached from it by `*` alone;
// all others are the end of an edge of the table.
func eachOf[T any](n *node[T], yield func(p *pattern[T]) bool) bool {
	for ; n != nil; n = n.star.Load() {
		if p := n.here.Load(); p != nil && !yield(p) {
			return false
		}
		if p := n.rest.Load(); p != nil && !yield(p) {
			return false
		}
	}
	return true
}

// A walk finds the patterns that match one published subject, level by level:
// front holds the nodes reached by the tokens so far, each of them once. One
// goroutine; it keeps its room for the next call.
type walk[T any] struct {
	front, next []*node[T]
}

const walkFrontMax = 1024 // nodes of room kept between calls

// match appends the value of every pattern that matches a well-formed subject.
func (w *walk[T]) match(dst []*T, t *trie[T], subject string) []*T {
	w.front = append(w.front[:0], &t.root)
	for rest := subject; len(w.front) > 0; {
		token, behind, more := strings.Cut(rest, ".")
		dst = w.descend(dst, t, token)
		if !more {
			for _, n := range w.front {
				if p := n.here.Load(); p != nil {
					dst = append(dst, p.value)
				}
			}
			break
		}
		rest = behind
	}
	if cap(w.front)+cap(w.next) > walkFrontMax {
		w.front, w.next = nil, nil
	}
	return dst
}

// descend replaces the front by the nodes one token deeper, and appends the
// patterns whose `>` begins with this token.
func (w *walk[T]) descend(dst []*T, t *trie[T], token string) []*T {
	w.next = w.next[:0]
	var hash uint64
	hashed := false
	for _, n := range w.front {
		if p := n.rest.Load(); p != nil {
			dst = append(dst, p.value)
		}
		if c := n.star.Load(); c != nil {
			w.next = append(w.next, c)
		}
		if n.edges.Load() == 0 {
			continue
		}
		if !hashed {
			hash, hashed = hashOf(t.seed, token), true
		}
		if it := t.edge(n, hash, token); it != nil {
			w.next = append(w.next, &it.value)
		}
	}
	w.front, w.next = w.next, w.front
	return dst
}
