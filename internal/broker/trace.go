package broker

import (
	"strconv"

	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/parser"
)

// String is how log lines name the session: address, number, what CONNECT
// said of the program, and who it has proved to be, quoted.
func (s *Session) String() string {
	b := s.remote.AppendTo(nil)
	b = append(b, " - cid:"...)
	b = strconv.AppendUint(b, s.id, 10)
	if c := s.client; c != nil {
		var label []byte
		if c.version != "" {
			label = append(append(label, 'v'), c.version...)
		}
		for _, part := range []string{c.lang, c.name} {
			if part == "" {
				continue
			}
			if len(label) > 0 {
				label = append(label, ':')
			}
			label = append(label, part...)
		}
		b = logging.Quote(append(b, " - "...), label)
	}
	if s.user != nil && s.user.Label() != "" {
		b = logging.Quote(append(b, " - "...), []byte(s.table.account.name+"/"+s.user.Label()))
	}
	return string(b)
}

// logViolation logs a refused subject.
func (s *Session) logViolation(what string, subj []byte) {
	s.shard.log.Limited(errorLevel, what, "%s - %s %s", s, what, logging.Quote(nil, subj))
}

// logSubViolation logs a refused SUB.
func (s *Session) logSubViolation(what string, subj, queue, sid []byte) {
	text := logging.Quote([]byte(what+" - Subject "), subj)
	if len(queue) > 0 {
		text = logging.Quote(append(text, ", Queue: "...), queue)
	}
	text = logging.Show(append(text, ", SID "...), sid)
	s.shard.log.Limited(errorLevel, what, "%s - %s", s, text)
}

// traceIn logs an operation as nats-server does, secrets left out. What a peer
// sends is shown as it is if it can be printed, and quoted if not.
func (s *Session) traceIn(op *parser.Op) {
	var line []byte
	switch op.Verb {
	case parser.Connect:
		line = logging.Show([]byte("CONNECT "), proto.Redact(op.Arg))
	case parser.Pub, parser.HPub:
		header := -1
		if op.Verb == parser.HPub {
			header = op.Header
		}
		line = appendMessage(line, op.Verb.String(), op.Subject, "", op.Reply, header, len(op.Payload))
	case parser.Sub:
		line = logging.Show([]byte("SUB "), op.Subject)
		if len(op.Queue) > 0 {
			line = logging.Show(append(line, ' '), op.Queue)
		}
		line = logging.Show(append(line, ' '), op.SID)
	case parser.Unsub:
		line = logging.Show([]byte("UNSUB "), op.SID)
		if op.Max > 0 {
			line = strconv.AppendInt(append(line, ' '), int64(op.Max), 10)
		}
	case parser.Ping, parser.Pong:
		line = append(line, op.Verb.String()...)
	default: // nats-server shows no INFO, +OK or -ERR it receives
		return
	}
	s.shard.log.Tracef("%s - <<- [%s]", s, line)
	if op.Verb == parser.Pub || op.Verb == parser.HPub {
		s.tracePayload("<<-", op.Payload)
	}
}

// traceOut logs an answer to the session.
func (s *Session) traceOut(word string) {
	s.shard.log.Tracef("%s - ->> [%s]", s, word)
}

// traceDelivery logs a message that goes to one of the session's subscriptions.
func (s *Session) traceDelivery(m *message, sid string) {
	verb, header, payload := "MSG", -1, m.payload
	switch {
	case m.header > 0 && s.has(takesHeaders):
		verb, header = "HMSG", m.header
	case m.header > 0:
		payload = payload[m.header:]
	}
	line := appendMessage(nil, verb, m.subject, sid, m.reply, header, len(payload))
	s.shard.log.Tracef("%s - ->> [%s]", s, line)
	s.tracePayload("->>", payload)
}

// tracePayload logs a payload; nats-server shows no empty one.
func (s *Session) tracePayload(arrow string, payload []byte) {
	if len(payload) > 0 {
		text := logging.QuoteMax(nil, payload, s.shard.terms.options.MaxTracedMsgLen)
		s.shard.log.Tracef("%s - %s MSG_PAYLOAD: [%s]", s, arrow, text)
	}
}

// appendMessage appends the control line of a message, with a sid if there is
// one and the size of a header block that is not negative.
func appendMessage(line []byte, verb string, subj []byte, sid string, reply []byte, header, total int) []byte {
	line = logging.Show(append(append(line, verb...), ' '), subj)
	if sid != "" {
		line = logging.Show(append(line, ' '), []byte(sid))
	}
	if len(reply) > 0 {
		line = logging.Show(append(line, ' '), reply)
	}
	if header >= 0 {
		line = strconv.AppendInt(append(line, ' '), int64(header), 10)
	}
	return strconv.AppendInt(append(line, ' '), int64(total), 10)
}

// traceDrop logs the end of a subscription.
func (s *Session) traceDrop(sub *subscription) {
	s.shard.log.Tracef("%s - <-> [DELSUB %s]", s, logging.Show(nil, []byte(sub.sid)))
}
