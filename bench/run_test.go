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
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/internal/transport"
	"gnatsd-ev/loop"
)

// fakeBroker serves exact subjects on one loop: enough for every scenario.
type fakeBroker struct {
	l     *loop.Loop
	subs  map[string][]*fakeSub
	spoil spoiler
	login string              // must stand in each CONNECT
	tls   *transport.Acceptor // nil is plain
	count uint64
	late  func() // delivers a message that was held back
}

// A spoiler may alter the n-th message and says how often it is delivered; late
// is behind the next one. A nil spoiler does nothing.
type spoiler func(n uint64, payload []byte) (copies int)

const late = -1

type fakeSub struct {
	peer  *fakePeer
	sid   string
	group string // "" for none
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
func (p *fakePeer) Opened() {
	if p.broker.tls != nil {
		p.say([]byte("INFO {\"version\":\"0\",\"go\":\"fake\",\"tls_required\":true} \r\n"))
		p.secure()
		return
	}
	p.say([]byte("INFO {\"version\":\"0\",\"go\":\"fake\"} \r\n"))
}
func (p *fakePeer) Ended(error) {}
func (p *fakePeer) Tick(int64)  {}
func (p *fakePeer) Overdue()    {}
func (p *fakePeer) Teardown() bool {
	if x, shaking := p.conn.Layer().(*fakeSecuring); shaking {
		x.Abort()
	}
	return true
}
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
		case "CONNECT":
			if !bytes.Contains(b[done:next], []byte(p.broker.login)) {
				p.say([]byte("-ERR 'Authorization Violation'\r\n"))
			}
		case "PING":
			p.say([]byte("PONG\r\n"))
		case "SUB":
			p.subs = append(p.subs, words[1])
			s := &fakeSub{peer: p, sid: words[len(words)-1]}
			if len(words) == 4 {
				s.group = words[2]
			}
			p.broker.subs[words[1]] = append(p.broker.subs[words[1]], s)
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
	if copies == late {
		kept := bytes.Clone(payload)
		h.late = func() { h.deliver(subject, kept, 1) }
		return
	}
	h.deliver(subject, payload, copies)
	if h.late != nil {
		then := h.late
		h.late = nil
		then()
	}
}

func (h *fakeBroker) deliver(subject string, payload []byte, copies int) {
	to := h.subs[subject]
	if len(to) > 0 && to[0].group != "" { // one group at most, in turn
		to = to[int(h.count)%len(to):][:1]
	}
	for _, s := range to {
		for range copies {
			s.peer.say(fmt.Appendf(nil, "MSG %s %s %d\r\n%s\r\n", subject, s.sid, len(payload), payload))
		}
	}
}

// startFake runs a fake broker; its process is ours.
func startFake(t *testing.T, spoil spoiler) Target {
	return startFakeWith(t, loop.Config{Loops: 1}, fakeBroker{spoil: spoil})
}

func startFakeWith(t *testing.T, config loop.Config, like fakeBroker) Target {
	t.Helper()
	g, err := loop.NewGroup(config, func(l *loop.Loop) loop.Host {
		h := like
		h.l, h.subs = l, map[string][]*fakeSub{}
		return &h
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

// smallWindow is the system with listeners whose connections receive 64 KB ahead. By
// itself the window grows to tens of megabytes, as the machine sees fit.
type smallWindow struct{ loop.Kernel }

func (k smallWindow) Listen(addr string) (int, net.Addr, error) {
	fd, bound, err := k.Kernel.Listen(addr)
	if err == nil {
		err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 64<<10)
	}
	return fd, bound, err
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
	load.Hold = min(load.Hold, 100*time.Millisecond)
	if s.Name == "mixed" {
		fan, _ := Find("fanout")
		come, _ := Find("churn")
		load.Stages = []Stage{{"fanout", short(fan), false}, {"churn", short(come), true}, {"fanout", short(fan), false}}
	}
	return load
}

func TestEveryScenarioRuns(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"conn": "bytes_per_conn", "fanout": "cpu_us_per_delivery", "spread": "cpu_us_per_delivery", "fanin": "cpu_us_per_delivery",
		"pairs": "cpu_us_per_delivery", "broadcast": "last_p50", "reqrep": "two_p50", "subs": "cpu_us_per_match",
		"queue": "cpu_us_per_delivery", "churn": "cpu_us_per_cycle", "storm": "last_pong",
		"handshakes": "p99_growth", "rules": "rules_growth", "slow": "others_per_second_after", "soak": "cycles_per_second", "mixed": "", "quiet": "flood_p99",
	}
	target := startFake(t, nil)
	for _, s := range Scenarios {
		load := short(s)
		result, err := s.Run(target, load)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if s.Name == "mixed" {
			if len(result.Stages) != 3 || len(result.Stages[1].Metrics) == 0 {
				t.Errorf("mixed: %+v, want the results of three stages", result.Stages)
			}
			continue
		}
		if v, ok := result.Metric(want[s.Name]); !ok || v <= 0 && s.Name != "conn" {
			t.Errorf("%s: %s is %v, %v; want a number above 0 in %v", s.Name, want[s.Name], v, ok, result.Metrics)
		}
		if result.Broker.Go != "fake" {
			t.Errorf("%s: broker is %+v", s.Name, result.Broker)
		}
		if !slices.Contains(s.Flags, "verify") {
			continue
		}
		load.Verify = true
		if s.Name == "storm" {
			load.Rate = 5000 // of what is beside it: nothing else has messages
		}
		if result, err = s.Run(target, load); err != nil {
			t.Errorf("%s, verified: %v", s.Name, err)
		} else if n, _ := result.Metric("verified"); n == 0 || result.Failure != "" {
			t.Errorf("%s: %v messages are right, %s", s.Name, n, result.Failure)
		}
	}
}

// The latency of an open model counts from when a message was due.
func TestLatencyAtARate(t *testing.T) {
	target := startFake(t, nil)
	for _, name := range []string{"fanout", "spread", "fanin", "pairs", "queue", "reqrep"} {
		s, _ := Find(name)
		load := short(s)
		load.Conns, load.Pairs, load.Rate, load.Verify = 3, 2, 2000, true
		result, err := s.Run(target, load)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		corrected, _ := result.Metric("latency_p99")
		uncorrected, _ := result.Metric("latency_uncorrected_p99")
		if corrected <= 0 || corrected < uncorrected {
			t.Errorf("%s: p99 is %v us corrected, %v uncorrected", name, corrected, uncorrected)
		}
		n, _ := result.Metric("published")
		if !paced(result, 2000) {
			t.Errorf("%s: %v messages at 2,000 a second", name, n)
		}
		count, _ := result.Metric("latency_count")
		copies := map[string]float64{"fanout": 3}[name]
		if want := n * max(copies, 1); count != want || result.Failure != "" {
			t.Errorf("%s: latencies of %v deliveries of %v; %s", name, count, want, result.Failure)
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
	if n, _ := result.Metric("published"); !paced(result, 100) {
		t.Errorf("%v messages at 100 a second", n)
	}
}

// paced reports whether messages were published, and not more than were due while the
// phase lasted. How long that was is the machine's business.
func paced(r *Result, rate float64) bool {
	n, _ := r.Metric("published")
	perSecond, _ := r.Metric("published_per_second")
	return n >= 5 && n <= rate*(n/perSecond)+2
}

// While a broker does not read, a publisher cannot send. What was due meanwhile is sent
// late and delivered soon: only the corrected latency tells.
func TestLatencyIsCorrectedForOmission(t *testing.T) {
	const stall = 300 * time.Millisecond
	standingStill := func() Target {
		return startFakeWith(t, loop.Config{Loops: 1, Kernel: smallWindow{loop.System()}}, fakeBroker{spoil: func(n uint64, _ []byte) int {
			if n == 100 {
				time.Sleep(stall)
			}
			return 1
		}})
	}
	target := standingStill()
	s, _ := Find("fanout")
	load := short(s)
	// Of messages of this size sockets hold few: most of those due meanwhile are sent late.
	load.Conns, load.Size, load.Rate, load.Warmup, load.Duration = 1, 256<<10, 1000, 0, 600*time.Millisecond
	result, err := s.Run(target, load)
	if err != nil {
		t.Fatal(err)
	}
	corrected, _ := result.Metric("latency_p90")
	uncorrected, _ := result.Metric("latency_uncorrected_p90")
	if least := microseconds(int64(stall / 10)); corrected < uncorrected+least {
		t.Errorf("p90 is %v us corrected, %v uncorrected, of a broker that stood still for %v", corrected, uncorrected, stall)
	}
	load.Duration = stall // it is over before the broker reads on
	if result, err = s.Run(standingStill(), load); err != nil {
		t.Fatal(err)
	}
	if n, _ := result.Metric("unsent"); n < 50 || len(result.Warnings) == 0 {
		t.Errorf("%v of 300 messages count as unsent, though the broker read no more after 100; warnings %q", n, result.Warnings)
	}
}

// What a broker spoils, and what verification must call it. The victim is in the
// middle, at the end of a phase, or both.
func TestSpoiltMessagesAreFound(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(payload []byte) int{
		"lost":      func([]byte) int { return 0 },
		"doubled":   func([]byte) int { return 2 },
		"reordered": func([]byte) int { return late },
		"altered":   func(p []byte) int { p[len(p)-1] ^= 1; return 1 },
	} {
		for _, name := range []string{"fanout", "spread", "fanin", "pairs", "subs", "queue", "churn"} {
			s, _ := Find(name)
			victim := uint64(151)
			if name == "churn" {
				victim = 20 // there are fewer
			}
			load := short(s)
			load.Verify, load.Conns, load.Size, load.Readers = true, 3, 100, 1
			target := startFake(t, func(n uint64, p []byte) int {
				if n == victim {
					return spoil(p)
				}
				return 1
			})
			result, err := s.Run(target, load)
			if err != nil {
				t.Errorf("%s, %s: %v", name, want, err)
				continue
			}
			copies := 1.0
			if name == "fanout" {
				copies = 3
			}
			if want == "reordered" && (name == "spread" || name == "fanin" || name == "subs" || name == "queue" || name == "churn") {
				continue // neighbours are of different streams or go to different subscribers
			}
			for _, m := range []string{"lost", "doubled", "reordered", "altered", "misrouted"} {
				due := 0.0
				if m == want {
					due = copies
				}
				if got, _ := result.Metric(m); got != due {
					t.Errorf("%s: one message was %s; %v count as %s, want %v", name, want, got, m, due)
				}
			}
			if result.Failure == "" {
				t.Errorf("%s: one message was %s, and the run passed", name, want)
			}
		}
	}
}

// Those that stop reading are cut by a broker with little patience, and only those.
func TestSlowOnesThatAreCutAreCounted(t *testing.T) {
	t.Parallel()
	for patience, want := range map[time.Duration]float64{100 * time.Millisecond: 2, 10 * time.Second: 0} {
		s, _ := Find("slow")
		load := short(s)
		load.Conns, load.Share, load.Size, load.Window, load.Verify = 5, 40, 64<<10, 32, true
		load.Hold = 600 * time.Millisecond
		result, err := s.Run(startFakeWith(t, loop.Config{Loops: 1, WriteDeadline: int64(patience)}, fakeBroker{}), load)
		if err != nil {
			t.Errorf("patience %v: %v", patience, err)
			continue
		}
		if cut, _ := result.Metric("slow_cut"); cut != want || result.Failure != "" {
			t.Errorf("patience %v: %v of 2 were cut, want %v; %s", patience, cut, want, result.Failure)
		}
	}
}

// Connections on loops and on wires log in.
func TestLoginIsSent(t *testing.T) {
	t.Parallel()
	login := Login{User: "ann", Password: `s"3 cret`}
	target := startFakeWith(t, loop.Config{Loops: 1}, fakeBroker{login: `,"user":"ann","pass":"s\"3 cret"}`})
	for _, name := range []string{"fanout", "reqrep", "churn", "storm"} {
		s, _ := Find(name)
		target.Login = login
		if _, err := s.Run(target, short(s)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		target.Login = Login{Token: "other"}
		if _, err := s.Run(target, short(s)); err == nil {
			t.Errorf("%s: it ran with a wrong login", name)
		}
	}
}

// Without verification the count alone must still be right.
func TestDoubledMessageFailsTheRun(t *testing.T) {
	s, _ := Find("pairs")
	target := startFake(t, func(n uint64, _ []byte) int {
		if n == 501 {
			return 2
		}
		return 1
	})
	if _, err := s.Run(target, short(s)); err == nil {
		t.Error("the run passed")
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
