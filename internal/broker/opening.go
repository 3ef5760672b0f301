package broker

import (
	"bytes"

	"gnatsd-ev/internal/proto"
)

// Opening. Runs on the session's loop, from its first moment until it is known whether it speaks TLS, and INFO
// has gone. Without TLS that is at once. With it:
//
//	as a rule          INFO, then the handshake
//	handshake_first    the handshake, then INFO
//	  auto, or a time  nobody speaks: bytes are a handshake; when the time is over, INFO and as a rule
//	allow_non_tls      INFO, then the client's first byte decides

// recordHandshake is the first byte of who speaks TLS, and of no operation.
const recordHandshake = 0x16

// greet sends INFO.
func (s *Session) greet(hello *proto.Greeting) {
	sh := s.shard
	s.set(ungreeted, false)
	nonce := ""
	if l := s.login(); l != nil {
		nonce = l.nonce
	}
	s.send(hello.AppendNonce(sh.loop.Tail(sh.terms.greetingMax), s.id, sh.clientIP(s.remote), nonce))
}

// begin goes on behind the greeting, or in place of it.
func (s *Session) begin() {
	sh := s.shard
	c := &sh.terms.options.TLS
	now := sh.loop.Now()
	switch {
	case sh.terms.tls == nil:
		s.awaitConnect()
	case s.has(ungreeted) && c.FirstFallback > 0:
		s.set(undecided, true)
		sh.loop.Guard(&s.conn)
		sh.loop.WakeAt(&s.conn, now+int64(c.FirstFallback))
	case !s.has(ungreeted) && c.AllowNonTLS:
		s.set(undecided, true)
		sh.loop.Guard(&s.conn)
		sh.loop.WakeAt(&s.conn, now+int64(c.Timeout))
	default:
		s.secure()
	}
}

// decides has the first bytes say whether the session speaks TLS, and reports whether they were the
// beginning of a handshake. In front of INFO nobody says anything else.
func (s *Session) decides(b []byte) bool {
	s.set(undecided, false)
	ended := s.shard.terms.tls == nil // TLS, by a reload
	if ended && s.has(ungreeted) {
		s.greet(s.shard.greetings().hello)
	}
	if ended || !s.has(ungreeted) && b[0] != recordHandshake {
		s.awaitConnect()
		return false
	}
	s.secure()
	_, _, _ = s.securing().Open(nil, b) // gives nothing and fails never, as long as the handshake runs
	return true
}

// undecidedTooLong goes on with a session that has said nothing so far: it waits for INFO, or it does not
// speak TLS.
func (s *Session) undecidedTooLong() {
	if s.has(ungreeted) {
		s.set(undecided, false)
		s.greet(s.shard.greetings().hello)
		s.begin()
		return
	}
	s.set(undecided, false)
	s.awaitConnect()
}

// takesTurn reports whether a handshake that has just begun goes on at once. If not, it waits for its turn with what
// has come, or the session was refused because its turn would come too late.
func (x *securing) takesTurn(in []byte) bool {
	s := x.session
	sh := s.shard
	t := sh.terms.throttle
	if t == nil {
		return true
	}
	now := sh.loop.Now()
	wait, ok := t.reserve(now, x.deadline-int64(sh.terms.options.TLS.Timeout)/turnShare)
	switch {
	case !ok:
		t.refused(sh.log)
		s.endWith(proto.ErrThrottled, proto.MaxConnectionsExceeded)
		return false
	case wait > 0:
		x.held = bytes.Clone(in)
		x.home.Park(&s.conn, 0)
		x.home.WakeAt(&s.conn, now+wait)
		return false
	}
	return true
}

// turnShare is the part of the time for a handshake that must be left when its turn comes: one over it.
const turnShare = 4

// turnCame goes on with a handshake that has waited for its turn.
func (x *securing) turnCame() {
	x.home.WakeAt(&x.session.conn, x.deadline)
	in := x.held
	x.held = nil
	_, _, _ = x.TLS.Open(nil, in) // as in decides
	if !x.Away() {
		x.home.Unpark(&x.session.conn)
	}
}
