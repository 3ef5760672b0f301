package transport

import "crypto/tls"

// An Initiator is the client's side of TLS for any number of connections. Any goroutine.
type Initiator struct{ side *Acceptor }

// NewInitiator returns one whose handshakes compute behind gate. config is copied.
func NewInitiator(config *tls.Config, gate *Gate) *Initiator {
	return &Initiator{NewAcceptor(config, gate)}
}

// Initiate begins a connection, as Accept does for servers. Nothing runs before Begin.
func (i *Initiator) Initiate(givenBack func()) *TLS {
	t := i.side.begin(givenBack)
	t.conn = tls.Client(&t.pipe, i.side.config)
	return t
}

// Wait is that of the gate.
func (i *Initiator) Wait() { i.side.gate.Wait() }

// Begin has the handshake say the first word: the connection is Away until it is given back. Owner
// only.
func (t *TLS) Begin() { t.start() }
