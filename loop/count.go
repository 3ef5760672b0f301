package loop

import "sync/atomic"

// Counts. A loop counts in plain integers of its own, and copies them once a turn to
// where any goroutine may read them: nothing is shared while a message is handled.

// CacheLine is how many bytes two processors cannot write to at the same time without
// waiting for each other; some fetch two lines at once.
const CacheLine = 128

// A Count is a number that one goroutine at a time writes and any may read.
type Count struct{ n atomic.Int64 }

// Set shows a new value. Storing costs many times what looking does, and most counts stay
// what they were.
func (c *Count) Set(n int64) {
	if c.n.Load() != n {
		c.n.Store(n)
	}
}

// Load returns the value. Any goroutine.
func (c *Count) Load() int64 { return c.n.Load() }

// A Tally is what a loop has done, and what it held at the end of its last turn.
type Tally struct {
	Connections int64 // open
	Opened      int64 // connections so far
	Turns       int64 // done by its own thread
	Loans       int64 // done by another loop's
	Letters     int64 // taken from its mailbox
	Held        int64 // bytes of blocks somebody has still to write from
	Pending     int64 // bytes its connections are owed
	Input       int64 // bytes of memory for unfinished input
}

// shown is a loop's Tally where others read it, on cache lines of its own.
type shown struct {
	_                                   [CacheLine]byte
	connections, opened, turns, loans   Count
	letters, held, pending, inputMemory Count
	_                                   [CacheLine]byte
}

// show copies what the loop has counted.
func (l *Loop) show() {
	s := &l.shown
	s.connections.Set(int64(l.open))
	s.opened.Set(l.opened)
	s.turns.Set(l.turns)
	s.loans.Set(l.loans)
	s.letters.Set(l.letters)
	s.held.Set(int64(l.heldBytes))
	s.pending.Set(int64(l.wanted))
	s.inputMemory.Set(int64(l.inputBytes))
}

// Tally returns what the loop has shown last. Any goroutine.
func (l *Loop) Tally() Tally {
	s := &l.shown
	return Tally{
		Connections: s.connections.Load(), Opened: s.opened.Load(),
		Turns: s.turns.Load(), Loans: s.loans.Load(), Letters: s.letters.Load(),
		Held: s.held.Load(), Pending: s.pending.Load(), Input: s.inputMemory.Load(),
	}
}
