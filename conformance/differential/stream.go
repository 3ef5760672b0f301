package differential

// The model of one client: what it has sent so far and what that amounts to.

import (
	"encoding/json"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
)

// A stream takes the bytes of one connection, send by send.
type stream struct {
	limits  limits
	opts    server.ClientOpts
	dead    bool   // the server must have ended the connection
	pending []byte // of the operation under way

	// Of the realm, which may be nil: who has said nothing yet has proved nothing, and a nonce is signed once.
	realm            *realm
	unproven, signed bool
	nameless         bool // and is somebody all the same

	connected     bool
	further       bool // by CONNECTs beyond the first, which drop its inboxes
	maximum       bool // a subscription was given one
	pings         int
	queues        map[string][]string // sid to the queue names it was ever subscribed with
	subscriptions map[string]string   // sid to subject, as far as the model knows
	inboxes       []inbox             // all plain subscriptions there ever were
	published     []message
}

// An inbox is a plain subscription.
type inbox struct{ sid, pattern string }

// inboxesOf returns the sids of all plain subscriptions that match a subject, each once.
func (s *stream) inboxesOf(subject string) []string {
	var sids []string
	for _, in := range s.inboxes {
		if server.SubjectMatchesFilter(subject, in.pattern) && !slices.Contains(sids, in.sid) {
			sids = append(sids, in.sid)
		}
	}
	return sids
}

// A message is one as somebody published it.
type message struct {
	subject, reply string
	header         int
	payload        []byte
}

func newStream(l limits, r *realm) *stream {
	return &stream{
		limits: l, realm: r, unproven: true, opts: server.ClientOpts{Verbose: true, Pedantic: true, Echo: true},
		queues: map[string][]string{}, subscriptions: map[string]string{},
	}
}

// A fed is what one send amounts to.
type fed struct {
	own     []byte   // whole operations, those begun before included, of this send
	rest    []byte   // the begin of an operation
	instead []byte   // what nats-server gets instead of own
	undo    bool     // and nats-server must not get what earlier sends held of the first operation
	hold    bool     // nats-server must not get rest
	reached []string // ids of deviations
}

// feed takes the bytes of one send.
func (s *stream) feed(data []byte) fed {
	var f fed
	before := len(s.pending) // bytes of the first operation that earlier sends held
	b := append(s.pending, data...)
	at := 0
	for at < len(b) && !s.dead {
		if s.unproven && s.realm.byKey() && b[at]|0x20 != 'c' {
			f.reached = append(f.reached, "auth-first-operation") // which no script comes to that was not cut down
		}
		if s.stranger(b[at]) { // it ends at its first byte
			f.instead = append(f.instead, b[at:]...)
			s.dead, at = true, len(b)
			break
		}
		op, v := readOperation(b[at:], s.limits, s.opts.Headers)
		reached, instead, length := s.deviates(b[at:], &op, &v)
		f.reached = append(f.reached, reached...)
		if v == partial {
			f.hold = s.wrongSubject(&op)
			break
		}
		if reached == nil {
			length = op.length
			if v == fatal {
				length = len(b) - at
			}
			instead = b[at+min(before, length) : at+length]
		} else if before > 0 {
			f.undo = true
		}
		f.instead = append(f.instead, instead...)
		at += length
		before = 0
		s.apply(&op, v)
	}
	if s.dead { // what stands behind the end belongs to nothing
		f.instead = append(f.instead, b[at:]...)
		at = len(b)
	}
	if at == 0 {
		f.rest = data
	} else {
		f.own = b[len(s.pending):at]
		f.rest = b[at:]
	}
	s.pending = append([]byte(nil), b[at:]...)
	return f
}

// stranger reports whether a client that begins with a byte may not, and notes that it has come in if it may.
func (s *stream) stranger(first byte) bool {
	if s.realm == nil || !s.unproven || first == 'C' || first == 'c' {
		return false
	}
	s.comes(claims{})
	s.connected = true
	return s.dead || s.realm.anonymous == nil
}

// deviates looks for deviations in the operation at the start of b, one after the
// other. With any, op and v become those of the bytes instead, which stand for
// the first length bytes of b.
func (s *stream) deviates(b []byte, op *operation, v *verdict) (reached []string, instead []byte, length int) {
	for _, d := range deviations {
		bytes, n := d.instead(s, b, op, *v)
		if bytes == nil {
			continue
		}
		if reached == nil {
			length = n
		}
		reached, instead, b = append(reached, d.id), bytes, bytes
		*op, *v = readOperation(b, s.limits, s.opts.Headers)
	}
	return reached, instead, length
}

// apply notes what an operation does.
func (s *stream) apply(op *operation, v verdict) {
	if v == fatal {
		s.dead = true
		return
	}
	switch op.verb {
	case "PING":
		s.pings++
	case "CONNECT":
		if s.connected {
			s.further = true
			clear(s.subscriptions)
		}
		s.connected = true
		if s.dead = applyConnect(op.line, &s.opts) == fatal; !s.dead {
			s.comes(claimsOf(op.line))
		}
	case "INFO":
		var info server.Info
		s.dead = json.Unmarshal(op.line, &info) != nil
	case "SUB":
		sid := op.fields[len(op.fields)-1]
		if len(op.fields) == 3 {
			s.queues[sid] = append(s.queues[sid], op.fields[1])
		} else if server.IsValidSubject(op.fields[0]) {
			s.inboxes = append(s.inboxes, inbox{sid, op.fields[0]})
		}
		if _, known := s.subscriptions[sid]; !known {
			s.subscriptions[sid] = op.fields[0]
		}
	case "UNSUB":
		s.maximum = s.maximum || len(op.fields) == 2
		if len(op.fields) == 1 {
			delete(s.subscriptions, op.fields[0])
		}
	case "PUB", "HPUB":
		m := message{subject: op.fields[0], header: op.header, payload: op.payload}
		sizes := 1
		if op.verb == "HPUB" {
			sizes = 2
		}
		if len(op.fields) == sizes+2 {
			m.reply = op.fields[1]
		}
		s.published = append(s.published, m)
	}
}
