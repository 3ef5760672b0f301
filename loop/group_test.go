package loop

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
)

// descriptors counts this process's open descriptors.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skipf("no way to count descriptors: %v", err)
	}
	return len(names)
}

// checkDescriptors waits until as many are open as before.
func checkDescriptors(t *testing.T, what string, before int) {
	t.Helper()
	now := 0
	for range 200 {
		if now = descriptors(t); now == before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s: %d descriptors are open that were not before", what, now-before)
}

func TestGroupsGiveTheirDescriptorsBack(t *testing.T) {
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close() // Go's own poller stays open from now on
	}
	before := descriptors(t)
	open := func() (*Group, net.Addr) {
		g, err := NewGroup(Config{Loops: 3}, func(l *Loop) Host { return &echoHost{l: l} })
		if err != nil {
			t.Fatal(err)
		}
		addr, err := g.Listen("127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		return g, addr
	}

	g, _ := open()
	g.Abandon()
	checkDescriptors(t, "abandoned", before)

	g, _ = open()
	g.Stop(int64(time.Second))
	g.Stop(int64(time.Second))
	checkDescriptors(t, "stopped before it was started", before)

	g, addr := open()
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	var clients []net.Conn
	for range 9 {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		if err := echoes(c); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	g.Stop(int64(time.Second))
	for _, c := range clients {
		c.Close()
	}
	checkDescriptors(t, "stopped under nine connections", before)
}

// A socket handed to a loop that has been stopped belongs to nobody: it is
// closed all the same.
func TestASocketHandedOverDuringStopIsClosed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	to := netip.MustParseAddrPort(ln.Addr().String())
	before := descriptors(t)
	for range 20 {
		g, err := NewGroup(Config{Loops: 2}, func(l *Loop) Host { return &echoHost{l: l} })
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Start(); err != nil {
			t.Fatal(err)
		}
		handing := make(chan struct{})
		go func() {
			defer close(handing)
			for range 20 {
				fd, err := Dial(to, netip.Addr{})
				if err != nil {
					t.Error(err)
					return
				}
				g.Hand(fd, to, nil)
				if c, err := ln.Accept(); err == nil {
					c.Close()
				}
			}
		}()
		g.Stop(int64(time.Second))
		<-handing
		for _, l := range g.Loops() {
			if n := l.connCount.Load(); n != 0 {
				t.Errorf("an ended loop counts %d connections", n)
			}
		}
	}
	checkDescriptors(t, "handed over during stop", before)
}

// Loops keep their processors only where that leaves enough for others, all groups of
// the process counted.
func TestLoopsLeaveProcessorsToOthers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2 + spareProcessors))
	open := func() *Group {
		g, err := NewGroup(Config{Loops: 2}, func(l *Loop) Host { return &echoHost{l: l} })
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Start(); err != nil {
			t.Fatal(err)
		}
		return g
	}
	first := open()
	if !mayOccupy.Load() {
		t.Error("two loops of four processors may not keep theirs")
	}
	second := open()
	if mayOccupy.Load() {
		t.Error("four loops keep all four processors")
	}
	second.Stop(0)
	if !mayOccupy.Load() {
		t.Error("two loops may not keep their processors when others have ended")
	}
	first.Stop(0)
}
