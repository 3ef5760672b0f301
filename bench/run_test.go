package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/loop"
)

// fakeBroker serves exact subjects on one loop: enough for every scenario.
type fakeBroker struct {
	l     *loop.Loop
	subs  map[string][]*fakeSub
	spoil func(n uint64, payload []byte) (copies int) // nil delivers each message once
	count uint64
}

type fakeSub struct {
	peer *fakePeer
	sid  string
}

type fakePeer struct {
	conn   loop.Conn
	broker *fakeBroker
	subs   []string
}

func (h *fakeBroker) Adopt(int, netip.AddrPort, any) (*loop.Conn, loop.Peer) {
	p := &fakePeer{broker: h}
	return &p.conn, p
}
func (h *fakeBroker) Commit() bool       { return false }
func (h *fakeBroker) Post()              {}
func (h *fakeBroker) AcceptFailed(error) {}
func (h *fakeBroker) PollFailed(error)   {}

func (p *fakePeer) say(b []byte) {
	l := p.broker.l
	l.Send(&p.conn, l.Span(append(l.Tail(len(b)), b...)))
}
func (p *fakePeer) Opened()        { p.say([]byte("INFO {\"version\":\"0\",\"go\":\"fake\"} \r\n")) }
func (p *fakePeer) Ended(error)    {}
func (p *fakePeer) Tick(int64)     {}
func (p *fakePeer) Overdue()       {}
func (p *fakePeer) Teardown() bool { return true }
func (p *fakePeer) Closed() {
	for _, subject := range p.subs {
		p.broker.subs[subject] = slices.DeleteFunc(p.broker.subs[subject], func(s *fakeSub) bool { return s.peer == p })
	}
}

func (p *fakePeer) Receive(b []byte) (done, need int) {
	for {
		end := bytes.IndexByte(b[done:], '\n')
		if end < 0 {
			return done, 0
		}
		words := strings.Fields(string(b[done : done+end]))
		next := done + end + 1
		switch words[0] {
		case "PING":
			p.say([]byte("PONG\r\n"))
		case "SUB":
			p.subs = append(p.subs, words[1])
			p.broker.subs[words[1]] = append(p.broker.subs[words[1]], &fakeSub{p, words[2]})
		case "PUB":
			size, _ := strconv.Atoi(words[len(words)-1])
			if len(b)-next < size+2 {
				return done, end + 1 + size + 2
			}
			p.broker.publish(words[1], b[next:next+size])
			next += size + 2
		}
		done = next
	}
}

func (h *fakeBroker) publish(subject string, payload []byte) {
	h.count++
	copies := 1
	if h.spoil != nil {
		copies = h.spoil(h.count, payload)
	}
	for _, s := range h.subs[subject] {
		for range copies {
			s.peer.say(fmt.Appendf(nil, "MSG %s %s %d\r\n%s\r\n", subject, s.sid, len(payload), payload))
		}
	}
}

// startFake runs a fake broker; its process is ours.
func startFake(t *testing.T, spoil func(uint64, []byte) int) Target {
	t.Helper()
	g, err := loop.NewGroup(loop.Config{Loops: 1}, func(l *loop.Loop) loop.Host {
		return &fakeBroker{l: l, subs: map[string][]*fakeSub{}, spoil: spoil}
	})
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
	return Target{Addr: addr.(*net.TCPAddr).AddrPort(), Process: Process(os.Getpid())}
}

// newFleetStub is a fleet without a broker.
func newFleetStub(t *testing.T) (*fleet, error) {
	f, err := newFleet(netip.MustParseAddrPort("127.0.0.1:1"), 1)
	if err == nil {
		t.Cleanup(f.close)
	}
	return f, err
}

// short is a load of some milliseconds.
func short(s Scenario) Load {
	load := s.Defaults
	load.Conns = min(load.Conns, 40)
	load.PerConn = min(load.PerConn, 20)
	load.Window = min(load.Window, 256)
	load.Warmup, load.Duration, load.Settle = 20*time.Millisecond, 100*time.Millisecond, 20*time.Millisecond
	load.Verify = slices.Contains(s.Flags, "verify")
	return load
}

func TestEveryScenarioRuns(t *testing.T) {
	want := map[string]string{
		"conn": "bytes_per_conn", "fanout": "cpu_us_per_delivery", "spread": "cpu_us_per_delivery", "fanin": "cpu_us_per_delivery",
		"pairs": "cpu_us_per_delivery", "broadcast": "last_p50", "reqrep": "two_p50", "subs": "cpu_us_per_match", "quiet": "flood_p99",
	}
	target := startFake(t, nil)
	for _, s := range Scenarios {
		result, err := s.Run(target, short(s))
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if v, ok := result.Metric(want[s.Name]); !ok || v <= 0 && s.Name != "conn" {
			t.Errorf("%s: %s is %v, %v; want a number above 0 in %v", s.Name, want[s.Name], v, ok, result.Metrics)
		}
		if result.Broker.Go != "fake" {
			t.Errorf("%s: broker is %+v", s.Name, result.Broker)
		}
	}
}

func TestRatePacesMessages(t *testing.T) {
	s, _ := Find("fanout")
	load := short(s)
	load.Rate, load.Duration = 100, 300*time.Millisecond
	result, err := s.Run(startFake(t, nil), load)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := result.Metric("published"); n < 5 || n > 35 {
		t.Errorf("%v messages in 300 ms at 100 a second", n)
	}
}

// What the subscribers count or compare must find a broker's mistakes.
func TestBrokersMistakesFailTheRun(t *testing.T) {
	const victim = 501 // the message that is spoilt
	for name, spoil := range map[string]func(uint64, []byte) int{
		"doubled": func(n uint64, _ []byte) int {
			if n == victim {
				return 2
			}
			return 1
		},
		"altered": func(n uint64, p []byte) int {
			if n == victim {
				p[len(p)-1] ^= 1
			}
			return 1
		},
	} {
		s, _ := Find("pairs")
		if _, err := s.Run(startFake(t, spoil), short(s)); err == nil {
			t.Errorf("%s: the run passed", name)
		}
	}
}

// What is noticed in a phase's last turn must not be lost because the counts
// come out right.
func TestMistakeInTheLastTurnFailsThePhase(t *testing.T) {
	f, err := newFleetStub(t)
	if err != nil {
		t.Fatal(err)
	}
	f.fail(errors.New("altered"))
	if err := f.drain(traffic{}, 0); err == nil {
		t.Error("every message was counted, one was wrong, and the phase passed")
	}
}

// A broker that goes away ends the run at once, not after a time-out.
func TestLostBrokerEndsTheRun(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() { // ends with the listener
		for n := 0; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("INFO {}\r\n"))
			if n == 0 { // the first one only asks who we are
				bufio.NewReader(c).ReadString('G')
				c.Write([]byte("PONG\r\n"))
				continue
			}
			c.Close()
		}
	}()
	s, _ := Find("conn")
	start := time.Now()
	_, err = s.Run(Target{Addr: ln.Addr().(*net.TCPAddr).AddrPort()}, short(s))
	if err == nil || time.Since(start) > answerTime/2 {
		t.Errorf("%v after %v, want an error at once", err, time.Since(start))
	}
}
