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
	members, length := Scale(200, 4950), Scale(time.Second, 12*time.Second)
	stopped := max(4, members/99)
	size, rate := Scale(32<<10, 5<<10), Scale(60, 10)
	const deadline = 2 * time.Second
	settings := []Setting{{}, {Loops: 4}}
	if Long() {
		settings = beside()
	}
	onEach(t, settings, func(t *testing.T, s Setting) {
		s.Options = transcript.Options{"write_deadline": deadline.String()}
		b := Start(t, s)
		others := NewSwarm(t, b.Address())
		others.Join(t, members, Subscription{Subject: "fan.out", From: []uint16{1}})
		stalled := StartCrowd(t, b.Address(), stopped, Subscription{Subject: "fan.out", From: []uint16{1}, ReceiveBuffer: 16 << 10})
		from := NewPublisher(t, b.Address(), 1)
		end := publishing(t, from, Plan{Subject: Always("fan.out"), Size: Bytes(size), Rate: rate})

		before := secondly(others, length)
		descriptors := b.Usage(t).Descriptors
		stalled.Signal(t, syscall.SIGSTOP)
		took := awaitCut(t, b, descriptors-stopped, size*rate, deadline)
		after := secondly(others, max(0, length-took))
		end()
		others.Settle(t)
		others.MustHaveAll(t, "the others", from)
		if !s.Real {
			await(t, "the log's number of slow consumers", 10*time.Second, func() bool { return slowConsumers(b) >= stopped })
			if n := slowConsumers(b); n != stopped {
				t.Errorf("%d slow consumers are logged instead of %d", n, stopped)
			}
			stalled.Signal(t, syscall.SIGCONT)
			report := stalled.Settle(t)
			if report.Tally.Ended != stopped || report.Tally.Wrong() > 0 {
				t.Errorf("the stopped: %v", report.Tally)
			}
		}
		ratio := after.p99 / before.p99
		if !s.Real {
			Judge(t, ratio < 2, "p99 of the others is %.2f times what it was", ratio)
		}
		Report(t, "T10", "1 in 100 stopped by a signal: cut in time, others unharmed", s.Name(), Figures{
			"subscribers": members + stopped, "stopped": stopped, "lost_by_others": others.Missing(1, from.Sent()),
			"cut_after_s": took.Seconds(), "write_deadline_s": deadline.Seconds(), "slow_consumers": slowConsumers(b),
			"p50_before_ms": before.p50, "p99_before_ms": before.p99, "p50_stopped_ms": after.p50, "p99_stopped_ms": after.p99,
			"ratio_p99": ratio, "peak_mb": b.Usage(t).PeakMB,
		})
	})
}

// awaitCut returns how long it takes until the broker has only so many descriptors;
// nats-server is not judged. rate is how many bytes a second a subscriber gets: the kernel takes
// what fits in its buffers, no more than a few megabytes, before anybody is late.
func awaitCut(t *testing.T, b *Broker, descriptors, rate int, deadline time.Duration) time.Duration {
	t.Helper()
	filled := time.Duration(float64(4<<20) / float64(rate) * float64(time.Second))
	if b.setting.Real {
		start := time.Now()
		for time.Since(start) < 12*time.Second && b.Usage(t).Descriptors > descriptors {
			time.Sleep(5 * time.Millisecond)
		}
		return time.Since(start)
	}
	return await(t, "the cut", filled+deadline+3*(time.Second+deadline), func() bool {
		return b.Usage(t).Descriptors <= descriptors
	})
}

// T11: subscribers that are stopped for a time, below max_pending and the write
// deadline, and read on: they have lost nothing.
func TestPausedSubscribersLoseNothing(t *testing.T) {
	pause := Scale(time.Second, 5*time.Second)
	const members, stopped = 20, 5
	onEach(t, append(beside(), Setting{Loops: 4}), func(t *testing.T, s Setting) {
		s.Options = patient
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

// T12: a reader that takes little now and then is cut on time, though its socket takes
// something, and what it has read is the beginning of the right stream.
func TestDrippingReaderIsCutOnTime(t *testing.T) {
	onEach(t, beside(), func(t *testing.T, s Setting) {
		for _, sip := range []int{1, 64 << 10} {
			t.Run(fmt.Sprint(sip, " bytes"), func(t *testing.T) { drip(t, s, sip) })
		}
	})
}

// drip has a reader take sip bytes ten times a second.
func drip(t *testing.T, s Setting, sip int) {
	const rate, size = 100, 64 << 10
	const deadline = 2 * time.Second
	s.Options = transcript.Options{"write_deadline": deadline.String()}
	b := Start(t, s)
	slow, full := dialDrip(t, b, max(4<<10, sip)), MustDial(t, b.Address())
	for _, c := range []*Client{slow, full} {
		if err := c.Send("SUB drip 1\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Ping(); err != nil {
			t.Fatal(err)
		}
	}
	from := NewPublisher(t, b.Address(), 1)
	descriptors := b.Usage(t).Descriptors
	right, dripped, cut := readAll(full), make(chan []byte, 1), make(chan struct{})
	go func() { dripped <- readDripping(slow, sip, cut) }() // ends when cut is closed
	end := publishing(t, from, Plan{Subject: Always("drip"), Size: Bytes(size), Rate: rate})
	took := awaitCut(t, b, descriptors-1, rate*size, deadline)
	end()
	close(cut)
	if err := full.Conn.(*net.TCPConn).CloseWrite(); err != nil { // the broker writes what is pending, and closes
		t.Fatal(err)
	}
	got, all := <-dripped, <-right
	if len(got) == 0 || !bytes.HasPrefix(all, got) {
		t.Errorf("%d bytes were read that are not the beginning of the stream of %d", len(got), len(all))
	}
	if n := slowConsumers(b); n != 1 && !s.Real {
		t.Errorf("%d slow consumers are logged", n)
	}
	Report(t, "T12", fmt.Sprintf("reader of %d bytes per 100 ms: cut on time, exact prefix", sip), s.Name(), Figures{
		"cut_after_s": took.Seconds(), "write_deadline_s": deadline.Seconds(), "prefix_bytes": len(got), "stream_bytes": len(all),
	})
}

// dialDrip connects a client for which the kernel keeps little.
func dialDrip(t *testing.T, b *Broker, keeps int) *Client {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, keeps) // any size is taken
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

// readDripping reads sip bytes now and then until cut, and then what there is.
func readDripping(c *Client, sip int, cut <-chan struct{}) (all []byte) {
	_ = c.Conn.SetReadDeadline(time.Now().Add(4 * Patience))
	some, tick := make([]byte, sip), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			n, err := c.in.Read(some)
			all = append(all, some[:n]...)
			if err != nil {
				return all
			}
		case <-cut:
			_ = c.Conn.SetReadDeadline(time.Now().Add(Patience)) // a test that has failed must end
			rest, _ := io.ReadAll(c.in)                          // a reset is as good as an end
			return append(all, rest...)
		}
	}
}
