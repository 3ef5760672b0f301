package bench

import (
	"strconv"

	"gnatsd-ev/loop"
)

// A source publishes from start to stop. Both may be called from any
// goroutine, in turn, again and again; sent is how many messages it has
// published since it was made.
type source interface {
	start()
	stop() (sent uint64)
	clients() []*client
}

// chunkBytes is how much a saturating publisher writes at once: what brokers
// read at once.
const chunkBytes = 64 << 10

// A chunk is encoded messages that are sent again and again without a copy.
type chunk struct {
	bytes    *loop.Shared
	messages uint64
}

// span lends the chunk's bytes for this turn.
func (c chunk) span(l *loop.Loop) loop.Span {
	c.bytes.Retain(1)
	return l.SpanOf(c.bytes)
}

// encode makes chunks of at most max messages each that publish size bytes to
// each subject in turn, in all count messages.
func (r *run) encode(subjects []string, count, size, max int) []chunk {
	var chunks []chunk
	payload := filler(size)
	var b []byte
	messages := 0
	for i := range count {
		b = r.dialect().appendPublish(b, subjects[i%len(subjects)], "", payload)
		messages++
		if len(b) >= chunkBytes || messages == max || i == count-1 {
			s := loop.NewShared(len(b))
			s.Bytes = append(s.Bytes, b...)
			chunks = append(chunks, chunk{s, uint64(messages)})
			b, messages = b[:0], 0
		}
	}
	return chunks
}

// filler is a payload of printable bytes.
func filler(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

// appendPub appends one PUB to dst and returns it.
func appendPub(dst []byte, subject, reply string, payload []byte) []byte {
	dst = append(dst, "PUB "...)
	dst = append(dst, subject...)
	dst = append(dst, ' ')
	if reply != "" {
		dst = append(dst, reply...)
		dst = append(dst, ' ')
	}
	dst = strconv.AppendInt(dst, int64(len(payload)), 10)
	dst = append(dst, "\r\n"...)
	dst = append(dst, payload...)
	return append(dst, "\r\n"...)
}

// A throttle is what sources that live on a loop share: whether they run, how
// much they have sent, how far they may go. Publishers' loop only.
type throttle struct {
	host   *host
	flow   *flow // nil publishes as fast as the broker reads
	active bool
	sent   uint64
}

// allowed reports whether n more messages fit in the window. If not, the flow
// wakes the loop when they do.
func (t *throttle) allowed(n uint64) bool {
	return t.flow == nil || t.sent+n <= t.flow.limit() || t.flow.sleep(t.sent+n)
}

func (t *throttle) start() { t.host.l.Do(func(*loop.Loop) { t.active = true }) }

func (t *throttle) stop() uint64 {
	sent := make(chan uint64)
	t.host.l.Do(func(*loop.Loop) {
		t.active = false
		sent <- t.sent
	})
	return <-sent
}

// A pump publishes on one connection as fast as the window and the socket
// allow, in chunks.
type pump struct {
	throttle
	client *client
	chunks []chunk
	at     int
}

func (p *pump) clients() []*client { return []*client{p.client} }

// commit tops the connection's output up. It asks for another turn unless a
// full socket wakes the loop when it has room, or a closed window when it opens:
// what is pending now the flush behind this call may write, and nobody says so.
func (p *pump) commit() (more bool) {
	if !p.active {
		return false
	}
	c := &p.client.conn
	for !c.Blocked() && c.Pending() < chunkBytes {
		next := p.chunks[p.at]
		if !p.allowed(next.messages) {
			return false
		}
		p.host.l.Send(c, next.span(p.host.l))
		p.sent += next.messages
		p.at = (p.at + 1) % len(p.chunks)
	}
	return !c.Blocked()
}

// roundSlice is how many connections one turn of a roundRobin writes to.
const roundSlice = 128

// A roundRobin publishes the same message on many connections in turn, one
// message a write.
type roundRobin struct {
	throttle
	all   []*client
	frame chunk
	at    int
}

func (r *roundRobin) clients() []*client { return r.all }

func (r *roundRobin) commit() (more bool) {
	if !r.active {
		return false
	}
	span := r.frame.span(r.host.l)
	for range min(roundSlice, len(r.all)) {
		c := &r.all[r.at].conn
		if c.Pending() > 0 { // a second message would join the first one's write
			return !c.Blocked()
		}
		if !r.allowed(1) {
			return false
		}
		r.host.l.Send(c, span)
		r.sent++
		r.at = (r.at + 1) % len(r.all)
	}
	return true
}
