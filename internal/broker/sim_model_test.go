//go:build invariants

package broker

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gnatsd-ev/internal/proto"
)

// What a simulation's clients must receive, may receive, and must not. Time here is
// the count of what clients sent and were told.

// simMessage is one publication.
type simMessage struct {
	number   int
	from     *simConn
	subject  string
	reply    string
	size     int // of the body
	header   bool
	asks     bool    // its publisher wants a 503 if nobody listens
	inbox    *simSub // and this is for it
	denied   bool    // its publisher may not send it
	doubtful bool    // or perhaps not
	answers  bool    // it is the first answer to a question: see certain
	extra    bool    // it is not the first one, and only one is permitted
	sentAt   int
	routedAt int // when a PONG behind it was written; 0 before

	taken  int      // plain subscriptions that got it
	queues []string // queue names of which a member got it
	got503 bool
}

// simSub is one SUB.
type simSub struct {
	conn           *simConn
	sid            string
	subject, queue string
	responds       bool
	user           *simUser // whose it is
	denied         bool     // who may not have it
	next           *simSub  // has its sid when it is over

	sentAt, confirmedAt int
	unsubAt, goneAt     int // UNSUB sent, and confirmed by a PONG
	max                 int
	maxAt               int // got when the PONG behind UNSUB with a maximum came, and one
	got                 int
	last                map[int]int   // by publisher: the last message
	must                []*simMessage // it has not got yet
}

// filler is what bodies are made of.
var filler = func() []byte {
	b := make([]byte, 1<<20)
	d := dice{1}
	for i := range b {
		b[i] = byte(' ' + d.n(95))
	}
	return b
}()

// body is what a message carries: its number, where there is room, and filler.
func (m *simMessage) body(dst []byte) []byte {
	at := len(dst)
	dst = fmt.Appendf(dst, "%08d|", m.number)
	if m.size <= len(dst)-at {
		return dst[:at+m.size]
	}
	from := m.number * 131 % (len(filler) / 2)
	return append(dst, filler[from:from+m.size-(len(dst)-at)]...)
}

func (m *simMessage) headerBlock() string {
	if !m.header {
		return ""
	}
	return fmt.Sprintf("NATS/1.0\r\nNumber: %d\r\n\r\n", m.number)
}

// simMatches says whether a subscription subject matches a published one.
func simMatches(pattern, subj string) bool {
	for {
		p, pRest, pMore := strings.Cut(pattern, ".")
		s, sRest, sMore := strings.Cut(subj, ".")
		switch {
		case p == ">" && !pMore:
			return true
		case p != "*" && p != s, pMore != sMore:
			return false
		case !pMore:
			return true
		}
		pattern, subj = pRest, sRest
	}
}

// refuses reports whether a subscription never gets a message although it matches.
func (sub *simSub) refuses(m *simMessage) bool {
	return sub.conn == m.from && !sub.conn.echo || sub.denied || m.denied || sub.user.denies(m.subject, sub.queue)
}

// promised reports whether a plain subscription must get a message that is being sent now.
func (sub *simSub) promised(m *simMessage) bool {
	return sub.queue == "" && (sub.confirmedAt > 0 || sub.conn == m.from) && sub.unsubAt == 0 && sub.goneAt == 0 &&
		sub.conn.whole() && !(sub.max > 0 && sub.got >= sub.max) && !sub.refuses(m) && simMatches(sub.subject, m.subject)
}

// receive checks a message that a subscription got.
func (sub *simSub) receive(m *simMessage, payload []byte, header int) {
	s := sub.conn.sim
	what := fmt.Sprintf("message %d of connection %d on %s, got by connection %d with sid %s (%s %s)", m.number, m.from.id, m.subject, sub.conn.id, sub.sid, sub.subject, sub.queue)
	want := s.scratch[:0]
	if sub.conn.headers {
		want = append(want, m.headerBlock()...)
	}
	if header != len(want) {
		s.fail("%s: header of %d bytes, not %d", what, header, len(want))
	}
	want = m.body(want)
	s.scratch = want
	switch {
	case !bytes.Equal(payload, want):
		s.fail("%s: altered: %d bytes %.40q, not %d bytes %.40q", what, len(payload), payload, len(want), want)
	case !simMatches(sub.subject, m.subject):
		s.fail("%s: not for it", what)
	case sub.refuses(m):
		s.fail("%s: its own, and echo is off, or denied", what)
	case sub.goneAt > 0:
		s.fail("%s: after the PONG behind UNSUB", what)
	case sub.maxAt > 0 && sub.got >= max(sub.max, sub.maxAt-1):
		s.fail("%s: more than its maximum %d", what, sub.max)
	case m.routedAt > 0 && m.routedAt < sub.sentAt:
		s.suspect(sub.queue, what+": was routed before the SUB was sent")
	case m.number <= sub.last[m.from.id]-1:
		s.suspect(sub.queue, fmt.Sprintf("%s: after message %d", what, sub.last[m.from.id]-1))
	case slices.Contains(m.queues, sub.queue):
		s.fail("%s: a second member of the group", what)
	case m.got503:
		s.fail("%s: delivered, and answered 503", what)
	}
	sub.last[m.from.id] = m.number + 1
	sub.got++
	if sub.queue != "" {
		m.queues = append(m.queues, sub.queue)
	} else {
		m.taken++
	}
	sub.took(m, what)
}

// suspicion is what is wrong unless members of the group had left.
type suspicion struct{ queue, text string }

// suspect notes what only a message that was passed on may do: those of a group whose
// member is gone come late. Whether one is gone shows when its connection closes.
func (s *sim) suspect(queue, text string) {
	if queue == "" {
		s.fail("%s", text)
		return
	}
	s.suspicions = append(s.suspicions, suspicion{queue, text})
}

func (s *sim) checkSuspicions() {
	for _, x := range s.suspicions {
		if !s.churned[x.queue] {
			s.fail("%s", x.text)
		}
	}
}

// took strikes a message off what must come; those before it must have come.
func (sub *simSub) took(m *simMessage, what string) {
	if sub.max > 0 && sub.got >= sub.max {
		sub.must = nil
		return
	}
	sub.must = slices.DeleteFunc(sub.must, func(x *simMessage) bool {
		if x.from == m.from && x.number < m.number && !x.doubtful {
			sub.conn.fail("%s: before message %d, which is lost", what, x.number)
		}
		return x == m
	})
}

// release forgets promises an UNSUB that is being sent may overtake.
func (sub *simSub) release() {
	sub.must = slices.DeleteFunc(sub.must, func(m *simMessage) bool { return m.routedAt == 0 && m.from != sub.conn })
}

// routed reports whether a message has certainly been routed.
func (m *simMessage) routed() bool { return m.routedAt > 0 || m.from.endedWell }

// checkPromises runs when all has come to rest, or all loops have ended.
func (s *sim) checkPromises() {
	s.checkSuspicions()
	s.checkAnswers()
	for _, sub := range s.everSubs {
		c := sub.conn
		if !c.reliable() {
			continue
		}
		for _, m := range sub.must {
			if m.routed() && m.certain() {
				s.fail("message %d of connection %d on %s was lost on its way to connection %d, sid %s (%s)", m.number, m.from.id, m.subject, c.id, sub.sid, sub.subject)
			}
		}
	}
	for _, m := range s.messages {
		if m.routedAt > 0 && m.certain() {
			s.checkGroups(m)
			s.check503(m)
		}
	}
}

// checkGroups looks for queue names of which somebody had to get a message: from when it
// was sent to the end there was a member, though it may not have been the same all the time.
func (s *sim) checkGroups(m *simMessage) {
	for _, queue := range s.mix.names {
		if slices.Contains(m.queues, queue) {
			continue
		}
		at, way := m.sentAt, ""
		for {
			heir := s.memberAt(at, queue, m)
			if heir == nil {
				break
			}
			way += fmt.Sprintf(" connection %d with sid %s (%s)", heir.conn.id, heir.sid, heir.subject)
			if heir.unsubAt > 0 {
				at = heir.unsubAt
				continue
			}
			if !s.diedWith(m, queue) {
				s.fail("message %d of connection %d on %s reached nobody of group %s, of which there was always a member:%s", m.number, m.from.id, m.subject, queue, way)
			}
			break
		}
	}
}

// memberAt returns a member of a group that wanted a message at a moment, and of those the one
// that stayed longest.
func (s *sim) memberAt(at int, queue string, m *simMessage) (found *simSub) {
	for _, sub := range s.everSubs {
		if sub.queue != queue || sub.confirmedAt == 0 || sub.confirmedAt >= at || sub.unsubAt > 0 && sub.unsubAt <= at || sub.max > 0 ||
			!sub.conn.reliable() || sub.refuses(m) || !simMatches(sub.subject, m.subject) {
			continue
		}
		if found == nil || sub.unsubAt == 0 || found.unsubAt > 0 && sub.unsubAt > found.unsubAt {
			found = sub
		}
	}
	return found
}

// diedWith reports whether a message may have been on its way to a member of the group
// whose connection ended, or that does not read.
func (s *sim) diedWith(m *simMessage, queue string) bool {
	for _, sub := range s.everSubs {
		c := sub.conn
		if sub.queue == queue && simMatches(sub.subject, m.subject) && !c.reliable() && (c.endedAt == 0 || c.endedAt > m.sentAt) {
			return true
		}
	}
	return false
}

// check503 looks for requests that nobody got and that were not answered. Where several loops
// or several groups may have been asked, nobody answers.
func (s *sim) check503(m *simMessage) {
	c := m.from
	if m.inbox == nil || m.got503 || m.taken > 0 || len(m.queues) > 0 || !c.reliable() || m.inbox.unsubAt > 0 {
		return
	}
	asked, queue := c.sock.home, ""
	for _, sub := range s.everSubs {
		over := sub.goneAt > 0 && sub.goneAt < m.sentAt || sub.conn.endedAt > 0 && sub.conn.endedAt < m.sentAt
		if over || sub.sentAt > m.routedAt || !simMatches(sub.subject, m.subject) || sub.refuses(m) {
			continue
		}
		home := sub.conn.sock.home
		if !sub.conn.reliable() || asked != c.sock.home && home != c.sock.home && asked != home || queue != "" && sub.queue != "" && queue != sub.queue {
			return
		}
		if home != c.sock.home {
			asked = home
		}
		if sub.queue != "" {
			queue = sub.queue
		}
	}
	s.fail("request %d of connection %d on %s, which nobody got, was not answered 503", m.number, c.id, m.subject)
}

// hear503 checks an answer that nobody listens.
func (sub *simSub) hear503(m *simMessage, payload []byte) {
	s := sub.conn.sim
	what := fmt.Sprintf("503 for request %d of connection %d on %s", m.number, m.from.id, m.subject)
	switch {
	case m.from != sub.conn:
		s.fail("%s, got by connection %d", what, sub.conn.id)
	case !m.asks:
		s.fail("%s: nobody asked", what)
	case m.got503:
		s.fail("%s: the second one", what)
	case m.denied:
		s.fail("%s, which may not be sent", what)
	case m.taken > 0 || len(m.queues) > 0:
		s.fail("%s, which was delivered", what)
	case string(payload) != "NATS/1.0 503\r\nNats-Subject: "+m.subject+"\r\n\r\n":
		s.fail("%s: %q", what, payload)
	}
	m.got503 = true
}

// checkEnd runs when the broker closes a connection: nobody innocent is cut.
func (s *sim) checkEnd(sock *simSocket) {
	c := sock.owner
	c.endedAt = s.moment()
	c.churn()
	why := proto.StillOpen
	if sock.session != nil {
		why = sock.session.reason
	}
	s.trace("closed", c.id, why.String())
	switch {
	case s.stopping && (sock.session == nil || why == proto.ServerShutdown):
		return
	case sock.session == nil:
		s.fail("connection %d was closed before it was opened", c.id)
		return
	}
	fair, late := false, s.clock-sock.okAt >= int64(s.options.WriteDeadline)
	switch why {
	case proto.ClientClosed:
		fair = c.finished
		c.endedWell = fair && len(c.excuses) == 1 && c.reads() && !late
		if c.endedWell && c.unanswered() > 0 {
			s.fail("connection %d sent its end behind a PING and got no PONG", c.id)
		}
	case proto.ReadError, proto.WriteError:
		fair = sock.err != nil
	case proto.StaleConnection:
		every, most := int64(s.options.PingInterval), int64(s.options.PingMax)
		fair = !c.reads() || c.tardy
		if quiet := s.clock - c.silent; c.vanished && quiet > (most+2)*every+int64(s.options.WriteDeadline) { // the last word has its time, too
			s.fail("connection %d was silent for %v before it was stale", c.id, time.Duration(quiet))
		}
	case proto.SlowConsumerPendingBytes:
		fair = s.mix.smallPending || c.reclaimed
	case proto.AuthenticationViolation:
		fair = c.barred
	case proto.AuthenticationTimeout:
		fair = c.mayBeLate()
	case proto.Kicked:
		fair = c.reclaimed
	case proto.SlowConsumerWriteDeadline:
		fair = late
	case proto.ProtocolViolation, proto.MaxPayloadExceeded, proto.ParseError, proto.MaxControlLineExceeded:
		fair = c.saidBad
	}
	if !fair {
		s.fail("connection %d was ended for no reason of its own: %s", c.id, why)
	}
	c.excuse("cut: " + why.String())
}

// numberIn returns the message a frame is about: its number ends the reply or begins
// the payload.
func (s *sim) numberIn(text string) *simMessage {
	n, err := strconv.Atoi(strings.TrimLeft(text, "0"))
	if text == "00000000" {
		n, err = 0, nil
	}
	if err != nil || n < 0 || n >= len(s.messages) {
		s.fail("a frame about no message: %.40q", text)
		return nil
	}
	return s.messages[n]
}
