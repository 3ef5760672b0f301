package sublist

import "sync/atomic"

// Extendible hashing: a directory of 2^depth places, found by the leading bits
// of the hash, each holding the page for its prefix. A page with a shorter
// prefix stands in several places. A page that is full is split in two by one
// more bit; only when its prefix is as long as the directory's is the directory
// copied, at twice the size. So the longest an insert ever takes is one split
// (378 items moved) and one copy of 8 bytes per 100 to 200 items.
//
// If hashes collided, one of the two pages would get all items and be made
// larger than a page should be, so the directory still has no more places than
// it has items by the hundred.

const (
	hashBits       = 32
	mergedItemsMax = pageGroups * groupItems / 3 // two pages with more together stay apart
)

// A directory is never resized; its places change.
type directory[O comparable, V any] struct {
	depth uint8
	pages []atomic.Pointer[page[O, V]] // 2^depth
}

// place returns where the page for a hash stands.
func (d *directory[O, V]) place(hash uint32) int {
	return int(uint64(hash) >> ((hashBits - d.depth) & 63))
}

// span returns the places [from, to) of all pages that share the leading depth
// bits of hash.
func (d *directory[O, V]) span(hash uint32, depth uint8) (from, to int) {
	wide := d.depth - depth
	from = d.place(hash) >> wide << wide
	return from, from + 1<<wide
}

// set puts p where it belongs.
func (d *directory[O, V]) set(hash uint32, p *page[O, V]) {
	from, to := d.span(hash, p.depth)
	for at := from; at < to; at++ {
		d.pages[at].Store(p)
	}
}

// A table maps (owner, key) to items. The zero table is empty and ready. find,
// len and each may be called by any goroutine at any time, the others by one
// writer at a time.
//
// A reader loads the directory, then a page, then a group. Whatever it loaded
// was current at one instant of its call and holds every item that was there
// then and still is, because pages are replaced only by pages with the same
// items, before anything is changed in those.
type table[O comparable, V any] struct {
	dir atomic.Pointer[directory[O, V]] // nil when empty

	// What follows changes with each write; readers keep the line with dir.
	_     [64]byte
	count atomic.Int64 // items

	// Writer only.
	pages   int // distinct pages
	deepest int // pages with the directory's depth
}

func (t *table[O, V]) len() int { return int(t.count.Load()) }

// find returns the item with this key, or nil.
func (t *table[O, V]) find(owner O, hash uint32, key string) *item[O, V] {
	d := t.dir.Load()
	if d == nil {
		return nil
	}
	return d.pages[d.place(hash)].Load().find(owner, hash, key)
}

// add inserts an item whose key is not in the table.
func (t *table[O, V]) add(it *item[O, V]) {
	t.roomFor(it.hash).put(it)
	t.count.Store(t.count.Load() + 1)
}

// replace puts next, which has the same owner and key, where old was.
func (t *table[O, V]) replace(old, next *item[O, V]) {
	d := t.dir.Load()
	g, slot := d.pages[d.place(old.hash)].Load().slotOf(old)
	g.slots[slot].Store(next)
}

// remove takes out an item of the table.
func (t *table[O, V]) remove(it *item[O, V]) {
	left := t.count.Load() - 1
	t.count.Store(left)
	if left == 0 {
		t.dir.Store(nil)
		t.pages, t.deepest = 0, 0
		return
	}
	d := t.dir.Load()
	p := d.pages[d.place(it.hash)].Load()
	p.remove(it)
	t.shrink(d, p, it.hash)
}

// each calls yield for every item until it returns false. An item that stays in
// the table meanwhile is visited once; one that comes or goes may be or not.
func (t *table[O, V]) each(yield func(it *item[O, V]) bool) {
	d := t.dir.Load()
	if d == nil {
		return
	}
	for at := 0; at < len(d.pages); {
		p := d.pages[at].Load()
		// A page merged meanwhile reaches back to places already visited.
		if !p.each(func(it *item[O, V]) bool { return d.place(it.hash) < at || yield(it) }) {
			return
		}
		wide := d.depth - p.depth
		at = (at>>wide + 1) << wide
	}
}

// roomFor returns the page for a hash once it has room for one more item.
func (t *table[O, V]) roomFor(hash uint32) *page[O, V] {
	if t.dir.Load() == nil {
		d := &directory[O, V]{pages: make([]atomic.Pointer[page[O, V]], 1)}
		d.pages[0].Store(newPage[O, V](0, 0))
		t.dir.Store(d)
		t.pages, t.deepest = 1, 1
	}
	for {
		d := t.dir.Load()
		p := d.pages[d.place(hash)].Load()
		switch {
		case p.used < p.limit():
			return p
		case p.live <= p.limit()*3/4:
			t.rebuild(d, p, hash, p.live) // only deleted slots are in the way
		case len(p.groups) < pageGroups:
			t.rebuild(d, p, hash, p.limit())
		default:
			t.split(d, p, hash)
		}
	}
}

// rebuild replaces a page by one for the given count of items.
func (t *table[O, V]) rebuild(d *directory[O, V], p *page[O, V], hash uint32, items int) {
	next := newPage[O, V](items, p.depth)
	p.each(func(it *item[O, V]) bool { next.put(it); return true })
	d.set(hash, next)
}

// split replaces a page by two with one more bit of prefix each.
func (t *table[O, V]) split(d *directory[O, V], p *page[O, V], hash uint32) {
	if p.depth == d.depth {
		d = t.double(d)
	}
	bit := uint32(1) << (hashBits - 1 - p.depth)
	ones := 0
	p.each(func(it *item[O, V]) bool {
		if it.hash&bit != 0 {
			ones++
		}
		return true
	})
	low, high := newPage[O, V](p.live-ones, p.depth+1), newPage[O, V](ones, p.depth+1)
	p.each(func(it *item[O, V]) bool {
		if it.hash&bit != 0 {
			high.put(it)
		} else {
			low.put(it)
		}
		return true
	})
	d.set(hash&^bit, low)
	d.set(hash|bit, high)
	t.pages++
	if low.depth == d.depth {
		t.deepest += 2
	}
}

// double replaces the directory by one with twice the places, the same pages.
func (t *table[O, V]) double(d *directory[O, V]) *directory[O, V] {
	next := &directory[O, V]{depth: d.depth + 1, pages: make([]atomic.Pointer[page[O, V]], 2*len(d.pages))}
	for at := range next.pages {
		next.pages[at].Store(d.pages[at/2].Load())
	}
	t.dir.Store(next)
	t.deepest = 0
	return next
}

// shrink gives memory back after a removal: a page that holds little joins its
// sibling, or else becomes smaller.
func (t *table[O, V]) shrink(d *directory[O, V], p *page[O, V], hash uint32) {
	if p.depth > 0 {
		bit := uint32(1) << (hashBits - p.depth)
		sibling := d.pages[d.place(hash^bit)].Load()
		if sibling.depth == p.depth && p.live+sibling.live <= mergedItemsMax {
			t.merge(d, p, sibling, hash)
			return
		}
	}
	if len(p.groups) > minorGroups && p.live < p.limit()/4 {
		t.rebuild(d, p, hash, p.live)
	}
}

// merge replaces two pages by one, and the directory by smaller ones for as long
// as no page needs its last bit.
func (t *table[O, V]) merge(d *directory[O, V], p, sibling *page[O, V], hash uint32) {
	next := newPage[O, V](p.live+sibling.live, p.depth-1)
	for _, half := range [...]*page[O, V]{p, sibling} {
		half.each(func(it *item[O, V]) bool { next.put(it); return true })
	}
	d.set(hash, next)
	t.pages--
	if p.depth < d.depth {
		return
	}
	for t.deepest -= 2; t.deepest == 0; {
		d = t.halve(d)
	}
}

// halve replaces the directory by one with half the places; no page may need
// more.
func (t *table[O, V]) halve(d *directory[O, V]) *directory[O, V] {
	next := &directory[O, V]{depth: d.depth - 1, pages: make([]atomic.Pointer[page[O, V]], len(d.pages)/2)}
	for at := range next.pages {
		p := d.pages[2*at].Load()
		next.pages[at].Store(p)
		if p.depth == next.depth {
			t.deepest++
		}
	}
	t.dir.Store(next)
	return next
}
