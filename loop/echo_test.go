package loop

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// echoHost echoes whole lines.
type echoHost struct{ l *Loop }

type echoPeer struct {
	conn Conn
	l    *Loop
}

func (h *echoHost) Adopt(int, netip.AddrPort, any) (*Conn, Peer) {
	p := &echoPeer{l: h.l}
	return &p.conn, p
}
func (h *echoHost) Commit() bool       { return false }
func (h *echoHost) Post()              {}
func (h *echoHost) AcceptFailed(error) {}
func (h *echoHost) PollFailed(error)   {}

func (p *echoPeer) Opened() {}
func (p *echoPeer) Receive(b []byte) (int, int) {
	done := 0
	for {
		i := bytes.IndexByte(b[done:], '\n')
		if i < 0 {
			return done, 0
		}
		line := b[done : done+i+1]
		p.l.Send(&p.conn, p.l.Span(append(p.l.Tail(len(line)), line...)))
		done += i + 1
		p.l.Spend(10)
		if p.l.Exhausted() {
			return done, Again
		}
	}
}
func (p *echoPeer) Ended(error)    {}
func (p *echoPeer) Tick(int64)     {}
func (p *echoPeer) Overdue()       {}
func (p *echoPeer) Teardown() bool { return true }
func (p *echoPeer) Closed()        {}

// startEcho runs n loops that echo lines and returns their address.
func startEcho(t testing.TB, n int) string {
	t.Helper()
	g, err := NewGroup(Config{Loops: n}, func(l *Loop) Host { return &echoHost{l: l} })
	if err != nil {
		t.Fatal(err)
	}
	addr, err := g.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Stop(int64(time.Second)) })
	return addr.String()
}

func TestEveryByteComesBackInOrder(t *testing.T) {
	addr := startEcho(t, 2)
	for range 4 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz\n"), 100_000)
		go func() {
			c.Write(want)
			c.(*net.TCPConn).CloseWrite()
		}()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(got), len(want), err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes back that differ from the %d sent", len(got), len(want))
		}
		c.Close()
	}
}
