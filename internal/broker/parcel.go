package broker

import (
	"sync"
	"unsafe"

	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/loop"
)

// Parcels. What one turn of a loop has for another loop travels in one piece:
// made on the publisher's loop, opened on the subscribers'.
// in: messages with interest elsewhere    out: the same messages, delivered there

// A parcel is the messages of one turn for one other loop.
type parcel struct {
	loop.Letter
	from, to *shard
	entries  []entry
	bytes    []byte        // subjects, replies and small payloads
	groups   []*queueGroup // chosen groups of all entries
	size     int           // what it counts against the target's share
	held     int           // what it counts in the budget while it is on its way
}

// An entry is one message in a parcel. Offsets are into the parcel's bytes; the
// parts follow each other: subject, reply, payload.
type entry struct {
	account    *Account
	shared     *loop.Shared // the payload with CRLF, nil when it is in bytes
	ask        *ask         // if the publisher wants to know, and several loops have it
	origin     origin
	tried      loopSet // loops that had no member to give it to
	at         uint32
	subject    uint32 // lengths
	reply      uint32
	payload    uint32
	header     uint32
	groupsAt   uint32
	groups     uint32
	laps       uint8 // how often tried began anew
	wants503   bool  // the publisher wants to know if nobody is here
	groupsOnly bool  // passed on for its groups; plain subscribers have had it
}

var parcels = sync.Pool{New: func() any { return new(parcel) }}

// parcelKeepMax is the size from which an emptied parcel's bytes are not kept.
const parcelKeepMax = 1 << 20

// parcelFor returns the parcel this turn fills for a target.
func (sh *shard) parcelFor(id int) *parcel {
	p := sh.out[id]
	if p == nil {
		p = parcels.Get().(*parcel)
		p.Address(p)
		p.from, p.to = sh, sh.broker.shards[id]
		sh.out[id] = p
	}
	return p
}

// add appends a message, with the contests that were decided for its target.
func (p *parcel) add(m *message, contests []contest, target int, wants503 bool) {
	e := p.append(m)
	e.wants503 = wants503
	e.groupsAt = uint32(len(p.groups))
	for i := range contests {
		if contests[i].target == target {
			p.groups = append(p.groups, contests[i].shared...)
		}
	}
	e.groups = uint32(len(p.groups)) - e.groupsAt
}

// passOn appends a message that is for one queue name only.
func (p *parcel) passOn(m *message, groups []*queueGroup, tried loopSet, laps uint8, wants503 bool) {
	e := p.append(m)
	e.wants503 = wants503
	e.tried, e.laps, e.groupsOnly = tried, laps, true
	e.groupsAt, e.groups = uint32(len(p.groups)), uint32(len(groups))
	p.groups = append(p.groups, groups...)
}

func (p *parcel) append(m *message) *entry {
	p.entries = append(p.entries, entry{
		account: m.account, origin: m.origin, ask: m.ask, at: uint32(len(p.bytes)), subject: uint32(len(m.subject)),
		reply: uint32(len(m.reply)), payload: uint32(len(m.payload)), header: uint32(m.header),
	})
	e := &p.entries[len(p.entries)-1]
	before := len(p.bytes)
	p.bytes = append(append(p.bytes, m.subject...), m.reply...)
	if m.shared != nil {
		m.shared.Retain(1)
		e.shared = m.shared
		p.size += len(m.payload) / p.from.sharedWeight
	} else {
		p.bytes = append(p.bytes, m.payload...)
	}
	p.size += len(p.bytes) - before + int(unsafe.Sizeof(*e)) + int(p.to.entryWeight.Load())
	return e
}

// Post hands this turn's parcels to their loops, and shows what the shard has counted. Sessions that
// the budget cuts behind it are shown by the turn that closes them, which follows at once.
func (sh *shard) Post() {
	sh.heedMemory()
	for id, p := range sh.out {
		if p == nil {
			continue
		}
		sh.out[id] = nil
		sh.inFlight[id].Add(int64(p.size))
		p.held = len(p.bytes) + len(p.entries)*int(unsafe.Sizeof(p.entries[0]))
		sh.loop.Hold(p.held)
		invariant.Reached("post", sh)
		invariant.Between()
		if !sh.loop.PostTo(p.to.loop, &p.Letter, len(p.entries)) {
			p.discard()
		}
	}
	sh.show()
}

// discard gives back what a parcel holds that nobody will open: at the end of all loops
// its target was the first.
func (p *parcel) discard() {
	for i := range p.entries {
		if s := p.entries[i].shared; s != nil {
			p.from.loop.Release(s)
		}
	}
	p.from.inFlight[p.to.id].Add(-int64(p.size))
	p.from.loop.Hold(-p.held)
	p.recycle()
}

// Deliver opens the parcel on the loop it is for.
func (p *parcel) Deliver(*loop.Loop) {
	sh := p.to
	before := sh.loop.Spent()
	for i := range p.entries {
		invariant.Reached("mail", sh)
		sh.receiveEntry(p, &p.entries[i])
	}
	sh.weighEntries(len(p.entries), sh.loop.Spent()-before)
	sh.counts[countParcels]++
	sh.counts[countParcelMsgs] += int64(len(p.entries))
	p.from.taken(sh.id, int64(p.size))
	sh.loop.Hold(-p.held)
	p.recycle()
}

// receiveEntry delivers one message that came from another loop.
func (sh *shard) receiveEntry(p *parcel, e *entry) {
	b := p.bytes[e.at:]
	m := &sh.message
	*m = message{account: e.account, origin: e.origin, header: int(e.header), shared: e.shared, laps: e.laps, ask: e.ask}
	m.subject, b = b[:e.subject:e.subject], b[e.subject:]
	m.reply, b = b[:e.reply:e.reply], b[e.reply:]
	if e.shared != nil {
		m.payload = e.shared.Bytes[:e.payload]
	} else {
		m.payload = b[:e.payload:e.payload]
	}
	if e.groupsOnly && e.origin.real && int(e.origin.loop) == sh.id {
		m.from = sh.session(e.origin) // passed on until it came back: still no echo
	}
	delivered := false
	if !e.groupsOnly {
		sh.match(m, false)
		for _, tp := range sh.topics {
			if sh.deliver(tp, m) {
				delivered = true
			}
		}
	}
	for groups := p.groups[e.groupsAt : e.groupsAt+e.groups]; len(groups) > 0; {
		n := 1 // those of one queue name stand together
		for n < len(groups) && groups[n].name == groups[0].name {
			n++
		}
		// With several names more than one may be passed on, and another deliver: then they ask together.
		if sh.receiveForGroups(groups[:n], m, e.tried, e.wants503 && !delivered, n < int(e.groups)) {
			delivered = true
		}
		groups = groups[n:]
	}
	if m.ask != nil {
		delivered = !m.ask.looked(delivered)
	}
	if e.wants503 && !delivered {
		sh.sendBack(m)
	}
	m.release(sh.loop)
	sh.loop.Spend(operationWork)
}

// recycle empties the parcel for its next turn.
func (p *parcel) recycle() {
	clear(p.entries)
	clear(p.groups)
	p.entries, p.groups, p.bytes = p.entries[:0], p.groups[:0], p.bytes[:0]
	p.from, p.to, p.size, p.held = nil, nil, 0, 0
	if cap(p.bytes) > parcelKeepMax {
		p.bytes = nil
	}
	parcels.Put(p)
}

// sendBack tells a publisher on another loop that nobody took its request, if it is still in the account
// where it asked.
func (sh *shard) sendBack(m *message) {
	o, account := m.origin, m.account
	home := sh.broker.shards[o.loop]
	r, j := string(m.reply), string(m.subject)
	home.loop.Do(func(l *loop.Loop) {
		if s := home.session(o); s != nil && s.table.account == account {
			s.noResponders([]byte(r), []byte(j))
		}
	})
}
