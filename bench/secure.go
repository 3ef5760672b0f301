package bench

import (
	"bytes"
	"crypto/tls"
	"errors"

	"gnatsd-ev/internal/transport"
	"gnatsd-ev/loop"
)

// TLS of a fleet. The broker greets in the clear, then the client begins its handshake, which
// computes on a goroutine of its own while the connection is parked; behind it all
// happens on the loop.

// handshakesAtOnce is how many handshakes of a fleet compute at a time.
const handshakesAtOnce = 2

// initiator is what a fleet's connections make their handshakes with, or nil.
func initiator(config *tls.Config) *transport.Initiator {
	if config == nil {
		return nil
	}
	return transport.NewInitiator(config, transport.NewGate(handshakesAtOnce))
}

// securing is what stands between a client and its socket during the handshake.
type securing struct {
	loop.Letter
	*transport.TLS
	client *client // its loop only
	name   loop.Handle
}

var errNoTLS = errors.New("the broker does not offer TLS")

// offersTLS reports whether a broker's INFO says that it can.
func offersTLS(info []byte) bool {
	return bytes.Contains(info, []byte(`"tls_required":true`)) || bytes.Contains(info, []byte(`"tls_available":true`))
}

// secure begins the handshake behind a broker's INFO.
func (c *client) secure(info []byte) {
	l := c.host.l
	if !offersTLS(info) {
		c.host.fleet.fail(errNoTLS)
		return
	}
	x := &securing{client: c, name: c.conn.Handle()}
	x.Address(x)
	x.TLS = c.host.fleet.initiator.Initiate(func() { l.Post(&x.Letter) })
	l.Interpose(&c.conn, x)
	l.Park(&c.conn, 0)
	x.Begin()
}

// Open hands on what the handshake waits for. Nothing more is read until it asks.
func (x *securing) Open(dst, in []byte) (int, bool, error) {
	n, more, err := x.TLS.Open(dst, in)
	if x.Away() {
		x.client.host.l.Park(&x.client.conn, 0)
	}
	return n, more, err
}

// Deliver runs on the client's loop when the handshake has something to say, waits for input, or is over.
func (x *securing) Deliver(l *loop.Loop) {
	if c := l.Lookup(x.name); c == nil || !c.Open() {
		return
	}
	c := x.client
	over, err := x.Taken()
	if said := x.Answer(nil); len(said) > 0 {
		l.Send(&c.conn, l.Span(append(l.Tail(len(said)), said...)))
	}
	switch {
	case err != nil:
		c.Ended(err)
		l.Close(&c.conn)
		return
	case over:
		l.SealOutput(&c.conn, x.TLS)
		c.introduce()
	}
	l.Unpark(&c.conn)
}
