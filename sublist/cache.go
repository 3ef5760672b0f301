package sublist

const (
	cacheWays       = 4   // places where a subject may stand
	cacheSubjectMax = 128 // bytes; longer subjects are rare and not worth the room
	cacheValuesMax  = 32  // a result with more costs more to deliver than to find
)

// An entry remembers what patterns matched one subject.
type entry[T any] struct {
	index   uint64 // whose patterns they are
	subject []byte // a copy, its room is reused
	values  []*T   // a copy, its room is reused
	stamp   uint64 // of slot, from before the values were looked up
	slot    uint8
	recent  bool // found since the hand last passed
}

// A cache is a set-associative table of entries. A subject may stand in any of
// the four places of its set; when all are taken the first one that was not
// found since the last time goes (a clock), so that a flood of subjects seen
// once does not drive out those in use. Results with nothing in them are cached
// as well.
type cache[T any] struct {
	size    int
	hand    int                 // the place the clock looked at last, shared by all sets
	hashes  [][cacheWays]uint64 // beside the entries, so that a set is one cache line
	entries [][cacheWays]entry[T]
}

// find returns the entry for a subject of an index, or nil. Whether it still
// holds is for the caller to see.
func (c *cache[T]) find(index, hash uint64, s string) *entry[T] {
	if len(c.hashes) == 0 {
		return nil
	}
	set := int(hash) & (len(c.hashes) - 1)
	for way, h := range &c.hashes[set] {
		if h == hash {
			if e := &c.entries[set][way]; e.index == index && string(e.subject) == s {
				e.recent = true
				return e
			}
		}
	}
	return nil
}

// put stores a result, unless it is too large to be worth it.
func (c *cache[T]) put(index, hash uint64, s string, slot uint8, stamp uint64, values []*T) {
	if c.size <= 0 || len(s) > cacheSubjectMax || len(values) > cacheValuesMax {
		return
	}
	if len(c.hashes) == 0 {
		sets := 1
		for sets*cacheWays < c.size {
			sets *= 2
		}
		c.hashes, c.entries = make([][cacheWays]uint64, sets), make([][cacheWays]entry[T], sets)
	}
	set := int(hash) & (len(c.hashes) - 1)
	way := c.victim(set, index, hash, s)
	c.hashes[set][way] = hash
	e := &c.entries[set][way]
	e.index, e.slot, e.stamp, e.recent = index, slot, stamp, false
	e.subject = append(e.subject[:0], s...)
	clear(e.values)
	e.values = append(e.values[:0], values...)
}

// victim chooses the place of a set where a new result goes.
func (c *cache[T]) victim(set int, index, hash uint64, s string) int {
	entries := &c.entries[set]
	for way := range entries {
		e := &entries[way]
		if len(e.subject) == 0 || c.hashes[set][way] == hash && e.index == index && string(e.subject) == s {
			return way
		}
	}
	for {
		c.hand = (c.hand + 1) % cacheWays
		if e := &entries[c.hand]; !e.recent {
			return c.hand
		}
		entries[c.hand].recent = false
	}
}
