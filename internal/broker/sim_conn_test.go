//go:build invariants

package broker

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// simConn is one connection of a client: what it said, and what it heard.
type simConn struct {
	*sim
	id   int
	sock *simSocket

	connected                            bool
	verbose, echo, headers, noResponders bool

	// Ends. Once there is an excuse, nothing is promised any more.
	excuses   []string
	stopped   bool  // reads nothing, and so answers no PING
	vanished  bool  // says nothing either
	silent    int64 // since when
	finished  bool  // has sent its end
	saidBad   bool  // has said what is no protocol
	endedAt   int   // when the broker closed it
	endedWell bool  // after all that was sent had been handled

	lastSID int
	subs    map[string]*simSub
	inbox   *simSub
	marks   []simMark // what was sent since the last PING that was answered
	oksDue  int
	oks     int
	got     []byte // heard, and no whole frame yet
	pongs   int    // to be sent
	replies []string

	// Who it is.
	user     *simUser // nil is everybody, who may do all
	barred   bool     // may not come in, or not any more
	stranger bool     // never could
	in       bool     // has come in
	again    bool     // has sent CONNECT once more
	dialedAt int64
	openedAt int64
	asks     map[string]int  // by reply subject: how often it was asked for an answer
	answered map[string]bool // and whether it has published to it

	errsDue, errsMay int // complaints that must come, and others that may
	errs             int

	// While it dawdles over an operation, what it has said and not sent.
	held      []byte
	opSize    int  // of the operation it dawdles over, with a PING before it
	opSent    int  // bytes sent since that began
	tardy     bool // it has done so, or has not read for a while: it may be taken for stale
	reclaimed bool // the budget took what it held
}

// simMark is one thing that was said, of which a PONG says that it was handled. All nil
// is a PING.
type simMark struct {
	message     *simMessage
	sub, unsub  *simSub
	max         *simSub
	reconnected []*simSub
}

func (m simMark) ping() bool {
	return m.message == nil && m.sub == nil && m.unsub == nil && m.max == nil && m.reconnected == nil
}

// whole reports whether the connection is as good as new.
func (c *simConn) whole() bool { return len(c.excuses) == 0 && !c.sock.closed }

// reads reports whether the client takes what it is sent.
func (c *simConn) reads() bool { return !c.stopped && !c.vanished }

// reliable reports whether all promises to the connection hold.
func (c *simConn) reliable() bool { return len(c.excuses) == 0 && c.reads() }

// excuse notes why the connection may lose messages or end.
func (c *simConn) excuse(why string) {
	c.excuses = append(c.excuses, why)
	c.churn()
}

// churn notes that groups of the connection lose members: then messages may be passed on.
func (c *simConn) churn() {
	for _, sub := range c.subs {
		if sub.queue != "" {
			c.churned[sub.queue] = true
		}
	}
}

// unanswered is how many PINGs wait for their PONG.
func (c *simConn) unanswered() (n int) {
	for _, m := range c.marks {
		if m.ping() {
			n++
		}
	}
	return n
}

// say sends bytes.
func (c *simConn) say(format string, args ...any) {
	at := len(c.sock.in)
	c.sock.in = fmt.Appendf(c.sock.in, format, args...)
	c.said(at)
}

// said notes what was sent from a place on.
func (c *simConn) said(at int) {
	if c.verboseTrace != nil {
		c.tracef("client  %d says %.120q", c.id, c.sock.in[at:])
	}
	c.mixHash(uint64(len(c.sock.in)-at)<<8 | uint64(c.id))
	if len(c.held) > 0 {
		c.held = append(c.held, c.sock.in[at:]...)
		c.sock.in = c.sock.in[:at]
	}
	if len(c.sock.in) > at {
		c.sock.happen(1)
	}
}

// acknowledged notes that a +OK is due.
func (c *simConn) acknowledged() {
	if c.verbose {
		c.oksDue++
	}
}

func (c *simConn) connect(verbose, echo, headers, noResponders bool, protocol int) {
	again := c.connected
	c.again = again
	who := ""
	if !again || c.dice.oneIn(2) {
		who = c.introduce()
		c.stranger = c.barred && !again
	}
	c.connected, c.verbose, c.echo, c.headers, c.noResponders = true, verbose, echo, headers, noResponders
	c.say(`CONNECT {"verbose":%v,"pedantic":false,"echo":%v,"headers":%v,"no_responders":%v,"protocol":%d,%s"name":"c%d"}`+"\r\n", verbose, echo, headers, noResponders, protocol, who, c.id)
	c.acknowledged()
	if !again {
		return
	}
	// All subscriptions are dropped.
	c.churn()
	mark := simMark{reconnected: []*simSub{}}
	for _, sub := range c.everSubs {
		if sub.conn == c && sub.goneAt == 0 {
			if sub.unsubAt == 0 {
				sub.unsubAt = c.moment()
				sub.release()
			}
			mark.reconnected = append(mark.reconnected, sub)
		}
	}
	c.marks = append(c.marks, mark)
}

func (c *simConn) subscribe(subj, queue string) *simSub {
	c.lastSID++
	sub := c.newSub(strconv.Itoa(c.lastSID), subj, queue)
	c.subs[sub.sid] = sub
	return sub
}

// newSub sends a SUB.
func (c *simConn) newSub(sid, subj, queue string) *simSub {
	sub := &simSub{conn: c, sid: sid, subject: subj, queue: queue, user: c.user, sentAt: c.moment(), last: map[int]int{}}
	sub.denied = c.barred || !c.user.subscribes(subj, queue)
	c.everSubs = append(c.everSubs, sub)
	if queue != "" && (!c.echo || c.user.filters()) {
		c.churned[queue] = true
	}
	c.marks = append(c.marks, simMark{sub: sub})
	if queue != "" {
		c.say("SUB %s %s %s\r\n", subj, queue, sub.sid)
	} else {
		c.say("SUB %s %s\r\n", subj, sub.sid)
	}
	if sub.denied {
		c.errsDue++
	} else {
		c.acknowledged()
	}
	return sub
}

func (c *simConn) unsubscribe(sub *simSub, max int) {
	if sub.queue != "" {
		c.churned[sub.queue] = true
	}
	if max > 0 {
		sub.max, sub.maxAt = max, 0
		if sub.got >= max {
			sub.must = nil
		}
		c.marks = append(c.marks, simMark{max: sub})
		c.say("UNSUB %s %d\r\n", sub.sid, max)
	} else {
		sub.unsubAt = c.moment()
		sub.release()
		c.marks = append(c.marks, simMark{unsub: sub})
		c.say("UNSUB %s\r\n", sub.sid)
	}
	c.acknowledged()
}

// publish sends a message; a request's reply goes to the own inbox.
func (c *simConn) publish(subj string, size int, header, request bool, reply string) *simMessage {
	m := &simMessage{number: len(c.messages), from: c, subject: subj, reply: reply, size: size, sentAt: c.moment()}
	m.header = header && c.headers
	if request {
		m.reply = fmt.Sprintf("inbox.%d.%08d", c.id, m.number)
		if c.noResponders && !c.inbox.denied && !c.user.denies(m.reply, "") {
			m.inbox = c.inbox
		}
	} else if size < 9 {
		m.reply = fmt.Sprintf("r.%08d", m.number)
	}
	m.asks = c.noResponders && m.reply != ""
	c.judge(m)
	for _, sub := range c.everSubs {
		if sub.promised(m) {
			sub.must = append(sub.must, m)
		}
	}
	c.messages = append(c.messages, m)
	c.marks = append(c.marks, simMark{message: m})
	in := c.sock.in
	at := len(in)
	block := m.headerBlock()
	if m.header {
		in = fmt.Appendf(in, "HPUB %s %s %d %d\r\n", m.subject, m.reply, len(block), len(block)+m.size)
	} else {
		in = fmt.Appendf(in, "PUB %s %s %d\r\n", m.subject, m.reply, m.size)
	}
	in = m.body(append(in, block...))
	c.sock.in = append(in, "\r\n"...)
	c.said(at)
	if !m.denied && !m.doubtful { // or else +OK or -ERR comes
		c.acknowledged()
	}
	return m
}

func (c *simConn) ping() {
	c.marks = append(c.marks, simMark{})
	c.say("PING\r\n")
}

// confirm is a PONG: all that was said before its PING has been handled.
func (c *simConn) confirm() {
	now := c.moment()
	for i, m := range c.marks {
		switch {
		case m.message != nil:
			m.message.routedAt = now
		case m.sub != nil:
			m.sub.confirmedAt = now
		case m.unsub != nil:
			m.unsub.goneAt = now
		case m.max != nil:
			m.max.maxAt = m.max.got + 1
		case m.reconnected != nil:
			for _, sub := range m.reconnected {
				sub.goneAt = now
			}
		default:
			c.marks = c.marks[i+1:]
			return
		}
	}
	c.fail("connection %d got a PONG it did not ask for", c.id)
}

// hear takes what the broker wrote, as it is written.
func (c *simConn) hear(b []byte) {
	c.got = append(c.got, b...)
	used := 0
	for {
		n := c.frame(c.got[used:])
		if n == 0 {
			break
		}
		used += n
	}
	c.got = c.got[:copy(c.got, c.got[used:])]
}

// frame handles one whole frame and returns its length, 0 when there is none.
func (c *simConn) frame(b []byte) int {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 0 {
		if len(b) > 4096 {
			c.fail("connection %d hears no protocol: %.60q", c.id, b)
		}
		return 0
	}
	line := string(b[:end])
	end += 2
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "MSG", "HMSG":
		return c.messageFrame(b, end, word == "HMSG", strings.Fields(rest))
	case "PING":
		c.pongs++
	case "PONG":
		c.heard(line)
		c.confirm()
	case "+OK":
		if c.oks++; c.oks > c.oksDue+c.errsMay {
			c.fail("connection %d got +OK it did not earn", c.id)
		}
	case "INFO":
	case "-ERR":
		c.heard(line)
		c.hearErr(line)
	default:
		c.fail("connection %d hears no protocol: %.60q", c.id, b)
		return len(b)
	}
	return end
}

func (c *simConn) heard(line string) {
	if c.verboseTrace != nil {
		c.tracef("client  %d hears %.120q", c.id, line)
	}
}

// messageFrame handles MSG subject sid [reply] [header] size, once its payload is there.
func (c *simConn) messageFrame(b []byte, end int, headers bool, f []string) int {
	least := 3
	if headers {
		least = 4
	}
	if len(f) < least || len(f) > least+1 {
		c.fail("connection %d hears no protocol: %.60q", c.id, b)
		return len(b)
	}
	size, err := strconv.Atoi(f[len(f)-1])
	header := 0
	if headers && err == nil {
		header, err = strconv.Atoi(f[len(f)-2])
	}
	if err != nil || size < 0 || header > size {
		c.fail("connection %d hears no protocol: %.60q", c.id, b)
		return len(b)
	}
	if len(b) < end+size+2 {
		return 0
	}
	payload := b[end : end+size]
	if string(b[end+size:end+size+2]) != "\r\n" {
		c.fail("connection %d: no CRLF behind a payload of %d: %.60q", c.id, size, b)
	}
	c.heard(string(b[:end-2]))
	reply := ""
	if len(f) > least {
		reply = f[2]
	}
	c.message(f[0], f[1], reply, payload, header)
	return end + size + 2
}

// message handles one message.
func (c *simConn) message(subj, sid, reply string, payload []byte, header int) {
	sub := c.subs[sid]
	if sub == nil {
		c.fail("connection %d got a message on %s for sid %s, which it does not have", c.id, subj, sid)
		return
	}
	if sub.next != nil && sub.got >= sub.max {
		sub = sub.next
		c.subs[sid] = sub
	}
	if strings.HasPrefix(string(payload), "NATS/1.0 503") {
		if m := c.numberIn(subj[strings.LastIndexByte(subj, '.')+1:]); m != nil {
			sub.hear503(m, payload)
		}
		return
	}
	text := string(payload[header:min(len(payload), header+8)])
	if reply != "" {
		text = reply[strings.LastIndexByte(reply, '.')+1:]
	}
	m := c.numberIn(text)
	if m == nil {
		return
	}
	if m.subject != subj || m.reply != reply {
		c.fail("connection %d got message %d as %s %s, not %s %s", c.id, m.number, subj, reply, m.subject, m.reply)
	}
	sub.receive(m, payload, header)
	c.asked(m)
	if sub.responds && strings.HasPrefix(reply, "inbox.") && len(c.replies) < 8 {
		c.replies = append(c.replies, reply)
	}
}
