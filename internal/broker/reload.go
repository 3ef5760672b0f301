package broker

import (
	"time"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
)

// Reload. New terms are made beside the loops; then each loop takes them, serves whoever comes by them from that
// moment, and looks at its sessions in slices: who may stay, and with which subscriptions. Until all loops have,
// one may still serve by the old terms what another serves by the new ones; when Apply returns none does.

const (
	// sweepSlice is how much a loop does of it before it looks at its sockets: sessions, and
	// subscriptions that have to be asked about. Each may be a few microseconds.
	sweepSlice = 256

	// sweepPause is between two slices of a loop. Letters are taken after every read, and without a pause a loop
	// with many readers would do a slice for each of them in one turn.
	sweepPause = time.Millisecond
)

// A Change is terms that nobody goes by yet.
type Change struct {
	next *terms

	// NewTLS says that certificates differ from those in force, though they may stand in the same files.
	NewTLS bool
}

// Prepare makes new terms of options, and reads all that they name: nothing is different if it fails, or if Apply
// does not follow. The options must differ from those in force only in what may change. Not from a loop, and one at
// a time.
func (b *Broker) Prepare(o *config.Options) (*Change, error) {
	old := b.terms.Load()
	t, err := newTerms(o, b.gate, old, len(b.shards))
	if err != nil {
		return nil, err
	}
	t.greet(b.info(t))
	return &Change{next: t, NewTLS: t.tls != old.tls}, nil
}

// Apply has all loops go by new terms, and returns when all sessions do, or false soon after quit is closed. After
// Start, not from a loop.
func (b *Broker) Apply(c *Change, quit <-chan struct{}) bool {
	b.changing.Lock()
	defer b.changing.Unlock()
	if b.ended {
		return false
	}
	t, old := c.next, b.terms.Load()
	b.engage(t)
	b.terms.Store(t)
	if !b.sweep(t, quit) || !b.shed(t.options.MaxConnections, quit) || !b.shedAccounts(t, quit) || !b.shedUnpinned(old, t, quit) {
		return false
	}
	b.state(b.Facts(), t)
	return true
}

// sweep takes all loops over to new terms, and reports false if it was told to quit.
func (b *Broker) sweep(t *terms, quit <-chan struct{}) bool {
	var rest []*sweep
	for _, sh := range b.shards {
		w := &sweep{shard: sh, next: t, done: make(chan bool, 1)}
		w.Address(w)
		rest = append(rest, w)
	}
	for {
		var posted []*sweep
		for _, w := range rest {
			if w.shard.loop.Post(&w.Letter) { // else it has ended, and its sessions with it
				posted = append(posted, w)
			}
		}
		rest = rest[:0]
		for _, w := range posted {
			select {
			case more := <-w.done:
				if more {
					rest = append(rest, w)
				}
			case <-quit:
				return false
			}
		}
		if len(rest) == 0 {
			return true
		}
		if !pause(sweepPause, quit) {
			return false
		}
	}
}

// A sweep takes one loop over to new terms. Its letter does a slice.
type sweep struct {
	loop.Letter

	// Fixed when made.
	shard *shard
	next  *terms
	done  chan bool // whether there is more to do, for each slice

	// Home loop only.
	newRules bool        // who may do what has changed as well
	from     int         // the descriptor to go on with
	of       loop.Handle // whose subscriptions are being looked at
	subs     int         // and how many of them are left
	left     int         // of the slice
}

// Deliver does one slice.
func (w *sweep) Deliver(l *loop.Loop) {
	sh := w.shard
	if sh.terms != w.next {
		w.newRules = sh.terms.authority != w.next.authority
		sh.goBy(w.next)
	}
	for w.left = sweepSlice; w.left > 0 && w.from >= 0; w.left-- {
		whole := true
		next := l.EachFrom(w.from, 1, func(_ *loop.Conn, p loop.Peer) { whole = w.visit(p.(*Session)) })
		if whole {
			w.from = next
		}
	}
	if w.from < 0 && w.newRules && sh.verdicts != nil {
		sh.verdicts = auth.NewVerdicts() // the old ones hold rules that nobody has any more
	}
	w.done <- w.from >= 0
}

// visit takes a session over to the new terms, and looks at its subscriptions, from the last one on: what comes
// meanwhile stands behind those, and takes the place of what goes. It reports false if some are left.
func (w *sweep) visit(s *Session) (whole bool) {
	if of := s.conn.Handle(); w.of != of {
		w.of, w.subs = of, 0
		if w.newRules && s.renew() {
			w.subs = s.subs.count()
		}
		s.limit()
	}
	for w.subs = min(w.subs, s.subs.count()); w.subs > 0; w.left-- {
		if w.left <= 0 {
			return false
		}
		w.subs--
		s.review(s.subs.all()[w.subs])
	}
	return true
}

// limit has the session's parser keep to the limits of the terms, and of its account.
func (s *Session) limit() {
	t := s.shard.terms
	s.parser.MaxControlLine, s.parser.MaxPayload = t.options.MaxControlLine, t.options.MaxPayload
	if g := t.grants[s.table.account.name]; s.has(entered) && g != nil {
		s.parser.MaxPayload = g.payloadMax
	}
}

// renew judges the session by new users and rules. It reports whether its subscriptions have to be looked at.
func (s *Session) renew() (review bool) {
	a := s.shard.terms.authority
	switch {
	case s.has(unproven) || !s.has(connected) && s.subs.count() == 0:
		s.renewStranger()
		return false
	}
	user, stays := a.Stays(s.user, auth.Standard, s.certificate())
	if !stays {
		s.revoke()
		return false
	}
	if !s.lives(user) {
		s.depart()
		s.end(proto.ClientClosed) // without a word, as nats-server does: who comes again is where it belongs
		return false
	}
	if user == nil {
		s.depart()
	} else if !s.has(entered) && !s.enter(user) { // it has a name only now
		s.refuseCrowded()
		return false
	}
	was := s.rules()
	s.user = user
	if s.rules() == was {
		return false
	}
	s.obey()
	return true
}

// lives reports whether a user lives where the session's subscriptions are.
func (s *Session) lives(user *auth.User) bool {
	here := s.table.account
	if user == nil {
		return here == s.shard.broker.global
	}
	g := s.shard.terms.grants[user.Account()]
	return g != nil && g.account == here
}

// renewStranger has a session that has done nothing yet prove who it is, or not any more. What it has begun to prove is
// judged by the new users when the answer is there.
func (s *Session) renewStranger() {
	needed := s.shard.terms.authority.Required()
	if needed == s.has(unproven) {
		return
	}
	s.set(unproven, needed)
	if !s.has(checking) {
		s.keep(nil, nil)
	}
	if !s.has(handshaking) && !s.has(undecided) {
		s.awaitConnect()
	}
}

// revoke ends a session that may not stay.
func (s *Session) revoke() {
	claims := ""
	if s.user != nil {
		claims = s.user.Naming()
	}
	s.depart()
	s.notAuthorized(claims)
}

// review removes a subscription that the session's rules forbid, and notes whether they deny some of what
// it gets.
func (s *Session) review(sub *subscription) {
	l := s.shard.loop
	subj, queue := []byte(sub.topic.subject), []byte(sub.queue())
	if !s.maySubscribe(subj, queue) {
		l.Enter()
		s.subs.take(sub)
		s.drop(sub)
		l.Leave()
		s.logRemoval(subj, queue, sub.sid)
		s.sendErr(proto.SubscriptionRevoked(subj, queue, sub.sid))
		return
	}
	l.Enter()
	plain := sub.set != nil && sub.set.group == nil // and so among those that get the same, or are asked about
	if plain {
		sub.topic.remove(sub)
	}
	sub.filtered = s.filtered(subj)
	if plain {
		sub.topic.add(sub)
	}
	l.Leave()
}

// logRemoval logs that new rules have taken a subscription away.
func (s *Session) logRemoval(subj, queue []byte, sid string) {
	text := logging.Quote(nil, subj)
	if len(queue) > 0 {
		text = logging.Quote(append(text, " using queue "...), queue)
	}
	text = append(logging.Quote(append(text, " (sid "...), []byte(sid)), ')')
	s.shard.log.Limited(infoLevel, "removed", "Removed sub %s for %s - not authorized", text, s.user.Naming())
}
