package broker

import (
	"encoding/json"
	"time"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/parser"
)

// connect applies CONNECT. A second one lays its options over the first's,
// and drops all subscriptions.
func (s *Session) connect(op *parser.Op) {
	sh := s.shard
	c := &sh.connect
	*c = s.options()
	if err := c.UnmarshalShared(op.Arg, sh.strings); err != nil {
		sh.log.Limited(errorLevel, "connect", "%s - CONNECT is not understood: %v", s, err)
		s.end(proto.ProtocolViolation)
		return
	}
	s.adopt(c)
	if s.has(connected) || sh.terms.authority.Required() { // a reload may have come between SUB and a first CONNECT
		sh.loop.Enter()
		s.dropAll()
		sh.loop.Leave()
	}
	claim := auth.ClaimOf(c, auth.Standard)
	claim.Certificate = s.certificate()
	s.prove(claim, sequel(c))
}

// sequel is what comes of a CONNECT once it is known who sent it.
func sequel(c *proto.Connect) func(*Session) {
	switch {
	case c.NamesAccount():
		return (*Session).refuseAccount
	case c.Protocol < 0 || c.Protocol > proto.ClientProtocolMax:
		return (*Session).refuseProtocol
	case c.NoResponders && !c.Headers:
		return (*Session).refuseNoHeaders
	}
	return (*Session).acknowledge
}

func (s *Session) refuseAccount() { s.notAuthorized("") }

func (s *Session) refuseProtocol() {
	s.shard.log.Limited(errorLevel, "protocol", "%s - %s", s, proto.ErrClientProtocol.Text)
	s.endWith(proto.ErrClientProtocol, proto.BadClientProtocolVersion)
}

func (s *Session) refuseNoHeaders() {
	s.shard.log.Limited(errorLevel, "no responders", "%s - %s", s, proto.ErrNoRespondersHeaders.Text)
	s.endWith(proto.ErrNoRespondersHeaders, proto.NoRespondersRequiresHeaders)
}

// options returns what CONNECT has chosen so far.
func (s *Session) options() proto.Connect {
	c := proto.NewConnect()
	c.Verbose, c.Pedantic, c.Echo = s.has(verbose), s.has(pedantic), s.has(wantsEcho)
	c.Headers, c.NoResponders = s.has(takesHeaders), s.has(wantsNoResponders)
	if s.has(asyncInfo) {
		c.Protocol = 1
	}
	if s.client != nil {
		c.Name, c.Lang, c.Version = s.client.name, s.client.lang, s.client.version
	}
	return c
}

// adopt takes over what CONNECT has chosen.
func (s *Session) adopt(c *proto.Connect) {
	s.set(verbose, c.Verbose)
	s.set(pedantic, c.Pedantic)
	s.set(wantsEcho, c.Echo)
	s.set(takesHeaders, c.Headers)
	s.set(wantsNoResponders, c.NoResponders)
	s.set(asyncInfo, c.Protocol >= 1)
	s.parser.Headers = c.Headers
	s.client = s.shard.intern(c)
	s.lastIn = s.shard.loop.Now()
}

// ping answers PING; behind the first PONG a client that understands it learns
// what its account is.
func (s *Session) ping(*parser.Op) {
	s.sendText(proto.Pong)
	if s.shard.trace {
		s.traceOut("PONG")
	}
	s.lastIn = s.shard.loop.Now()
	if !s.has(connected) || s.has(firstPongSent) {
		return
	}
	s.set(firstPongSent, true)
	if s.has(asyncInfo) {
		sh := s.shard
		s.send(sh.greetings().welcome.AppendConnected(sh.loop.Tail(sh.terms.greetingMax+len(s.table.account.name)*escapedMax), s.id, sh.clientIP(s.remote),
			proto.Connected{MaxPayload: s.parser.MaxPayload, Account: s.table.account.name, SystemAccount: s.table.account == sh.terms.system}))
	}
}

// pong takes the answer to our PING.
func (s *Session) pong(*parser.Op) {
	s.pingsOut = 0
}

// info reads an INFO and forgets it; what is none ends the session.
func (s *Session) info(op *parser.Op) {
	var info proto.Info
	if err := json.Unmarshal(op.Arg, &info); err != nil {
		s.shard.log.Limited(errorLevel, "info", "%s - INFO is not understood: %v", s, err)
		s.end(proto.ProtocolViolation)
	}
}

// peerErr ends the session: a client that sends -ERR has given up.
func (s *Session) peerErr(op *parser.Op) {
	s.shard.log.Limited(errorLevel, "peer error", "%s - Client Error %s", s, logging.Show(nil, op.Arg))
	s.end(proto.ParseError)
}

// wakeForFirstPing sets the timer for the PING that measures the round trip:
// soon after CONNECT, spread so that a storm of connections is not one of PINGs.
func (s *Session) wakeForFirstPing() {
	d := min(s.shard.terms.options.PingInterval, proto.FirstPingAfter)
	d += time.Duration(s.shard.random(int(d)/5 + 1))
	s.shard.loop.WakeAt(&s.conn, s.shard.loop.Now()+int64(d))
}

// Tick is the ping timer.
func (s *Session) Tick(now int64) {
	sh := s.shard
	invariant.Reached("tick", s)
	switch {
	case s.has(undecided):
		s.undecidedTooLong()
		return
	case s.has(handshaking):
		s.handshakeTick()
		return
	case s.has(unproven):
		s.tooLate()
		return
	}
	sh.log.Debugf("%s - Client Ping Timer", s)
	every := int64(sh.terms.options.PingInterval)
	// A peer that is not read because others are slow is not stale.
	quiet := now-s.lastIn >= every && !s.conn.Parked()
	unmeasured := s.pingedAt == 0 || now-s.pingedAt > int64(proto.RoundTripEvery)
	if quiet || unmeasured {
		if int(s.pingsOut)+1 > sh.terms.options.PingMax {
			sh.counts[countStale]++
			sh.log.Debugf("%s - Stale Client Connection - Closing", s)
			s.endWith(proto.ErrStale, proto.StaleConnection)
			return
		}
		s.pingsOut++
		s.pingedAt = now
		s.sendText(proto.Ping)
		if sh.trace {
			s.traceOut("PING")
		}
	}
	sh.loop.WakeAt(&s.conn, now+every)
}
