package bench

import "errors"

// A follower is told what happens to a client whose life is part of the load. All
// methods run on the client's loop.
type follower interface {
	ponged(c *client)           // a PONG has come
	ended(c *client, err error) // the broker, or the network, has ended it
	closed(c *client)           // its socket is gone
}

// errClosed is the end of a connection without an error of the socket.
var errClosed = errors.New("broker closed the connection")

// ordinary clients answer the fleet's questions and live as long as it does.
type ordinary struct{}

func (ordinary) ponged(c *client)           { c.host.fleet.answered() }
func (ordinary) ended(c *client, err error) { c.host.fleet.fail(err) }
func (ordinary) closed(*client)             {}
