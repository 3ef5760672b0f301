package sublist

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// The hash table under literals and trie edges. One writer, readers without
// locks. This file is what readers and the writer do inside one page; see
// directory.go for how pages are found, split and merged.

const (
	groupSlots  = 7  // with the tags a group is 64 bytes: one cache line
	groupItems  = 6  // a page is full at this many items a group on average
	pageGroups  = 63 // of a full-grown page: 4,032 bytes and the allocator's 8 fit its class of 4,096
	minorGroups = 1  // of the smallest page; in between come 3, 7, 15, 31
)

// Tags of a group, one byte a slot, the highest byte unused:
//
//	0x00       empty; a search ends at a group that has one
//	0x01       deleted: was taken while the group was full, so searches go on
//	0x80|tag   taken, with seven bits of the item's hash
const (
	tagDeleted = 0x01
	tagTaken   = 0x80
	tagLow     = 0x0101010101010101
	tagHigh    = 0x8080808080808080
	tagSlots   = 0x0080808080808080 // the high bit of each slot's tag
)

// An item is one entry: the key it was added with, and a value. Key, owner and
// hash never change; value synchronises itself. Owner is a part of the key, of
// no size where no two owners share a table.
//
// The key is kept as pointer and length so that the hash fits beside it: a
// literal's item is 24 bytes, and a split need not touch the key's bytes.
type item[O comparable, V any] struct {
	owner  O
	key    *byte
	length uint32
	hash   uint32
	value  V
}

func newItem[O comparable, V any](owner O, hash uint32, key string) *item[O, V] {
	return &item[O, V]{owner: owner, key: unsafe.StringData(key), length: uint32(len(key)), hash: hash}
}

// name returns the key, sharing the bytes of the string the item was made of.
func (it *item[O, V]) name() string { return unsafe.String(it.key, it.length) }

// A group is seven slots and their tags. The writer fills a slot before it sets
// the tag and clears the tag before the slot, so a reader that saw a tag finds
// its item, nothing, or another item put there since; it compares keys.
type group[O comparable, V any] struct {
	tags  atomic.Uint64
	slots [groupSlots]atomic.Pointer[item[O, V]]
}

// A page is a hash table of fixed size with open addressing by groups. An item
// never moves inside its page; a page without room is replaced by others and
// then never written again, so a reader still in it finds all it ever held.
type page[O comparable, V any] struct {
	groups []group[O, V]
	depth  uint8 // how many leading bits of the hash its items share

	// Writer only.
	live int // items
	used int // items and deleted slots; < len(groups)*groupSlots
}

// newPage returns the smallest empty page of which the given count of items take
// at most three quarters.
func newPage[O comparable, V any](items int, depth uint8) *page[O, V] {
	n := minorGroups
	for items > n*groupItems*3/4 {
		n = 2*n + 1
	}
	return &page[O, V]{groups: make([]group[O, V], n), depth: depth}
}

func (p *page[O, V]) limit() int { return len(p.groups) * groupItems }

// home returns the group at which the search for a hash begins. The leading
// bits are the same for all items of a page, so they are multiplied away.
func home(hash uint32, groups int) int {
	return int(uint64(hash*0x9E3779B1) * uint64(groups) >> 32)
}

func tagOf(hash uint32) uint64 { return uint64(hash&0x7f | tagTaken) }

// emptyTags has the high bit of each empty slot's tag set.
func emptyTags(tags uint64) uint64 { return ^tags & ^(tags << 7) & tagSlots }

// find returns the item with this key, or nil. Any goroutine.
func (p *page[O, V]) find(owner O, hash uint32, key string) *item[O, V] {
	groups := p.groups
	pattern := tagOf(hash) * tagLow
	at := home(hash, len(groups))
	for range groups {
		g := &groups[at]
		tags := g.tags.Load()
		// A byte equal to the tag becomes zero, and zero bytes raise their high
		// bit. A borrow can raise a neighbour's as well, never the unused byte's.
		differ := tags ^ pattern
		for hits := (differ - tagLow) &^ differ & tagHigh; hits != 0; hits &= hits - 1 {
			it := g.slots[bits.TrailingZeros64(hits)/8].Load()
			if it != nil && it.hash == hash && it.owner == owner && it.name() == key {
				return it
			}
		}
		if emptyTags(tags) != 0 {
			return nil
		}
		if at++; at == len(groups) {
			at = 0
		}
	}
	return nil
}

// put adds an item whose key the page does not hold; there must be room.
func (p *page[O, V]) put(it *item[O, V]) {
	for at := home(it.hash, len(p.groups)); ; {
		g := &p.groups[at]
		tags := g.tags.Load()
		if free := ^tags & tagSlots; free != 0 {
			slot := bits.TrailingZeros64(free) / 8
			if tags>>(8*slot)&0xff != tagDeleted {
				p.used++
			}
			p.live++
			g.slots[slot].Store(it)
			g.tags.Store(tags&^(0xff<<(8*slot)) | tagOf(it.hash)<<(8*slot))
			return
		}
		if at++; at == len(p.groups) {
			at = 0
		}
	}
}

// slotOf returns where an item that the page holds stands.
func (p *page[O, V]) slotOf(it *item[O, V]) (*group[O, V], int) {
	for at := home(it.hash, len(p.groups)); ; {
		g := &p.groups[at]
		for slot := range g.slots {
			if g.slots[slot].Load() == it {
				return g, slot
			}
		}
		if at++; at == len(p.groups) {
			at = 0
		}
	}
}

// remove takes out an item that the page holds. In a group with an empty slot
// no search ever went on to the next one, so the slot becomes empty; in a full
// group it is only marked.
func (p *page[O, V]) remove(it *item[O, V]) {
	g, slot := p.slotOf(it)
	tags := g.tags.Load()
	left := tags &^ (0xff << (8 * slot))
	if emptyTags(tags) == 0 {
		left |= tagDeleted << (8 * slot)
	} else {
		p.used--
	}
	p.live--
	g.tags.Store(left)
	g.slots[slot].Store(nil)
}

// each calls f for every item until it returns false, and reports whether it
// never did.
func (p *page[O, V]) each(f func(it *item[O, V]) bool) bool {
	for at := range p.groups {
		for slot := range p.groups[at].slots {
			if it := p.groups[at].slots[slot].Load(); it != nil && !f(it) {
				return false
			}
		}
	}
	return true
}
