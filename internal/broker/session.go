package broker

import (
	"net/netip"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
	"gnatsd-ev/parser"
)

// A Session is one peer speaking NATS to us. It opens, lives and closes on one
// loop.
type Session struct {
	// Home loop only, all of it.

	conn     loop.Conn // first: a fan-out touches nothing else
	shard    *shard
	table    *table // its account's on this loop
	parser   parser.Parser
	id       uint64
	traits   traits
	reason   proto.CloseReason // why it closes, StillOpen before
	pingsOut uint8             // our PINGs without a PONG
	paused   int32             // nanoseconds it was stalled since its input was last all handled
	subs     sids
	remote   netip.AddrPort
	client   *clientInfo // what CONNECT said of the program, nil before
	user     *auth.User  // who it is, nil where nobody has to say
	aside    *aside      // what few sessions need, nil for the others

	// Times are the loop's, in nanoseconds.
	lastIn     int64 // last operation that counts as life
	pingedAt   int64 // when the last PING went, 0 for none
	pauseUntil int64 // present stall ends
}

// An aside is what a session needs while it proves who it is, or because of its permissions.
type aside struct {
	login   *login   // while proof needs a record
	replies *replies // what it may publish because it was asked, nil unless it needs to be asked
}

// login is the record of the session's proof, or nil.
func (s *Session) login() *login {
	if s.aside == nil {
		return nil
	}
	return s.aside.login
}

// replies are what the session may publish because it was asked, or nil.
func (s *Session) replies() *replies {
	if s.aside == nil {
		return nil
	}
	return s.aside.replies
}

// keep replaces the aside.
func (s *Session) keep(g *login, r *replies) {
	s.aside = nil
	if g != nil || r != nil {
		s.aside = &aside{login: g, replies: r}
	}
}

// traits are what CONNECT chose and what has happened, a bit each.
type traits uint16

const (
	verbose traits = 1 << iota
	pedantic
	wantsEcho
	takesHeaders
	wantsNoResponders
	asyncInfo     // protocol 1: INFO may come at any time
	connected     // CONNECT was received
	firstPongSent // and a PING answered since
	counted       // among the broker's connections
	handshaking   // its TLS handshake is not over
	unproven      // has to prove who it is, and nothing is applied before
	checking      // a helper compares what it has proved; its input waits
	entered       // counted among its account's
	undecided     // its first byte says whether it speaks TLS
	ungreeted     // INFO goes behind its TLS handshake
)

func (s *Session) has(t traits) bool { return s.traits&t != 0 }

func (s *Session) set(t traits, on bool) {
	if on {
		s.traits |= t
	} else {
		s.traits &^= t
	}
}

// clientInfo names a client program; sessions of the same one share it.
type clientInfo struct {
	name, lang, version string
}

// Receive handles whole operations until the input, its share of the loop's
// time, or the connection ends.
func (s *Session) Receive(b []byte) (int, int) {
	sh := s.shard
	sh.loop.AssertOn()
	if s.has(undecided) && s.decides(b) {
		return len(b), 0
	}
	if s.has(unproven) && !s.opensWith(b) {
		return s.waits(b, 0)
	}
	op := &sh.op
	done := 0
	for {
		invariant.Reached("parse", s)
		n, err := s.parser.Next(b[done:], op)
		if err != nil {
			s.parseFailed(err)
			return len(b), 0
		}
		if n == 0 {
			s.paused = 0
			return done, s.parser.Need()
		}
		if sh.trace {
			s.traceIn(op)
		}
		invariant.Reached("apply", s)
		rules[op.Verb](s, op)
		parser.Mangle(b[done : done+n])
		done += n
		sh.loop.Spend(operationWork)
		switch {
		case !s.conn.Open() || s.has(checking):
			return s.waits(b, done)
		case sh.congested != 0:
			s.parkForRoom()
			return done, loop.Again
		case s.pauseUntil > sh.loop.Now():
			s.pause()
			return done, loop.Again
		case sh.loop.Exhausted():
			return done, loop.Again
		}
	}
}

// waits is what Receive returns once the session has ended, or a helper is busy for it.
func (s *Session) waits(b []byte, done int) (int, int) {
	if !s.conn.Open() {
		return len(b), 0
	}
	return done, loop.Again
}

// operationWork is what an operation costs in the loop's units of work, less
// its deliveries.
const operationWork = 10

// rules says what each verb of a client does.
var rules = [...]func(*Session, *parser.Op){
	parser.Connect: (*Session).connect,
	parser.Info:    (*Session).info,
	parser.Ping:    (*Session).ping,
	parser.Pong:    (*Session).pong,
	parser.OK:      (*Session).ignore,
	parser.Err:     (*Session).peerErr,
	parser.Pub:     (*Session).publish,
	parser.HPub:    (*Session).publish,
	parser.Sub:     (*Session).subscribe,
	parser.Unsub:   (*Session).unsubscribe,
}

func (s *Session) ignore(*parser.Op) {}

// Opened greets the peer.
func (s *Session) Opened() {
	sh := s.shard
	s.lastIn = sh.loop.Now()
	invariant.Reached("open", s)
	s.challenge()
	s.set(ungreeted, sh.terms.handshakeFirst())
	if !s.has(ungreeted) {
		s.greet(sh.greetings().hello)
	}
	if sh.log.DebugOn() {
		sh.log.Debugf("%s - Client connection created", s)
	}
	if !sh.broker.admit(sh.terms.options.MaxConnections) {
		s.tooMany()
		return
	}
	s.set(counted, true)
	s.begin()
}

// awaitConnect bounds what the session may cost before it has sent CONNECT. Where it has to prove who it
// is it has so long for that; elsewhere it may stay silent. Tick keeps both.
func (s *Session) awaitConnect() {
	l, t := s.shard.loop, s.shard.terms
	l.Guard(&s.conn)
	patience := t.options.PingInterval
	if s.has(unproven) {
		patience = t.authority.Timeout()
	}
	l.WakeAt(&s.conn, l.Now()+int64(patience))
}

// Ended notes that no more input comes.
func (s *Session) Ended(err error) {
	invariant.Reached("end", s)
	if s.reason != proto.StillOpen {
		return
	}
	if s.has(handshaking) {
		s.handshakeEnded(err)
		return
	}
	switch {
	case err == nil:
		s.reason = proto.ClientClosed
	case err == loop.ErrStopped:
		s.reason = proto.ServerShutdown
	case s.conn.Pending() > 0:
		s.reason = proto.WriteError
	default:
		s.reason = proto.ReadError
	}
}

// teardownSlice is how many subscriptions a turn takes back, of all sessions.
const teardownSlice = 2000

// Teardown takes back the session's subscriptions, as many as the turn's slice has left.
func (s *Session) Teardown() bool {
	sh := s.shard
	if s.has(handshaking) {
		s.securing().Abort()
	}
	for ; sh.tornDown < teardownSlice; sh.tornDown++ {
		sub := s.subs.last()
		if sub == nil {
			return true
		}
		s.subs.take(sub)
		invariant.Reached("teardown", s)
		s.drop(sub)
	}
	return s.subs.count() == 0
}

// Closed is the session's end.
func (s *Session) Closed() {
	sh := s.shard
	s.abandon()
	s.depart()
	if s.has(counted) {
		sh.broker.leave()
	}
	invariant.Reached("close", s)
	if sh.log.DebugOn() {
		sh.log.Debugf("%s - Client connection closed: %s", s, s.reason)
	}
}

// send hands the peer bytes that were appended to the loop's tail. Who asks on
// and on and reads no answer is a slow consumer as much as a subscriber is.
func (s *Session) send(b []byte) {
	sh := s.shard
	sh.loop.Enter()
	invariant.Reached("answer", s)
	sh.loop.Send(&s.conn, sh.loop.Span(b))
	sh.loop.Leave()
	if s.conn.Pending() > sh.pendingMax && s.conn.Open() {
		s.cut()
	}
}

// sendText hands the peer a frame that never changes.
func (s *Session) sendText(frame string) {
	s.send(append(s.shard.loop.Tail(len(frame)), frame...))
}

// acknowledge answers an operation of a verbose peer.
func (s *Session) acknowledge() {
	if s.has(verbose) {
		s.sendText(proto.OK)
		if s.shard.trace {
			s.traceOut("OK")
		}
	}
}

// sendErr tells the peer of a mistake that does not end the connection.
func (s *Session) sendErr(e proto.PeerError) {
	s.send(e.Append(s.shard.loop.Tail(len(e.Text) + 16)))
	if s.shard.trace {
		s.traceOut("-ERR " + e.Text)
	}
}

// endWith tells the peer of a mistake and ends the connection.
func (s *Session) endWith(e proto.PeerError, why proto.CloseReason) {
	s.sendErr(e)
	s.end(why)
}

// end closes the connection once what is pending has been written.
func (s *Session) end(why proto.CloseReason) {
	if s.reason == proto.StillOpen {
		s.reason = why
	}
	s.shard.loop.Close(&s.conn)
}

// parseFailed ends a session whose input is no protocol.
func (s *Session) parseFailed(err error) {
	e := err.(*parser.Error)
	// Lines of one kind are repeats of each other; those of another are not.
	kind, role := "arguments", ""
	why := proto.ProtocolViolation
	switch e.Kind {
	case parser.UnknownOperation:
		kind, role = "operation", "Client " // so begins nats-server's line of this kind
	case parser.PayloadTooLarge:
		kind, why = "payload", proto.MaxPayloadExceeded
	case parser.ControlLineTooLong:
		kind, why = "control line", proto.MaxControlLineExceeded
	}
	s.shard.log.Limited(errorLevel, kind, "%s - %s%s", s, role, e.Detail)
	if e.Text != "" {
		s.endWith(proto.PeerError{Text: e.Text, Fatal: true}, why)
		return
	}
	s.end(why)
}
