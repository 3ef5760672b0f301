//go:build invariants

package broker

import (
	"fmt"
)

// simClient is a program that connects, talks, leaves and comes again.
type simClient struct {
	*sim
	conn *simConn // its present connection, or nil
}

// act does one thing.
func (k *simClient) act() {
	c := k.conn
	switch {
	case c == nil:
		k.dial()
	case c.sock.closed || c.sock.shut || c.sock.err != nil || c.finished:
		k.leave()
	case c.vanished:
	default:
		k.talk(c)
	}
}

// leave gives up a connection that is over.
func (k *simClient) leave() {
	c := k.conn
	if !c.sock.closed && c.sock.err == nil && !c.finished {
		c.finish()
	}
	k.conn = nil
}

// dial opens a connection and says what clients say first.
func (k *simClient) dial() {
	s := k.sim
	c := &simConn{sim: s, id: len(s.conns), verbose: true, echo: true, subs: map[string]*simSub{}, dialedAt: s.clock,
		asks: map[string]int{}, answered: map[string]bool{}}
	c.sock = &simSocket{sim: s, fd: -1, owner: c, room: unlimitedRoom, okAt: s.clock}
	if s.mix.windows && !s.dice.oneIn(3) {
		c.sock.room = 1 << (4 + s.dice.n(14))
	}
	s.conns = append(s.conns, c)
	s.listener.waiting = append(s.listener.waiting, c.sock)
	s.listening.happen(s.listener.fd, 1)
	k.conn = c
	if !s.dice.oneIn(12) && (s.mix.budget == 0 || !s.dice.oneIn(4)) {
		headers := !s.dice.oneIn(4)
		c.connect(s.dice.oneIn(8), !s.mix.noEcho || !s.dice.oneIn(3), headers, headers && !s.dice.oneIn(4), s.dice.n(2))
	} else {
		c.stayNameless()
		c.stranger = c.barred
	}
	if !s.dice.oneIn(3) {
		c.inbox = c.subscribe(fmt.Sprintf("inbox.%d.*", c.id), "")
	}
	if !s.dice.oneIn(3) {
		c.subscribe(secretOf(c.id), "")
	}
	if s.mix.spies && s.dice.oneIn(2) { // sees it if somebody else's answer comes here
		c.subscribe("inbox.>", "")
	}
	if s.dice.oneIn(2) {
		c.ping()
	}
}

const unlimitedRoom = 1 << 50

// secretOf is a subject that one connection alone subscribes to.
func secretOf(id int) string { return fmt.Sprintf("secret.%d", id) }

// talk says something.
func (k *simClient) talk(c *simConn) {
	s := k.sim
	if s.mix.budget > 0 && k.dawdle(c) {
		return
	}
	switch n := s.dice.n(100); {
	case n < 20:
		k.subscribe(c)
	case n < 30:
		k.unsubscribe(c)
	case n < 62:
		for range 1 + s.dice.n(s.mix.burst) {
			k.publish(c)
		}
	case n < 80:
		if c.unanswered() < 8 {
			c.ping()
		}
	case n < 86:
		k.barrier(c)
	case n < 87 && c.echo && s.mix.maxima:
		k.once(c)
	case n < 88 && s.mix.slow:
		k.stopOrGoOn(c)
	case n < 89 && s.mix.slow && s.mix.stale:
		c.vanished, c.silent = true, s.clock
	case n < 93 && s.mix.ends:
		k.end(c)
	case n < 94 && s.mix.ends && c.connected:
		c.inbox = nil
		c.connect(c.verbose, c.echo, c.headers, c.noResponders, 1)
	default:
		if c.unanswered() < 8 {
			c.ping()
		}
	}
}

// stopOrGoOn has a client that reads stop, and one that has stopped read again.
func (k *simClient) stopOrGoOn(c *simConn) {
	c.stopped, c.tardy = !c.stopped, true
	if c.stopped && c.sock.room > 1<<16 {
		c.sock.room = k.dice.n(1 << 12)
	}
}

// barrier subscribes or unsubscribes and asks for a PONG at once, as clients do that rely on it.
func (k *simClient) barrier(c *simConn) {
	if k.dice.oneIn(3) {
		k.unsubscribe(c)
	} else {
		k.subscribe(c)
	}
	c.ping()
}

// once subscribes for one message, sends it, and uses the sid again: all in one breath, as the
// subscription is over with the message.
func (k *simClient) once(c *simConn) {
	subj := fmt.Sprintf("once.%d", c.id)
	if !c.user.subscribes(subj, "") || !c.user.publishes(subj) {
		return
	}
	sub := c.subscribe(subj, "")
	c.unsubscribe(sub, 1)
	c.publish(sub.subject, k.dice.n(30), false, false, "")
	sub.next = c.newSub(sub.sid, secretOf(c.id), "")
	c.ping()
}

func (k *simClient) subscribe(c *simConn) {
	s := k.sim
	queue := ""
	if s.mix.queues && s.dice.oneIn(2) {
		queue = s.dice.word(s.mix.names)
	}
	subj := s.dice.word(s.mix.subjects)
	if s.dice.oneIn(2) && len(s.mix.patterns) > 0 {
		subj = s.dice.word(s.mix.patterns)
	}
	sub := c.subscribe(subj, queue)
	sub.responds = s.dice.oneIn(2)
	if s.mix.maxima && s.dice.oneIn(4) {
		c.unsubscribe(sub, 1+s.dice.n(6))
	}
}

func (k *simClient) unsubscribe(c *simConn) {
	s := k.sim
	if s.mix.queues && s.dice.oneIn(2) && s.handOver() {
		return
	}
	var live []*simSub
	for i := 1; i <= c.lastSID; i++ {
		if sub := c.subs[fmt.Sprint(i)]; sub.unsubAt == 0 && sub.goneAt == 0 && sub != c.inbox && sub.next == nil {
			live = append(live, sub)
		}
	}
	if len(live) == 0 {
		return
	}
	sub := live[s.dice.n(len(live))]
	max := 0
	if s.mix.maxima && sub.max == 0 && s.dice.oneIn(2) {
		max = sub.got + 1 + s.dice.n(5)
	}
	c.unsubscribe(sub, max)
}

// sizes are bodies on both sides of what the broker treats differently.
var sizes = []int{2048 - 9, 2046, 2047, 2048, 2049, 4095, 4096, 8 << 10, 32<<10 - 1, 33 << 10, 64<<10 - 60, 64 << 10, 65 << 10, 128<<10 - 50, 128 << 10, 200 << 10}

func (k *simClient) publish(c *simConn) {
	s := k.sim
	subj := s.dice.word(s.mix.subjects)
	switch {
	case s.dice.oneIn(8) && len(s.conns) > 0:
		subj = secretOf(s.dice.n(len(s.conns)))
	case s.dice.oneIn(24):
		subj = "nobody.here"
	}
	size := s.dice.n(40)
	if s.mix.large > 0 && s.dice.oneIn(s.mix.large) {
		size = min(sizes[s.dice.n(len(sizes))], int(s.options.MaxPayload)-64)
		if !s.dice.oneIn(4) {
			size = min(size, 2200+s.dice.n(2200))
		}
	} else if s.dice.oneIn(6) {
		size = s.dice.n(1200)
	}
	c.publish(subj, size, s.dice.oneIn(3), c.inbox != nil && s.dice.oneIn(3), "")
}

// end ends the connection, in one of the ways connections end.
func (k *simClient) end(c *simConn) {
	switch n := k.dice.n(8); {
	case n < 4:
		c.finish()
	case n < 7:
		c.trace("client", c.id, "resets")
		c.sock.reset()
	default:
		c.saidBad = true
		c.excuse("said what is no protocol")
		c.say("WHAT IS THIS\r\n")
	}
}

// finish sends the connection's end; what the broker has to say still comes.
func (c *simConn) finish() {
	c.trace("client", c.id, "ends")
	c.finished = true
	c.sock.end = true
	c.excuse("ended")
	if len(c.held) > 0 {
		c.excuse("in the midst of an operation")
	}
	c.sock.happen(1)
}

// answer sends what is due without anybody's decision: PONGs and replies.
func (c *simConn) answer() {
	if c.finished || c.sock.shut || c.sock.err != nil || c.sock.closed {
		c.pongs, c.replies = 0, nil
		return
	}
	for ; c.pongs > 0; c.pongs-- {
		c.say("PONG\r\n")
	}
	for _, r := range c.replies {
		c.publish(r, 9+c.dice.n(20), false, false, "")
		if c.user.responds() != nil && c.dice.oneIn(3) { // once more than it may
			c.publish(r, 9+c.dice.n(20), false, false, "")
		}
	}
	c.replies = c.replies[:0]
}
