package broker

import (
	"strconv"

	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/parser"
)

// String is how log lines name the session: address, number, and what CONNECT
// said of the program, quoted.
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
	return string(b)
}

// logViolation logs a refused subject.
func (s *Session) logViolation(what string, subj []byte) {
	s.shard.log.Limited(errorLevel, what, "%s - %s %s", s, what, logging.Quote(nil, subj))
}

// traceIn logs an operation as it was received, secrets left out.
func (s *Session) traceIn(op *parser.Op) {
	log, limit := s.shard.log, s.shard.broker.options.MaxTracedMsgLen
	line := []byte("[")
	switch op.Verb {
	case parser.Connect:
		line = append(append(line, "CONNECT "...), logging.Quote(nil, proto.Redact(op.Arg))...)
	case parser.Pub, parser.HPub:
		line = append(line, "PUB "...)
		if op.Verb == parser.HPub {
			line = append(line[:1], "HPUB "...)
		}
		line = logging.Quote(line, op.Subject)
		if len(op.Reply) > 0 {
			line = logging.Quote(append(line, ' '), op.Reply)
		}
		line = strconv.AppendInt(append(line, ' '), int64(len(op.Payload)), 10)
	case parser.Sub:
		line = logging.Quote(append(line, "SUB "...), op.Subject)
		if len(op.Queue) > 0 {
			line = logging.Quote(append(line, ' '), op.Queue)
		}
		line = logging.Quote(append(line, ' '), op.SID)
	case parser.Unsub:
		line = logging.Quote(append(line, "UNSUB "...), op.SID)
		line = strconv.AppendInt(append(line, ' '), int64(op.Max), 10)
	default:
		line = append(line, op.Verb.String()...)
	}
	log.Tracef("%s - <<- %s]", s, line)
	if op.Verb == parser.Pub || op.Verb == parser.HPub {
		log.Tracef("%s - <<- MSG_PAYLOAD: [%s]", s, logging.QuoteMax(nil, op.Payload, limit))
	}
}

// traceOut logs a frame that answers the session.
func (s *Session) traceOut(frame []byte) {
	s.shard.log.Tracef("%s - ->> [%s]", s, logging.QuoteMax(nil, trimCRLF(frame), traceFrameMax))
}

// traceFrameMax bounds what a line shows of a frame of ours.
const traceFrameMax = 4096

// traceDelivery logs a message that goes to one of the session's subscriptions.
func (s *Session) traceDelivery(m *message, sid string) {
	subj := logging.Quote(nil, m.subject)
	s.shard.log.Tracef("%s - ->> [MSG %s %s %d]", s, subj, logging.Quote(nil, []byte(sid)), len(m.payload))
	s.shard.log.Tracef("%s - ->> MSG_PAYLOAD: [%s]", s, logging.QuoteMax(nil, m.payload, s.shard.broker.options.MaxTracedMsgLen))
}

// traceDrop logs the end of a subscription.
func (s *Session) traceDrop(sub *subscription) {
	s.shard.log.Tracef("%s - <-> [DELSUB %s]", s, logging.Quote(nil, []byte(sub.sid)))
}

func trimCRLF(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}
