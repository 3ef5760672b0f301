package bench

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Verification. Every message carries its number in its stream and a checksum;
// see stamp.go. A checker tells what is wrong with what one subscriber gets, a
// tally counts it. What is lost shows when nothing more can come: it is what was
// due and is in no checker's books.

// gapsMax is how many missing messages a checker remembers; one that comes
// late, and is forgotten, counts as doubled.
const gapsMax = 1 << 16

// A tally is what all checkers of a run have found. Any loop adds to it.
type tally struct {
	good      atomic.Uint64 // messages that came unaltered, each once
	doubled   atomic.Uint64
	reordered atomic.Uint64
	altered   atomic.Uint64
	misrouted atomic.Uint64 // good ones that were for somebody else
	due       atomic.Uint64 // deliveries that were due
}

// A findings is what verification has found.
type findings struct {
	good, lost, doubled, reordered, altered, misrouted uint64
}

// findings is what the tally says once everything that was due can have come. An
// altered message has come, though nobody knows which it was.
func (t *tally) findings() findings {
	f := findings{
		good: t.good.Load(), doubled: t.doubled.Load(), reordered: t.reordered.Load(),
		altered: t.altered.Load(), misrouted: t.misrouted.Load(),
	}
	if due := t.due.Load(); due > f.good+f.altered {
		f.lost = due - f.good - f.altered
	}
	return f
}

// wrong is how many mistakes were found.
func (f findings) wrong() uint64 { return f.lost + f.doubled + f.reordered + f.altered + f.misrouted }

// newStreams makes n streams with numbers no others of the run have.
func (r *run) newStreams(n int) []*stream {
	all := make([]*stream, n)
	for i := range all {
		r.streamCount++
		all[i] = &stream{id: r.streamCount}
	}
	return all
}

// A checker is what one subscriber has had. Its loop only.
type checker struct {
	tally *tally
	group *ledger          // of the group it shares streams with, nil if it gets all of them
	books map[uint32]*book // of the streams it is to get
	last  uint32           // the stream of the last message,
	book  *book            // and its book: often the next one's as well
}

// A book is one stream as one subscriber sees it.
//
// Invariant: every number below next has come, or is in gaps.
type book struct {
	next uint64
	gaps map[uint64]struct{}
}

// check notes one payload.
func (c *checker) check(payload []byte) {
	id, number, ok := unstamp(payload)
	if !ok {
		c.tally.altered.Add(1)
		return
	}
	if c.book == nil || c.last != id {
		b := c.books[id]
		if b == nil {
			c.tally.misrouted.Add(1)
			return
		}
		c.last, c.book = id, b
	}
	b := c.book
	if c.group != nil {
		c.share(b, id, number)
		return
	}
	switch {
	case number == b.next:
		b.next++
		c.tally.good.Add(1)
	case number > b.next:
		b.skip(number)
		c.tally.good.Add(1)
	default:
		if _, missing := b.gaps[number]; missing {
			delete(b.gaps, number)
			c.tally.good.Add(1)
			c.tally.reordered.Add(1)
			return
		}
		c.tally.doubled.Add(1)
	}
}

// skip goes on behind number, and remembers what is missing before it.
func (b *book) skip(number uint64) {
	if b.gaps == nil {
		b.gaps = make(map[uint64]struct{})
	}
	for n := b.next; n < number && len(b.gaps) < gapsMax; n++ {
		b.gaps[n] = struct{}{}
	}
	b.next = number + 1
}

// share notes a message that exactly one of several subscribers should get. Each of
// them gets ever higher numbers.
func (c *checker) share(b *book, id uint32, number uint64) {
	if !c.group.enter(id, number) {
		c.tally.doubled.Add(1)
		return
	}
	c.tally.good.Add(1)
	if number < b.next {
		c.tally.reordered.Add(1)
		return
	}
	b.next = number + 1
}

// A ledger is which messages the members of a group have had. Any loop.
type ledger struct {
	mu   sync.Mutex // leaf; guards seen
	seen map[uint32][]uint64
}

// ledgerMax bounds the numbers a ledger keeps a bit of.
const ledgerMax = 1 << 33

// enter notes a message and reports whether it is the first time.
func (l *ledger) enter(id uint32, number uint64) bool {
	if number >= ledgerMax {
		return false // no run sends as many
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = make(map[uint32][]uint64)
	}
	words, at, bit := l.seen[id], number/64, uint64(1)<<(number%64)
	if n := int(at) + 1 - len(words); n > 0 {
		words = append(words, make([]uint64, n)...)
		l.seen[id] = words
	}
	if words[at]&bit != 0 {
		return false
	}
	words[at] |= bit
	return true
}

// watch makes a subscriber look into what it gets, as far as the load wants it: for
// the times, for the numbers of the streams it is to get. group is what it
// shares them with, nil when it gets all. It is called before it is opened.
func (r *run) watch(c *client, group *ledger, streams ...*stream) {
	if !r.timed() && !r.load.Verify {
		return
	}
	if r.load.Verify {
		c.checker = newChecker(&r.tally, group, streams)
	}
	c.reader.Message = c.look
}

func newChecker(t *tally, group *ledger, streams []*stream) *checker {
	k := &checker{tally: t, group: group, books: make(map[uint32]*book, len(streams))}
	for _, s := range streams {
		k.books[s.id] = &book{}
	}
	return k
}

// look notes what a payload says.
func (c *client) look(payload []byte) {
	if c.host.latency != nil {
		c.host.latency.note(payload)
	}
	if c.checker != nil {
		c.checker.check(payload)
	}
}

// verdict reports what verification has found, and fails the result if it is
// anything.
func (r *run) verdict() {
	if !r.load.Verify || len(r.result.Stages) > 0 { // each stage has its own
		return
	}
	f := r.tally.findings()
	r.report("verified", float64(f.good), "messages")
	r.report("lost", float64(f.lost), "messages")
	r.report("doubled", float64(f.doubled), "messages")
	r.report("reordered", float64(f.reordered), "messages")
	r.report("altered", float64(f.altered), "messages")
	r.report("misrouted", float64(f.misrouted), "messages")
	if f.wrong() > 0 {
		r.result.Failure = fmt.Sprintf("verification: of %d messages %d were lost, %d doubled, %d reordered, %d altered, %d misrouted",
			r.tally.due.Load(), f.lost, f.doubled, f.reordered, f.altered, f.misrouted)
	}
}
