//go:build invariants

package broker

import (
	"fmt"
	"strings"
	"time"
)

// How a world ends: all comes to rest, all leave, the broker stops; and what must hold then.

// checkRest runs when all has come to rest.
func (s *sim) checkRest() {
	for _, c := range s.conns {
		switch {
		case c.stranger && c.reads() && !c.sock.shut && !c.sock.closed && c.sock.err == nil && !c.finished:
			s.fail("connection %d, which may not come in, stays", c.id)
		case !c.reliable():
		case c.errs < c.errsDue:
			s.fail("connection %d was denied something %d times, and told so %d times", c.id, c.errsDue, c.errs)
		case c.unanswered() > 0:
			s.fail("connection %d got no PONG", c.id)
		case c.oks < c.oksDue:
			s.fail("connection %d got %d +OK and not %d", c.id, c.oks, c.oksDue)
		case len(c.got) > 0:
			s.fail("connection %d got half a frame: %.40q", c.id, c.got)
		}
	}
	s.checkPromises()
	s.checkBudget()
}

// leaveAll has all clients leave; those that have stopped are cut by deadlines.
func (s *sim) leaveAll() {
	for _, c := range s.conns {
		if c.sock.closed || c.sock.err != nil || c.finished || c.vanished {
			continue
		}
		if s.dice.oneIn(3) {
			c.sock.reset()
		} else {
			c.finish()
		}
	}
	for range 100 {
		s.rest(30 * time.Second)
		left := 0
		for _, c := range s.conns {
			if !c.sock.closed {
				left++
			}
		}
		if left == 0 && s.idle() {
			break
		}
	}
	if s.failure == "" {
		s.checkNothingHeld()
	}
}

// idle reports whether no loop waits for a time.
func (s *sim) idle() bool {
	for _, p := range s.pollers {
		if p.told >= 0 {
			return false
		}
	}
	return true
}

// checkNothingHeld runs when nobody is connected any more.
func (s *sim) checkNothingHeld() {
	for _, c := range s.conns {
		if !c.sock.closed {
			s.fail("connection %d was never closed; its excuses: %s", c.id, strings.Join(c.excuses, ", "))
		}
	}
	if !s.idle() {
		s.fail("a loop has a timer and no connection")
	}
	b := s.broker
	literals, patterns := b.global.index.Len()
	if literals+patterns > 0 || b.sessions.Load() != 0 {
		s.fail("%d literals and %d patterns are left in the index, %d sessions", literals, patterns, b.sessions.Load())
	}
	held := 0
	for i, l := range b.group.Loops() {
		held += l.Held()
		sh, t := b.shards[i], b.global.tables[i]
		literals, patterns := t.topics.Len()
		var inFlight int64
		for to := range sh.inFlight {
			inFlight += sh.inFlight[to].Load()
		}
		left := fmt.Sprint(literals, patterns, len(t.groups), l.HeldBytes(), l.InputBytes(), inFlight, len(sh.gains), len(sh.losses), len(sh.expired))
		if left != "0 0 0 0 0 0 0 0 0" {
			s.fail("loop %d still holds (literals patterns groups, bytes out, in, in flight, gains losses expired): %s", i, left)
		}
	}
	if held != 0 {
		s.fail("%d bytes of the budget were not given back", held)
	}
}

// stop shuts the broker down, and checks what must have come before that.
func (s *sim) stop() {
	if s.failure != "" {
		return
	}
	s.trace("world", 0, "stops the broker")
	s.stopping = true
	for _, c := range s.conns {
		if c.reads() {
			c.sock.room = unlimitedRoom
		}
	}
	s.spawn("outside", func() { s.broker.group.Stop(int64(time.Second)) })
	s.rest(time.Minute)
	for _, t := range s.threads {
		if !t.ended {
			s.fail("%s has not ended", t.name)
		}
	}
	for fd, x := range s.table {
		if x != nil {
			s.fail("descriptor %d was not closed: %T", fd, x)
		}
	}
	if s.mix.stopInMidst {
		s.checkStopped()
	}
}

// checkStopped looks whether all that was routed before the broker was told to stop came.
func (s *sim) checkStopped() {
	s.checkSuspicions()
	for _, sub := range s.everSubs {
		if c := sub.conn; c.reliable() {
			for _, m := range sub.must {
				if m.routed() && m.certain() {
					s.fail("message %d of connection %d on %s was lost at the end, on its way to connection %d, sid %s", m.number, m.from.id, m.subject, c.id, sub.sid)
				}
			}
		}
	}
}
