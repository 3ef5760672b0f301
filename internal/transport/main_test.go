package transport

import (
	"bytes"
	"crypto/tls"
	"net"
	"sync"
	"testing"

	"gnatsd-ev/internal/certificate"
)

var (
	authority  = sync.OnceValue(func() *certificate.Authority { return certificate.NewAuthority("authority") })
	serverPair = sync.OnceValue(func() tls.Certificate { return authority().Issue("server") })
)

// serverConfig is a server's; verify asks for certificates of clients.
func serverConfig(verify bool) *tls.Config {
	c := &tls.Config{Certificates: []tls.Certificate{serverPair()}, ClientCAs: authority().Pool()}
	if verify {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c
}

// clientConfig is a client's, of the given version at most.
func clientConfig(version uint16) *tls.Config {
	return &tls.Config{RootCAs: authority().Pool(), ServerName: "server", MaxVersion: version}
}

// link is a TLS under test and its peer, Go's client over a pipe. The test carries every byte between
// them.
type link struct {
	t        testing.TB
	acceptor *Acceptor
	tls      *TLS
	back     chan struct{} // a token each time the handshake gives the connection back
	client   *tls.Conn
	wire     net.Conn // the other end of the client's
	toServer chan []byte
	got      []byte // plain text the server's side has read
	dst      []byte // what it reads into
	over     bool
	err      error
}

// newLink begins a connection. The client's handshake runs at once, on a goroutine that ends with the pipe.
func newLink(t testing.TB, a *Acceptor, config *tls.Config) *link {
	l, end := openLink(t, a, config)
	t.Cleanup(end)
	return l
}

func openLink(t testing.TB, a *Acceptor, config *tls.Config) (l *link, end func()) {
	near, far := net.Pipe()
	l = &link{t: t, acceptor: a, back: make(chan struct{}, 1), wire: far, client: tls.Client(near, config),
		toServer: make(chan []byte, 1<<16), dst: make([]byte, 64<<10)}
	l.tls = a.Accept(func() { l.back <- struct{}{} })
	go func() { // ends with the pipe
		defer close(l.toServer)
		for {
			b := make([]byte, 32<<10)
			n, err := far.Read(b)
			if err != nil {
				return
			}
			l.toServer <- b[:n]
		}
	}()
	return l, func() {
		l.tls.Abort()
		near.Close()
		far.Close()
	}
}

// feed gives the server's side bytes from the wire, which are its for one call only.
func (l *link) feed(b []byte) error {
	in := bytes.Clone(b)
	for first := true; ; first = false {
		if !first {
			in = nil
		}
		n, more, err := l.tls.Open(l.dst, in)
		for i := range in {
			in[i] = 0xdb
		}
		l.got = append(l.got, l.dst[:n]...)
		if l.tls.Away() {
			<-l.back
			if l.over, l.err = l.tls.Taken(); l.over && l.err == nil {
				more = true
			}
		}
		l.toClient(l.tls.Answer(nil))
		if err != nil || l.err != nil || !more {
			return err
		}
	}
}

func (l *link) toClient(b []byte) {
	if len(b) > 0 {
		l.wire.Write(b) // fails only if the client has gone, which the test sees there
	}
}
