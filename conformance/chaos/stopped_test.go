package chaos

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/internal/transcript"
)

// Slow consumers say why they were cut; of many in a second one is logged, and the
// number of the others.
var slowLine = regexp.MustCompile(`Slow Consumer Detected[^\n]*?(?:\((\d+) similar suppressed\))?\n`)

// slowConsumers is how many slow consumers the broker's log tells of.
func slowConsumers(b *Broker) int {
	n := 0
	for _, found := range slowLine.FindAllStringSubmatch(b.Output(), -1) {
		more, err := strconv.Atoi(found[1])
		if err != nil {
			more = 1
		}
		n += more
	}
	return n
}

// publishing runs a plan until the function it returns is called.
func publishing(t *testing.T, from *Publisher, plan Plan) (end func()) {
	t.Helper()
	stop := make(chan struct{})
	plan.Stop = stop
	var group sync.WaitGroup
	group.Go(func() {
		if err := from.Run(plan); err != nil {
			t.Error(err)
		}
	})
	return func() {
		close(stop)
		group.Wait()
	}
}

// T10: a hundredth of the subscribers is stopped by a signal in the middle of a
// fan-out: they are cut in time and counted, and nobody else loses anything.
func TestStoppedSubscribersAreCutAndHarmNobody(t *testing.T) {
	members, length := Scale(200, 9900), Scale(time.Second, 20*time.Second)
	stopped := max(4, members/99)
	size, rate := Scale(32<<10, 5<<10), Scale(60, 10)
	deadline := Scale(time.Second, 2*time.Second)
	onEach(t, append(beside(), Setting{Loops: 4}), func(t *testing.T, s Setting) {
		s.Options = transcript.Options{"write_deadline": deadline.String()}
		b := Start(t, s)
		others := NewSwarm(t, b.Address())
		others.Join(t, members, Subscription{Subject: "fan.out", From: []uint16{1}})
		stalled := StartCrowd(t, b.Address(), stopped, Subscription{Subject: "fan.out", From: []uint16{1}, ReceiveBuffer: 16 << 10})
		from := NewPublisher(t, b.Address(), 1)
		end := publishing(t, from, Plan{Subject: Always("fan.out"), Size: Bytes(size), Rate: rate})

		time.Sleep(length)
		before := others.TakeTimes()
		descriptors := b.Usage(t).Descriptors
		stalled.Signal(t, syscall.SIGSTOP)
		at := time.Now()
		// The kernel takes what fits in its buffers before anybody is late: no
		// more than a few megabytes.
		filled := time.Duration(float64(4<<20) / float64(size*rate) * float64(time.Second))
		took := await(t, "the cut of the stopped", filled+deadline+3*(time.Second+deadline), func() bool {
			return b.Usage(t).Descriptors <= descriptors-stopped
		})
		time.Sleep(max(0, length-time.Since(at)))
		after := others.TakeTimes()
		end()
		others.Settle(t)
		others.MustHaveAll(t, "the others", from)
		await(t, "the log's number of slow consumers", 10*time.Second, func() bool { return slowConsumers(b) >= stopped })
		if n := slowConsumers(b); n != stopped {
			t.Errorf("%d slow consumers are logged instead of %d", n, stopped)
		}
		stalled.Signal(t, syscall.SIGCONT)
		report := stalled.Settle(t)
		if report.Tally.Ended != stopped || report.Tally.Wrong() > 0 {
			t.Errorf("the stopped: %v", report.Tally)
		}
		ratio := Milliseconds(after, 99) / Milliseconds(before, 99)
		if !s.Real {
			Judge(t, ratio < 2, "p99 of the others is %.2f times what it was", ratio)
		}
		Report(t, "T10", "1 in 100 stopped by a signal: cut in time, others unharmed", s.Name(), Figures{
			"subscribers": members + stopped, "stopped": stopped, "lost_by_others": others.Missing(1, from.Sent()),
			"cut_after_s": took.Seconds(), "write_deadline_s": deadline.Seconds(), "slow_consumers": slowConsumers(b),
			"p50_before_ms": Milliseconds(before, 50), "p99_before_ms": Milliseconds(before, 99),
			"p50_stopped_ms": Milliseconds(after, 50), "p99_stopped_ms": Milliseconds(after, 99), "peak_mb": b.Usage(t).PeakMB,
		})
	})
}

// T11: subscribers that are stopped for a time, below max_pending and the write
// deadline, and read on: they have lost nothing.
func TestPausedSubscribersLoseNothing(t *testing.T) {
	pause := Scale(time.Second, 5*time.Second)
	const members, stopped = 20, 5
	onEach(t, append(beside(), Setting{Loops: 4}), func(t *testing.T, s Setting) {
		s.Options = transcript.Options{"write_deadline": "60s"}
		b := Start(t, s)
		others := NewSwarm(t, b.Address())
		others.Join(t, members, Subscription{Subject: "fan.out", From: []uint16{1}})
		paused := StartCrowd(t, b.Address(), stopped, Subscription{Subject: "fan.out", From: []uint16{1}, ReceiveBuffer: 64 << 10})
		from := NewPublisher(t, b.Address(), 1)
		end := publishing(t, from, Plan{Subject: Always("fan.out"), Size: Between(StampSize, 128<<10), Rate: 600})
		time.Sleep(pause / 4)
		paused.Signal(t, syscall.SIGSTOP)
		start := from.Sent()
		time.Sleep(pause)
		missed := from.Sent() - start
		paused.Signal(t, syscall.SIGCONT)
		time.Sleep(pause / 4)
		end()
		others.Settle(t)
		others.MustHaveAll(t, "the others", from)
		report := paused.Settle(t)
		if report.Tally.Wrong() > 0 || report.Tally.Ended > 0 || report.Least != from.Sent() {
			t.Errorf("of %d: %v, %d at least", from.Sent(), report.Tally, report.Least)
		}
		Report(t, "T11", "stopped for a time below the limits: nothing lost, nobody cut", s.Name(), Figures{
			"paused_s": pause.Seconds(), "published_meanwhile": missed, "published": from.Sent(),
			"lost": from.Sent() - min(from.Sent(), report.Least), "late": report.Tally.Late, "ended": report.Tally.Ended, "peak_mb": b.Usage(t).PeakMB,
		})
	})
}

// T12: a reader that takes a byte now and then is cut on time, and what it has read
// is the beginning of the right stream.
func TestDrippingReaderIsCutOnTime(t *testing.T) {
	deadline := Scale(time.Second, 2*time.Second)
	onEach(t, append(beside(), Setting{Loops: 4}), func(t *testing.T, s Setting) {
		s.Options = transcript.Options{"write_deadline": deadline.String()}
		b := Start(t, s)
		drip, full := dialDrip(t, b), MustDial(t, b.Address())
		for _, c := range []*Client{drip, full} {
			if err := c.Send("SUB drip 1\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Ping(); err != nil {
				t.Fatal(err)
			}
		}
		right, whole := readAll(full), make(chan []byte, 1)
		dripped := make(chan []byte, 1)
		descriptors := b.Usage(t).Descriptors
		from := NewPublisher(t, b.Address(), 1)
		cut := make(chan struct{})
		go func() { dripped <- readDripping(drip, cut) }() // ends when cut is closed
		end := publishing(t, from, Plan{Subject: Always("drip"), Size: Bytes(64 << 10), Rate: 100})
		// The publisher is one more than was counted. As long as the kernel's buffers
		// take something, nobody is late: under a second at this rate.
		took := await(t, "the cut of the dripping reader", time.Second+deadline+3*(time.Second+deadline), func() bool {
			return b.Usage(t).Descriptors <= descriptors
		})
		end()
		close(cut)
		if _, err := full.Conn.Write([]byte("PING\r\n")); err != nil {
			t.Fatal(err)
		}
		got := <-dripped
		go func() { whole <- <-right }()
		full.Conn.(*net.TCPConn).CloseWrite() // the broker writes what is pending, and closes
		all := <-whole
		if len(got) == 0 || !bytes.HasPrefix(all, got) {
			t.Errorf("%d bytes were read that are not the beginning of the stream of %d", len(got), len(all))
		}
		if slowConsumers(b) != 1 {
			t.Errorf("%d slow consumers are logged", slowConsumers(b))
		}
		Report(t, "T12", "reader of a byte per 100 ms: cut on time, exact prefix", s.Name(), Figures{
			"cut_after_s": took.Seconds(), "write_deadline_s": deadline.Seconds(), "prefix_bytes": len(got), "stream_bytes": len(all),
		})
	})
}

// dialDrip connects a client for which the kernel keeps little.
func dialDrip(t *testing.T, b *Broker) *Client {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) // any size is taken
		})
	}}
	conn, err := dialer.Dial("tcp", b.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c, err := newClient(conn, 16) // a larger buffer would read more than a byte
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// readAll reads to the end; what it returns comes behind it.
func readAll(c *Client) <-chan []byte {
	all := make(chan []byte, 1)
	go func() { // ends with the connection
		_ = c.Conn.SetReadDeadline(time.Now().Add(4 * Patience))
		b, err := io.ReadAll(c.in)
		if err != nil {
			b = append(b, fmt.Sprint(err)...) // no beginning of it is right then
		}
		all <- b
	}()
	return all
}

// readDripping reads a byte now and then until cut, and then what there is.
func readDripping(c *Client, cut <-chan struct{}) (all []byte) {
	_ = c.Conn.SetReadDeadline(time.Now().Add(4 * Patience))
	one, tick := make([]byte, 1), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			n, err := c.in.Read(one)
			all = append(all, one[:n]...)
			if err != nil {
				return all
			}
		case <-cut:
			rest, _ := io.ReadAll(c.in) // a reset is as good as an end
			return append(all, rest...)
		}
	}
}
