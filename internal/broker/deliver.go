package broker

import (
	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
)

// Deliver. Runs on the subscriber's loop.
// in: a message and a topic it matched    out: encoded frames, in the segments of the subscribers
//
// Last checks happen here: still open, own echo, auto-unsubscribe, what the
// user is denied, pending limit. Deliver never removes, closes or calls back into routing; it marks,
// and the end of the turn reaps.

// deliver hands the message to the topic's plain subscribers and reports
// whether any took it.
func (sh *shard) deliver(tp *topic, m *message) (delivered bool) {
	if tp.only != nil {
		return sh.deliverOne(tp.only, m)
	}
	c := tp.crowd
	if c == nil {
		return false
	}
	if len(m.payload) >= sharedMin { // sets with other sids do not copy it again
		m.share(sh.loop)
	}
	for _, s := range c.sets {
		sh.deliverSet(s, m)
		delivered = delivered || s.open()
	}
	for _, sub := range c.special.subs {
		if sh.deliverOne(sub, m) {
			delivered = true
		}
	}
	return delivered
}

// deliverSet encodes once for all members of a set.
func (sh *shard) deliverSet(s *set, m *message) {
	s.delivered++
	invariant.Reached("fan-out", sh)
	head, body := sh.encode(m, s.sid, s.headers)
	sent, over := sh.loop.Fanout(s.conns, head, body, sh.pendingSoft)
	sh.delivered(m, sent)
	for _, c := range over {
		sh.overloaded(c, m)
	}
	if sh.trace {
		for _, sub := range s.subs {
			sub.session.traceDelivery(m, sub.sid)
		}
	}
}

// delivered counts a message that was handed to so many subscribers; its headers as well where
// they are taken off, as nats-server does.
func (sh *shard) delivered(m *message, subscribers int) {
	sh.counts[countOutMsgs] += int64(subscribers)
	sh.counts[countOutBytes] += int64(len(m.payload) * subscribers)
}

// open reports whether a member still listens; as a rule the first one does.
func (s *set) open() bool {
	for _, c := range s.conns {
		if c.Open() {
			return true
		}
	}
	return false
}

// deliverOne delivers to a single subscription and reports whether it took the message.
func (sh *shard) deliverOne(sub *subscription, m *message) bool {
	s := sub.session
	if !s.conn.Open() || s == m.from && !s.has(wantsEcho) {
		return false
	}
	if sub.max > 0 && sub.delivered >= sub.max {
		return false
	}
	if sub.filtered && !s.mayReceive(sub, m) {
		return false
	}
	sub.delivered++
	head, body := sh.encode(m, sub.sid, s.has(takesHeaders))
	sh.delivered(m, 1)
	sh.loop.Send(&s.conn, head)
	if body.Len() > 0 {
		sh.loop.Send(&s.conn, body)
	}
	sh.loop.Spend(1)
	if sh.trace {
		s.traceDelivery(m, sub.sid)
	}
	if len(m.reply) > 0 && s.replies() != nil {
		s.owe(m.reply)
	}
	if sub.max > 0 && sub.delivered == sub.max {
		sh.expired = append(sh.expired, sub)
	}
	if s.conn.Pending() > sh.pendingSoft {
		sh.overloaded(&s.conn, m)
	}
	return true
}

// headRoom is what a MSG line takes besides its subjects and sid.
const headRoom = 64

// encode appends the frame for one sid to the loop's output. body is the rest of it
// when it stands elsewhere, shared with other frames.
func (sh *shard) encode(m *message, sid string, headers bool) (head, body loop.Span) {
	payload := m.payload
	strip := m.header > 0 && !headers
	if strip {
		payload = payload[m.header:]
	}
	size := len(m.subject) + len(sid) + len(m.reply) + headRoom
	shared := m.shared != nil || m.has
	if !shared {
		size += len(payload) + 2
	}
	b := sh.loop.Tail(size)
	if m.header > 0 && headers {
		b = proto.AppendHMSG(b, m.subject, sid, m.reply, m.header, len(payload))
	} else {
		b = proto.AppendMSG(b, m.subject, sid, m.reply, len(payload))
	}
	if !shared {
		return sh.loop.Span(append(append(b, payload...), '\r', '\n')), loop.Span{}
	}
	head = sh.loop.Span(b)
	if !m.has {
		m.shared.Retain(1)
		m.whole, m.has = sh.loop.SpanOf(m.shared), true
	}
	if strip {
		return head, m.whole.From(m.header)
	}
	return head, m.whole
}
