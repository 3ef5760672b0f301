package broker

import (
	"math/rand/v2"
	"slices"

	"gnatsd-ev/internal/proto"
	"gnatsd-ev/internal/transport"
)

// Shed. Behind a reload: what there is too much of by the new terms goes.

// shed closes sessions until there are no more than the limit, as likely one as another, and reports false if it was told
// to quit. 0 is no limit.
func (b *Broker) shed(limit int, quit <-chan struct{}) bool {
	if limit == 0 || b.sessions.Load() <= int64(limit) {
		return true
	}
	all, closed := 0, 0 // without those that close already
	if !b.visitAll(quit, func(s *Session) { all++ }) {
		return false
	}
	excess := all - max(limit, 0)
	if excess <= 0 {
		return true
	}
	whole := b.visitAll(quit, func(s *Session) {
		if excess > 0 && (all <= excess || rand.IntN(all) < excess) {
			s.tooMany()
			closed++
			excess--
		}
		all--
	})
	b.log.Infof("Closed %d connections to fall within max_connections", closed)
	return whole
}

// shedAccounts closes sessions until no account has more than it may, and those with more subscriptions than one may
// have there. It reports false if it was told to quit.
func (b *Broker) shedAccounts(t *terms, quit <-chan struct{}) bool {
	over := len(t.subsMax) > 0
	for _, g := range t.grants {
		over = over || g.sessionsMax >= 0 && g.account.sessions.Load() > int64(g.sessionsMax)
	}
	if !over {
		return true
	}
	have := map[*Account]int{} // without those that close already
	return b.visitAll(quit, func(s *Session) {
		if s.has(entered) {
			have[s.table.account]++
		}
	}) && b.visitAll(quit, func(s *Session) { s.fit(have) })
}

// fit ends the session if its account has become too small for it. have counts the account's sessions.
func (s *Session) fit(have map[*Account]int) {
	t, here := s.shard.terms, s.table.account
	most := t.maxSubscriptions(here)
	g := t.grants[here.name]
	switch {
	case s.has(entered) && g != nil && g.sessionsMax >= 0 && have[here] > g.sessionsMax:
		have[here]--
		s.refuseCrowded()
	case most > 0 && s.subs.count() > most:
		s.shard.log.Limited(errorLevel, "subscriptions", "%s - maximum subscriptions exceeded", s)
		s.endWith(proto.ErrSubscriptions, proto.MaxSubscriptionsExceeded)
	}
}

// shedUnpinned closes the TLS sessions whose keys are not among the pinned ones any more, and reports false if it was
// told to quit.
func (b *Broker) shedUnpinned(old, t *terms, quit <-chan struct{}) bool {
	if slices.Equal(old.options.TLS.Pinned, t.options.TLS.Pinned) {
		return true
	}
	closed := 0
	whole := b.visitAll(quit, func(s *Session) {
		if secured, is := s.conn.Layer().(*transport.TLS); is && !s.pinned(secured) {
			s.end(proto.TLSHandshakeError)
			closed++
		}
	})
	if closed > 0 {
		b.log.Infof("Disconnect %d clients due to pinned certs reload", closed)
	}
	return whole
}

// visitAll does f for all sessions that were admitted, in slices, and reports false if it was told to quit.
func (b *Broker) visitAll(quit <-chan struct{}, f func(*Session)) bool {
	rest := b.tour()
	for rest.any() {
		rest.visit(sweepSlice, func(s *Session) {
			if s.has(counted) {
				f(s)
			}
		})
		if !pause(sweepPause, quit) {
			return false
		}
	}
	return true
}

// tooMany ends a session because there may not be so many any more.
func (s *Session) tooMany() {
	s.shard.log.Limited(errorLevel, "maximum connections", "%s - maximum connections exceeded", s)
	if s.has(handshaking) || s.has(undecided) { // nothing may be said between its records
		s.end(proto.MaxConnectionsExceeded)
		return
	}
	s.endWith(proto.ErrConnections, proto.MaxConnectionsExceeded)
}
