//go:build invariants

package broker

import (
	"time"

	"gnatsd-ev/loop"
)

// The memory budget in a simulation: clients that stop reading, or dawdle over an operation, until more is
// held than may be. The model says who may be chosen then, and what may be held when all has come to rest.

const (
	// toldStep is by how much what loops have told may differ from what they hold, each: see
	// loop/budget.go.
	toldStep = 64 << 10

	// untold is what a loop's current block has room for, which counts nothing.
	untold = 136 << 10

	// behindAfter is how long who does not take what was pending is not behind yet.
	behindAfter = int64(100 * time.Millisecond)
)

// behindness says how far behind a reader is, as far as that shows at its socket.
type behindness struct {
	taken     uint64
	refusedAt int64  // when it took less than it was offered, 0 if it has taken all since
	mark      uint64 // what it had taken then, with what was pending
}

// wrote notes that the socket took n of what it was offered.
func (c *simSocket) wrote(n, offered int) {
	b := &c.behind
	b.taken += uint64(n)
	left := c.session.conn.Pending() - n
	switch {
	case left == 0:
		b.refusedAt = 0
	case n < offered && (b.refusedAt == 0 || b.taken >= b.mark):
		b.refusedAt, b.mark = c.clock, b.taken+uint64(left)
	}
}

// weight is how much a reader of so many pending bytes is to blame at a time.
func (b *behindness) weight(pending int, at int64) int {
	if b.refusedAt > 0 && at-b.refusedAt > behindAfter && b.taken < b.mark {
		return pending * 64
	}
	return pending
}

// excess is what was when the budget was exceeded first.
type excess struct {
	is      bool
	since   int64
	pending map[*simConn]int // of those whose sockets were full
	taken   map[*simConn]uint64
}

// exceeded says which shares of the budget are less than what loops have told.
func (s *sim) exceeded() (total, unfinished, guarded bool) {
	b, g := s.broker.budget, s.broker.group
	all, strangers := g.Unfinished()
	return g.Held() > b.Total, all > b.Unfinished, strangers > b.Guarded
}

// noteExcess notes when the budget begins to be exceeded, and what is pending then.
func (s *sim) noteExcess() {
	if s.mix.budget == 0 || s.broker == nil || s.current == nil {
		return
	}
	total, unfinished, guarded := s.exceeded()
	s.current.over, s.current.crowded = total || unfinished, guarded
	if total == s.over.is {
		return
	}
	s.over = excess{is: total, since: s.clock}
	if !total {
		return
	}
	s.over.pending, s.over.taken = map[*simConn]int{}, map[*simConn]uint64{}
	for _, c := range s.conns {
		if k := c.sock; k.session != nil && !k.closed {
			s.over.taken[c] = k.behind.taken
			if k.full && k.behind.refusedAt > 0 {
				s.over.pending[c] = k.session.conn.Pending()
			}
		}
	}
}

// reached is told of places in the broker.
func (s *sim) reached(place string, who any) {
	switch place {
	case "admit":
		if c := s.connOf(who.(*Session)); c != nil {
			c.comeIn()
		}
	case "cut for the budget":
		s.reclaimed(who.(*Session), loop.PendingOutput)
	case "closed for the budget":
		s.reclaimed(who.(*Session), loop.UnfinishedInput)
	}
}

// reclaimed checks that the budget takes what it may, from whom it should.
func (s *sim) reclaimed(session *Session, what loop.Claim) {
	c := s.connOf(session)
	if c == nil {
		s.fail("the budget takes from a session without a socket")
		return
	}
	total, unfinished, guarded := s.exceeded()
	over, crowded := total || unfinished || s.current.over, guarded || s.current.crowded
	s.trace("budget", c.id, "is taken from")
	switch {
	case s.mix.budget == 0, !over && !crowded, !over && session.has(connected):
		all, guarded := s.broker.group.Unfinished()
		s.fail("the budget takes from connection %d, and is not exceeded: %d bytes, %d %d unfinished", c.id, s.broker.Held(), all, guarded)
	case what == loop.UnfinishedInput && len(c.held) == 0 && len(c.sock.in) == 0 && c.sock.err == nil && !c.saidBad:
		s.fail("connection %d ends for unfinished input, and has finished all it began", c.id)
	case what == loop.PendingOutput:
		s.checkChosen(c)
	}
	c.reclaimed = true
	c.excuse("the budget took what it held")
}

func (s *sim) connOf(session *Session) *simConn {
	for _, c := range s.conns {
		if c.sock.session == session {
			return c
		}
	}
	return nil
}

// checkChosen compares who is cut for what it has not taken with those whose sockets have been full since the
// budget was exceeded: it has about as much to answer for as any.
func (s *sim) checkChosen(c *simConn) {
	b := &c.sock.behind
	pending := c.sock.session.conn.Pending()
	if b.refusedAt == 0 {
		s.fail("connection %d is cut for others, and has taken all it was offered", c.id)
		return
	}
	if !s.over.is || b.taken != s.over.taken[c] {
		return // it reads
	}
	own := b.weight(pending, s.clock)
	for _, other := range s.conns {
		k := other.sock
		was, full := s.over.pending[other]
		if !full || other == c || k.closed || !k.full || other.reclaimed || k.behind.taken != s.over.taken[other] {
			continue
		}
		if w := k.behind.weight(was, s.over.since); w/8*7 > own {
			s.fail("connection %d is cut for %d pending bytes, and connection %d has %d (weights %d %d)", c.id, pending, other.id, was, own, w)
		}
	}
}

// checkBudget runs when all has come to rest: what is held is within the budget then, and counted.
func (s *sim) checkBudget() {
	b := s.broker.budget
	if s.mix.budget == 0 || s.failure != "" {
		return
	}
	step, held := len(s.broker.shards)*toldStep, 0
	for _, l := range s.broker.group.Loops() {
		held += l.Held()
	}
	told := s.broker.Held()
	all, guarded := s.broker.group.Unfinished()
	switch {
	case told-held >= step || held-told >= step:
		s.fail("%d bytes are held, and %d were told", held, told)
	case told > b.Total:
		s.fail("%d bytes are held at rest, and the budget is %d", told, b.Total)
	case all > b.Unfinished || guarded > b.Guarded:
		s.fail("%d %d bytes are unfinished, and may be %d %d", all, guarded, b.Unfinished, b.Guarded)
	}
	if n := s.strangersHold(); n > b.Guarded+step {
		s.fail("who has not sent CONNECT holds %d bytes, and may hold %d", n, b.Guarded)
	}
	if owed := s.owed(); owed > held+len(s.broker.shards)*untold {
		s.fail("messages of %d bytes wait for readers, and only %d are counted", owed, held)
	}
}

// strangersHold is what is held at least of unfinished operations of clients that have not sent CONNECT.
func (s *sim) strangersHold() (n int) {
	for _, c := range s.conns {
		if !c.connected && c.user == nil { // who may stay nameless is let in by whatever it says
			n += c.begun()
		}
	}
	return n
}

// owed is what is certainly held for clients that do not read: messages that were routed, each once.
func (s *sim) owed() (n int) {
	seen := map[*simMessage]bool{}
	for _, sub := range s.everSubs {
		if sub.conn.whole() {
			for _, m := range sub.must {
				if m.routedAt > 0 && !seen[m] {
					seen[m] = true
					n += m.size
				}
			}
		}
	}
	for _, c := range s.conns {
		n -= len(c.got) // a part was taken, and the rest may have been moved
	}
	return n
}

// begun is how much the broker has of an operation that the client does not finish, at least.
func (c *simConn) begun() int {
	if c.sock.closed || c.sock.err != nil || c.opSent >= c.opSize {
		return 0
	}
	return max(0, c.opSent-len(c.sock.in)-len("PING\r\n"))
}

// patience is how long a world waits for its rest.
func (s *sim) patience() time.Duration {
	if s.mix.users || s.mix.budget > 0 { // logins take up to six, and strangers two for an operation, before others are accepted
		return 7 * time.Second
	}
	return 300 * time.Millisecond
}

// dawdle begins a large operation and keeps its end back, or goes on with it. It reports whether the client did
// something.
func (k *simClient) dawdle(c *simConn) bool {
	switch {
	case len(c.held) > 0 && k.dice.oneIn(2):
		c.sendHeld(1 + k.dice.n(len(c.held)))
	case len(c.held) > 0 && k.dice.oneIn(3):
		c.sendHeld(len(c.held))
	case len(c.held) == 0 && k.dice.oneIn(8):
		c.tardy = true
		c.held = append(c.held, "PING\r\n"...) // what is said now waits
		c.marks = append(c.marks, simMark{})
		c.publish(k.dice.word(k.mix.subjects), min(1000+k.dice.n(200<<10), int(k.options.MaxPayload)-64), false, false, "")
		c.opSize, c.opSent = len(c.held), 0
		c.sendHeld(1 + k.dice.n(len(c.held)))
	case k.dice.oneIn(4):
		k.stopOrGoOn(c)
	default:
		return false
	}
	return true
}

// finishHeld has clients send what they keep back, or say nothing any more.
func (s *sim) finishHeld() {
	for _, c := range s.conns {
		if len(c.held) > 0 && s.dice.oneIn(2) {
			c.trace("client", c.id, "never goes on")
			c.vanished, c.silent = true, s.clock
			c.churn()
		} else {
			c.sendHeld(len(c.held))
		}
	}
}

// sendHeld sends so much of what the client keeps back.
func (c *simConn) sendHeld(n int) {
	if n == 0 || c.finished || c.sock.err != nil || c.sock.closed {
		return
	}
	c.trace("client", c.id, "goes on")
	c.opSent += n
	c.sock.in = append(c.sock.in, c.held[:n]...)
	if c.held = c.held[n:]; len(c.held) == 0 {
		c.held = nil
	}
	c.sock.happen(1)
}
