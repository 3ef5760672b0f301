package broker

import (
	"bytes"

	"gnatsd-ev/internal/proto"
	"gnatsd-ev/internal/subject"
	"gnatsd-ev/loop"
	"gnatsd-ev/parser"
)

// Publish. Runs on the publisher's loop, while its PUB is applied.
// in: a PUB or HPUB    out: a message, routed, or a word about why not

// A message is one publication on one loop. It is passed down by pointer and
// ends with the call that made it; its bytes are views.
type message struct {
	account *Account
	subject []byte
	reply   []byte
	payload []byte // header block and body
	header  int    // how many bytes of payload are the header block

	from   *Session     // the publisher if it lives on this loop, else nil
	origin origin       // the publisher, wherever it lives
	shared *loop.Shared // payload and CRLF, when loops share one copy
	laps   uint8        // how often it was on its way around all loops for a queue name
	ask    *ask         // what the loops that have it agree on whether to answer, nil as a rule

	whole loop.Span // payload and CRLF as encoded on this loop, once that is worth sharing
	has   bool      // whole is set
}

// An origin names a publisher from any loop.
type origin struct {
	name loop.Handle
	loop uint8
	real bool // false for what the broker itself publishes
}

// publish applies PUB and HPUB.
func (s *Session) publish(op *parser.Op) {
	sh := s.shard
	s.lastIn = sh.loop.Now()
	sh.counts[countInMsgs]++
	sh.counts[countInBytes] += int64(len(op.Payload))
	if s.has(pedantic) && !subject.ValidPublish(op.Subject) {
		s.sendErr(proto.ErrPublishSubject)
	}
	if len(op.Subject) > 0 && (op.Subject[0] == '_' || op.Subject[0] == '$') && reservedSubject(op.Subject) {
		s.logViolation("Publish Violation - Subject", op.Subject)
		s.sendErr(proto.PublishViolation(op.Subject))
		return
	}
	if s.user != nil && !s.mayPublish(op.Subject) {
		s.logViolation("Publish Violation - Subject", op.Subject)
		s.sendErr(proto.PublishViolation(op.Subject))
		return
	}
	if len(op.Reply) > 0 && (op.Reply[0] == '_' || op.Reply[0] == '$') && reservedReply(op.Reply) {
		s.logViolation("Publish Violation - Reply", op.Reply)
		s.sendErr(proto.ReplyViolation(op.Reply))
		return
	}
	s.acknowledge()
	m := &sh.message
	*m = message{
		account: s.table.account, subject: op.Subject, reply: op.Reply, payload: op.Payload, header: op.Header,
		from: s, origin: origin{name: s.conn.Handle(), loop: uint8(sh.id), real: true},
	}
	sh.loop.Enter()
	delivered, asked := sh.fanOut(m, s.has(wantsNoResponders) && len(op.Reply) > 0)
	sh.loop.Leave()
	if !delivered && !asked && s.has(wantsNoResponders) && len(op.Reply) > 0 {
		s.noResponders(op.Reply, op.Subject)
	}
}

// Reserved prefixes, as nats-server enforces them for clients.
var (
	prefixGateway    = []byte("_GR_.")
	prefixOldGateway = []byte("$GR.")
	prefixRaft       = []byte("$NRG.")
	prefixService    = []byte("_R_.")
	prefixJSAck      = []byte("$JS.ACK.")
)

// gatewayReply reports whether b has a prefix that only gateways use and more behind it.
func gatewayReply(b []byte) bool {
	return len(b) > len(prefixGateway) && bytes.HasPrefix(b, prefixGateway) ||
		len(b) > len(prefixOldGateway) && bytes.HasPrefix(b, prefixOldGateway)
}

func reservedSubject(b []byte) bool { return gatewayReply(b) || bytes.HasPrefix(b, prefixRaft) }

func reservedReply(b []byte) bool {
	return gatewayReply(b) ||
		bytes.HasPrefix(b, prefixService) ||
		len(b) > len(prefixJSAck) && bytes.HasPrefix(b, prefixJSAck)
}

// noResponders tells the session that nobody listens on a subject it sent a
// request to. The answer goes to its own subscription to the reply subject.
func (s *Session) noResponders(reply, subj []byte) {
	if !s.conn.Open() {
		return
	}
	s.shard.loop.Enter()
	s.shard.expire()
	sub := s.subscriptionTo(reply)
	s.shard.loop.Leave()
	if sub == nil {
		return
	}
	tail := s.shard.loop.Tail(2*len(subj) + len(reply) + len(sub.sid) + noRespondersRoom)
	s.send(proto.AppendNoResponders(tail, reply, sub.sid, subj))
}

// noRespondersRoom is what a 503 frame takes besides its subjects and sid.
const noRespondersRoom = 128

// subscriptionTo returns one of the session's plain subscriptions that match
// a subject, or nil.
func (s *Session) subscriptionTo(published []byte) *subscription {
	for _, tp := range s.table.match(s.shard.replyTopics[:0], published) {
		if tp.only != nil {
			if tp.only.session == s {
				return tp.only
			}
			continue
		}
		if tp.crowd == nil {
			continue
		}
		sub, looked := tp.crowd.of(s)
		s.shard.loop.Spend(looked)
		if sub != nil {
			return sub
		}
	}
	return nil
}

// of returns a plain subscription of the session's in the crowd, or nil, and how
// many it looked at. It goes through the crowd, but once that turns out to have more
// than the session, through the session's.
func (c *crowd) of(s *Session) (found *subscription, looked int) {
	own := s.subs.all()
	for i := range len(c.sets) + 1 {
		set := &c.special
		if i > 0 {
			set = c.sets[i-1]
		}
		if looked++; looked+len(set.subs) > len(own) {
			return c.amongThe(own, looked)
		}
		for _, sub := range set.subs {
			if sub.session == s {
				return sub, looked
			}
			looked++
		}
	}
	return nil, looked
}

func (c *crowd) amongThe(own []*subscription, before int) (found *subscription, looked int) {
	for i, sub := range own {
		if set := sub.set; set != nil && set.group == nil && sub.topic.crowd == c {
			return sub, before + i
		}
	}
	return nil, before + len(own)
}
