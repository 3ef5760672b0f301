package transport

import (
	"net"
	"time"
)

// pipe is the net.Conn that crypto/tls reads from and writes to. Whoever has the connection at
// the moment owns it: the handshake's goroutine or the connection's owner.
type pipe struct {
	in  []byte // from the socket, not yet read
	out []byte // for the socket

	// wait returns when there is more input. It is nil after the handshake, when nobody waits.
	wait func() error
}

// wouldBlock says that there is no input now.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "no input yet" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

var _ net.Error = wouldBlock{}

// Read takes input.
func (p *pipe) Read(b []byte) (int, error) {
	for len(p.in) == 0 {
		if p.wait == nil {
			return 0, wouldBlock{}
		}
		if err := p.wait(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.in)
	p.in = p.in[n:]
	return n, nil
}

// Write keeps output. It never waits.
func (p *pipe) Write(b []byte) (int, error) {
	p.out = append(p.out, b...)
	return len(b), nil
}

// Close and the methods behind it are there because a net.Conn has them: the socket is
// somebody else's.
func (p *pipe) Close() error                     { return nil }
func (p *pipe) LocalAddr() net.Addr              { return nowhere{} }
func (p *pipe) RemoteAddr() net.Addr             { return nowhere{} }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// nowhere is the address of both ends.
type nowhere struct{}

func (nowhere) Network() string { return "memory" }
func (nowhere) String() string  { return "memory" }
