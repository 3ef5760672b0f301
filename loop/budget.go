package loop

import "sync/atomic"

// The budget bounds what all loops together hold for others: output that readers have
// not taken, payloads that several loops share, parcels on their way, unfinished
// input. Each loop counts its own part in plain integers and tells it at the end of a turn
// that has changed it by partStep; whoever tells adds up what all have told. Above
// the budget the loops cut who holds most (reclaim.go), and read nothing meanwhile.
//
// Bound: what is held never exceeds the budget by more than partStep a loop and what each
// loop makes in one turn.

// A Budget is the bytes a group may hold for others. Without a Total nothing is bounded.
type Budget struct {
	Total      int
	Unfinished int // of Total: input that is no whole operation yet
	Guarded    int // of Unfinished: that of guarded connections; see Guard
}

const (
	// partStep is how much a loop's part may change before it tells: adding up costs a
	// look at memory of every other loop.
	partStep = 64 << 10

	// blockCost is what a block takes besides its bytes, and what counts them if shared.
	blockCost = 160

	// pieceCost is what a piece of a backlog takes.
	pieceCost = 16

	// inputCost is what kept input takes besides its bytes.
	inputCost = 112
)

// level says how much of the budget is used.
type level int32

const (
	easy  level = iota
	tight       // more than three quarters: publishers of slow readers should wait
	over        // more than all, or more than unfinished input may take
)

// budget is what loops tell one another of their parts.
type budget struct {
	Budget
	level   atomic.Int32
	crowded atomic.Bool // guarded connections hold more than they may
	parts   []part
}

// part is what one loop has told.
type part struct {
	held, unfinished, guarded atomic.Int64

	// worst is how much the worst reader of the loop weighs while the budget is
	// exceeded, 0 when it has none, notRanked before it has looked.
	worst atomic.Int64

	_ [CacheLine]byte // the next part is another loop's
}

const notRanked = -1

// counts is what a loop knows of its own part.
type counts struct {
	shared     int // bytes of Shared made here less those freed here
	sharedHeld int // of heldBytes: bytes that are somebody else's
	blocks     int // sealed blocks
	pieces     int // what backlogs in use have room for
	framed     int // bytes of buffers that layers have filled
	owner      int // what the owner has said with Hold

	// What the group was told last.
	toldHeld, toldUnfinished, toldGuarded int
}

// Hold counts n bytes that the owner holds for others; negative ones are given back, on
// whichever loop. Home loop only.
func (l *Loop) Hold(n int) { l.counts.owner += n }

// Tight reports whether three quarters of the group's budget were used at the end of the last turn.
func (l *Loop) Tight() bool { return l.level >= tight }

// Held is the loop's part of what the group holds for others. What is made on one loop and freed on
// another makes it negative. Home loop only.
func (l *Loop) Held() int {
	n := &l.counts
	return l.heldBytes - n.sharedHeld + n.shared + n.blocks*blockCost + n.pieces*pieceCost + n.framed + n.owner +
		l.inputBytes + cap(l.current.buf) - blockSize
}

// Held is what all loops hold for others, as they have told. Any goroutine.
func (g *Group) Held() int {
	held, _, _ := g.budget.sum()
	return held
}

// Unfinished is what of that is unfinished input, and what of it guarded connections hold. Any goroutine.
func (g *Group) Unfinished() (all, guarded int) {
	_, all, guarded = g.budget.sum()
	return all, guarded
}

func (b *budget) sum() (held, unfinished, guarded int) {
	for i := range b.parts {
		p := &b.parts[i]
		held += int(p.held.Load())
		unfinished += int(p.unfinished.Load())
		guarded += int(p.guarded.Load())
	}
	return held, unfinished, guarded
}

// balance tells the loop's part and keeps the whole within the budget. It runs when
// nothing is being written.
func (l *Loop) balance() {
	b := &l.group.budget
	if b.Total == 0 || l.quiet {
		l.guardAt = never
		return
	}
	l.level = level(b.level.Load())
	if l.level == over || b.crowded.Load() || l.changed() {
		l.tell()
		l.measure()
	}
	if l.level == over {
		l.reclaim()
	} else if l.hunting {
		l.endHunt()
	}
	if b.crowded.Load() {
		l.clearGuarded()
	} else {
		l.guardAt = never
	}
}

// balanceAgain asks for one more turn when connections that were closed behind balance have given much back: the loop
// might sleep now, and what it does not hold any more must not weigh on the others.
func (l *Loop) balanceAgain() {
	if l.group.budget.Total > 0 && !l.quiet && l.changed() {
		l.wantTurn = true
	}
}

// changed reports whether the loop's part is not what it has told.
func (l *Loop) changed() bool {
	n := &l.counts
	return far(l.Held(), n.toldHeld) || far(l.unfinishedBytes(), n.toldUnfinished) || far(l.guarded.bytes, n.toldGuarded)
}

func far(a, b int) bool { return a-b >= partStep || b-a >= partStep }

// tell says what the loop's part is.
func (l *Loop) tell() {
	n, p := &l.counts, &l.group.budget.parts[l.id]
	n.toldHeld, n.toldUnfinished, n.toldGuarded = l.Held(), l.unfinishedBytes(), l.guarded.bytes
	p.held.Store(int64(n.toldHeld))
	p.unfinished.Store(int64(n.toldUnfinished))
	p.guarded.Store(int64(n.toldGuarded))
}

// unfinishedBytes is what unfinished input takes on this loop.
func (l *Loop) unfinishedBytes() int { return l.unfinished.bytes + l.guarded.bytes }

// measure adds up what all have told.
func (l *Loop) measure() {
	b := &l.group.budget
	held, unfinished, guarded := b.sum()
	switch {
	case held > b.Total || unfinished > b.Unfinished:
		l.level = over
	case held > b.Total/4*3:
		l.level = tight
	default:
		l.level = easy
	}
	if int32(l.level) != b.level.Load() {
		b.level.Store(int32(l.level))
	}
	if crowded := guarded > b.Guarded; crowded != b.crowded.Load() {
		b.crowded.Store(crowded)
	}
}

// wakeOthers has other loops look at the budget.
func (l *Loop) wakeOthers(who func(*part) bool) {
	for i := range l.group.budget.parts {
		if i != l.id && who(&l.group.budget.parts[i]) {
			l.group.loops[i].wake()
		}
	}
}
