package loop

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// echoGroup opens n echoing loops that are not started yet.
func echoGroup(t *testing.T, n int) *Group {
	t.Helper()
	g, err := NewGroup(Config{Loops: n}, func(l *Loop) Host { return &echoHost{l: l} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Stop(int64(time.Second)) })
	return g
}

// echoes reports whether a line sent over the connection comes back.
func echoes(c net.Conn) error {
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte("hello\n")); err != nil {
		return err
	}
	buf := make([]byte, 6)
	if _, err := c.Read(buf); err != nil {
		return err
	}
	if string(buf) != "hello\n" {
		return errors.New("not an echo: " + strconv.Quote(string(buf)))
	}
	return nil
}

// reachable says which of this machine's addresses accept connections to a port.
func reachable(port string) (hosts []string) {
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		if c, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), 2*time.Second); err == nil {
			c.Close()
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// The naive twin is Go's own net.Listen.
func TestListenBindsWhatGoWould(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0", "127.0.0.1:0", "127.0.0.2:0", "[::1]:0", "localhost:0"} {
		twin, err := net.Listen("tcp", addr)
		if err != nil {
			t.Logf("%s: not on this machine: %v", addr, err)
			continue
		}
		_, port, _ := net.SplitHostPort(twin.Addr().String())
		want := reachable(port)
		twin.Close()

		g := echoGroup(t, 1)
		bound, err := g.Listen(addr, nil)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		if err := g.Start(); err != nil {
			t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(bound.String())
		if got := reachable(port); !slices.Equal(got, want) {
			t.Errorf("%s: reached at %v, Go's listener at %v", addr, got, want)
		}
	}
}

func TestListenSaysWhatItCouldNotBind(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	g := echoGroup(t, 1)
	if _, err := g.Listen(taken.Addr().String(), nil); !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("a taken address: %v", err)
	}
	for _, addr := range []string{"127.0.0.1:70000", "256.0.0.1:0", "nobody.invalid:0"} {
		if _, err := g.Listen(addr, nil); err == nil || !strings.Contains(err.Error(), strings.Split(addr, ":")[0]) && !strings.Contains(err.Error(), "70000") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// option is a socket option and what it must be.
type option struct {
	name             string
	level, opt, want int
}

func checkOptions(t *testing.T, what string, fd int, options ...option) {
	t.Helper()
	for _, o := range options {
		if got, err := unix.GetsockoptInt(fd, o.level, o.opt); err != nil || got != o.want {
			t.Errorf("%s has %s %d (%v), not %d", what, o.name, got, err, o.want)
		}
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("%s is inherited by programs this one starts (%v)", what, err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("%s blocks (%v)", what, err)
	}
}

// As nats-server's sockets: no delay, no keep-alive, not inherited.
func TestSocketsHaveTheirOptions(t *testing.T) {
	g := echoGroup(t, 2)
	addr, err := g.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	noDelay := option{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}
	noKeepAlive := option{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0}
	checkOptions(t, "the listener", g.loops[0].listeners[0].fd, option{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1})
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := echoes(c); err != nil {
			t.Fatal(err)
		}
	}
	adopted, err := Dial(netip.MustParseAddrPort(addr.String()), netip.MustParseAddr("127.0.0.3"))
	if err != nil {
		t.Fatal(err)
	}
	checkOptions(t, "a dialed socket", adopted, noDelay, noKeepAlive)
	unix.Close(adopted)
	seen := make(chan int)
	for _, l := range g.Loops() {
		l.Do(func(l *Loop) {
			n := 0
			l.Each(func(c *Conn, _ Peer) {
				checkOptions(t, "an accepted socket", int(c.fd), noDelay, noKeepAlive)
				n++
			})
			seen <- n
		})
		if n := <-seen; n < 2 {
			t.Errorf("loop %d has %d of the four connections", l.ID(), n)
		}
	}
}

func TestSeveralListenersServeTheirOwn(t *testing.T) {
	g := echoGroup(t, 2)
	var addrs []net.Addr
	for range 3 {
		addr, err := g.Listen("127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, addr)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, addr := range addrs {
			c, err := net.Dial("tcp", addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := echoes(c); err != nil {
				t.Errorf("at %s: %v", addr, err)
			}
		}
	}
}

func TestAnOutgoingConnectionIsAdopted(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	g := echoGroup(t, 2)
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort(ln.Addr().String())
	for _, l := range g.Loops() {
		fd, err := Dial(to, netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		g.HandTo(l, fd, to, nil)
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := echoes(c); err != nil {
			t.Errorf("loop %d: %v", l.ID(), err)
		}
	}
}
