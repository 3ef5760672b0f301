package broker

import (
	"crypto/rand"
	"encoding/base64"
	"sync/atomic"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
)

// Login. Runs on the session's loop, but for slow comparisons, which a helper does.
// in: what the first operation proves    out: a user, or the end of the session
//
//	unproven --CONNECT, or anything where one may stay nameless--> judged --> admitted
//	                 \--slow: checking, input waits --letter--/     \--> -ERR, closed
//
// There is no other way in, whatever the operation. A further CONNECT goes the same way.

// A login is what is held for a session that has to prove who it is. Its letter brings the answer of
// a helper; a session that has gone meanwhile, or was told that it took too long, is not found any more.
type login struct {
	loop.Letter
	shard  *shard
	of     loop.Handle
	nonce  string // what the client has to sign, empty if nobody needs to
	check  auth.Check
	by     *auth.Authority // whose check it is
	claim  auth.Claim      // to be judged anew if another one has taken its place
	claims string          // for the log: whom the client claims to be
	then   func(*Session)
	state  atomic.Uint32
	passed *auth.User // written by the helper before it posts
}

// States of a login that helpers are given. Whoever leaves loginWaits behind owns the check from then on.
const (
	loginWaits uint32 = iota // in line
	loginTaken               // a helper works on it
	loginGone                // nobody waits for the answer
)

// helpers do what is too slow for a loop.
type helpers interface {
	Do(auth.Task)
	Stop()
}

// challenge prepares the session for what it has to prove; its greeting shows the nonce.
func (s *Session) challenge() {
	a := s.shard.terms.authority
	if !a.Required() {
		return
	}
	s.set(unproven, true)
	if !a.Signed() {
		return
	}
	var raw [proto.NonceBytes]byte
	rand.Read(raw[:])
	s.keep(&login{nonce: base64.RawURLEncoding.EncodeToString(raw[:])}, nil)
}

// opensWith reports whether what begins with b may be handled: it is a CONNECT, or the session may
// stay nameless. If not, the session ends at its first byte.
func (s *Session) opensWith(b []byte) bool {
	if b[0] == 'C' || b[0] == 'c' {
		return true
	}
	s.prove(auth.Claim{Via: auth.Standard}, func(*Session) {})
	return s.conn.Open() && !s.has(checking)
}

// prove finds out who the session is, and goes on with what comes then as soon as that is known.
func (s *Session) prove(claim auth.Claim, then func(*Session)) {
	sh := s.shard
	a := sh.terms.authority
	switch {
	case !a.Required():
		s.admitted(nil, then)
		return
	case !s.has(unproven) && claim.Empty():
		s.admitted(s.user, then) // a further CONNECT that names nobody
		return
	}
	nonce := ""
	if g := s.login(); g != nil {
		nonce = g.nonce
	}
	claim.Nonce = nonce
	check := a.Identify(claim)
	if user, by := check.Certified(); by != "" {
		s.tellCertified(user, by, claim.User)
	}
	claims := claim.Naming()
	if !check.Slow() {
		s.judged(check.Passes(), claims, then)
		return
	}
	s.set(checking, true)
	g := &login{shard: sh, of: s.conn.Handle(), nonce: nonce, check: check, by: a, claim: claim, claims: claims, then: then}
	g.Address(g)
	s.keep(g, nil)
	sh.loop.Park(&s.conn, 0)
	sh.terms.helpers.Do(g)
}

// Work does the slow comparison. A helper's.
func (g *login) Work() {
	if !g.state.CompareAndSwap(loginWaits, loginTaken) {
		return
	}
	g.passed = g.check.Passes()
	g.shard.loop.Post(&g.Letter) // a loop that has ended has no session left
}

// Deliver goes on with a session whose comparison is done, on its loop.
func (g *login) Deliver(l *loop.Loop) {
	c := l.Lookup(g.of)
	if c == nil || !c.Open() {
		return
	}
	s := g.shard.sessionOf(c)
	if invariant.Enabled {
		invariant.Check(s.login() == g, "an answer for %s that it does not wait for", s)
	}
	s.set(checking, false)
	if g.by == g.shard.terms.authority {
		s.judged(g.passed, g.claims, g.then)
	} else { // the answer is about users as they were
		s.prove(g.claim, g.then)
	}
	if !s.has(checking) {
		l.Unpark(c)
	}
}

// abandon tells the helpers that nobody waits any more. What stays in their line holds nothing of what the client
// sent.
func (s *Session) abandon() {
	if g := s.login(); g != nil {
		if g.state.CompareAndSwap(loginWaits, loginGone) {
			g.check, g.claim = auth.Check{}, auth.Claim{}
		}
		s.keep(nil, nil)
	}
}

// judged goes on with what came of the comparison.
func (s *Session) judged(user *auth.User, claims string, then func(*Session)) {
	if user == nil {
		s.notAuthorized(claims)
		return
	}
	s.admitted(user, then)
}

// notAuthorized ends the session with the one word there is for all that can be wrong with its proof. The log
// says whom it claimed to be, if anybody.
func (s *Session) notAuthorized(claims string) {
	if claims != "" {
		claims = " - " + claims
	}
	s.shard.log.Limited(errorLevel, "authorization", "%s - authentication error%s", s, claims)
	s.endWith(proto.ErrAuthorization, proto.AuthenticationViolation)
}

// admitted lets the session in; user is nil where nobody has a name.
func (s *Session) admitted(user *auth.User, then func(*Session)) {
	sh := s.shard
	invariant.Reached("admit", s)
	if !s.enter(user) {
		s.refuseCrowded()
		return
	}
	first := !s.has(connected)
	s.set(connected, true)
	s.set(unproven, false)
	s.become(user)
	sh.loop.Trust(&s.conn)
	if first {
		sh.loop.Enter()
		s.regroup()
		s.wakeForFirstPing()
		sh.loop.Leave()
	}
	then(s)
}

// tooLate ends a session that has not proved who it is in time. That the comparison may be what took so
// long is no excuse: who has waited so long in a flood has given up.
func (s *Session) tooLate() {
	s.abandon()
	s.shard.log.Debugf("%s - %s", s, proto.ErrAuthTimeout.Text)
	s.endWith(proto.ErrAuthTimeout, proto.AuthenticationTimeout)
}
