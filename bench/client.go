package bench

import (
	"fmt"

	"gnatsd-ev/loop"
)

// connectLine is what every connection says after INFO, unless it has a login.
const connectLine = `CONNECT {"verbose":false,"pedantic":false,"echo":true,"headers":true,` +
	`"no_responders":true,"protocol":1,"lang":"go","version":"1.0.0","name":"gnatsd-ev-bench"}` + "\r\n"

// A client is one connection of a fleet.
type client struct {
	// Fixed before the connection is handed to its loop.
	hello   []byte   // sent behind CONNECT, usually SUB lines
	login   *Login   // nil is the fleet's
	plain   bool     // no TLS, even if others have it
	meter   *meter   // what its messages count for, nil for none
	checker *checker // what its messages are checked against, nil for nothing

	// Its loop only.
	follower follower // nil is ordinary
	conn     loop.Conn
	host     *host
	reader   Reader
	info     bool // the first INFO has come
}

// Opened waits for a broker that speaks first.
func (c *client) Opened() {
	if !c.host.fleet.dialect.waits() {
		c.introduce()
	}
}

// Receive counts.
func (c *client) Receive(b []byte) (n, need int) {
	before := c.reader.Messages
	c.host.latency.arrived()
	n, need, err := c.host.fleet.dialect.feed(&c.reader, b, c)
	if err != nil {
		c.host.fleet.fail(fmt.Errorf("broker sent what no broker sends: %w", err))
		c.host.l.Kill(&c.conn)
		return len(b), 0
	}
	if k := c.reader.Messages - before; k > 0 {
		c.host.delivered += k
		if c.meter != nil {
			c.meter.add(k)
		}
	}
	return n, need
}

// Info answers the broker's greeting; later ones carry news we do not need.
func (c *client) Info(line []byte) {
	if c.info {
		return
	}
	c.info = true
	c.host.fleet.noteInfo(line)
	if c.host.fleet.initiator != nil && !c.plain {
		c.secure(line)
		return
	}
	c.introduce()
}

// introduce says who we are and what we want, and asks whether that is done.
func (c *client) introduce() {
	l := c.host.l
	connect, question := c.connect(), c.host.fleet.dialect.question()
	tail := l.Tail(len(connect) + len(c.hello) + len(question))
	tail = append(tail, connect...)
	tail = append(tail, c.hello...)
	tail = append(tail, question...)
	l.Send(&c.conn, l.Span(tail))
	c.hello = nil
}

// connect is the client's CONNECT.
func (c *client) connect() []byte {
	f := c.host.fleet
	switch {
	case c.login != nil:
		return f.dialect.connect(*c.login)
	case f.login.Users > 0:
		return f.dialect.connect(f.login.at(int(f.logins.Add(1) - 1)))
	}
	return f.connect
}

const (
	pingLine = "PING\r\n"
	pongLine = "PONG\r\n"
)

// Ping answers, so that the broker does not take us for dead.
func (c *client) Ping() { c.send(pongLine) }

// Pong answers the one question the fleet asks at a time.
func (c *client) Pong() { c.follow().ponged(c) }

// Err ends the run: no scenario provokes the broker.
func (c *client) Err(line []byte) {
	c.host.fleet.fail(fmt.Errorf("broker said -ERR %s", line))
}

// Ended ends the run unless the fleet closes.
func (c *client) Ended(err error) {
	if err == nil {
		err = errClosed
	}
	c.follow().ended(c, err)
}

func (c *client) follow() follower {
	if c.follower == nil {
		return ordinary{}
	}
	return c.follower
}

// send copies text to the connection's output.
func (c *client) send(text string) {
	l := c.host.l
	l.Send(&c.conn, l.Span(append(l.Tail(len(text)), text...)))
}

// Tick is not used.
func (c *client) Tick(int64) {}

// Overdue ends the run.
func (c *client) Overdue() {
	c.host.fleet.fail(fmt.Errorf("broker did not read for the whole write deadline"))
}

// Teardown ends a handshake that goes on.
func (c *client) Teardown() bool {
	if x, shaking := c.conn.Layer().(*securing); shaking {
		x.Abort()
	}
	return true
}

// Closed says so to who may use the record again.
func (c *client) Closed() { c.follow().closed(c) }
