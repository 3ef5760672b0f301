package broker

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
)

// Slow readers: they are cut, and cost nobody else anything.

// feed publishes n stamped messages of one size from p and waits until they are routed.
func feed(p *client, n, size int) error {
	p.conn.SetDeadline(time.Now().Add(5 * patience))
	for i := range n {
		b := fmt.Appendf(nil, "PUB data.0 %d\r\n%s\r\n", size, stamped(0, i, size))
		if _, err := p.conn.Write(b); err != nil {
			return err
		}
	}
	if _, err := p.conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	_, err := p.read()
	return err
}

// readAll has each subscriber check the whole feed and returns what waits for them.
func readAll(t *testing.T, subs []*client, n int) (wait func()) {
	var readers sync.WaitGroup
	for _, s := range subs {
		s.conn.SetDeadline(time.Now().Add(5 * patience))
		readers.Go(func() {
			if err := checkStreams(s, 1, n); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		})
	}
	return readers.Wait
}

// subscribers opens n of them on all loops.
func subscribers(r *rig, n int, name, pattern string) (subs []*client) {
	for i := range n {
		s := r.on(i, fmt.Sprintf("%s %d", name, i))
		s.send("SUB "+pattern+" 1", "PING")
		s.pong("subscribed")
		subs = append(subs, s)
	}
	return subs
}

func TestStoppedSubscribersAreCutAndCostOthersNothing(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		const size, stopped = 4 << 10, 2
		messages := scale(6000, 6000, 50_000) // 24 MB: more than may be pending and the system takes
		r := start(t, loops, func(o *config.Options) { o.MaxPending = 10 << 20 })
		p := r.on(0, "publisher")
		readers := subscribers(r, 10, "reader", "data.*")
		// In parts that readers finish, so that none falls as far behind as the stopped:
		// they share the machine with the loops.
		const part = 1000
		took := func() time.Duration {
			from := time.Now()
			for range messages / part {
				wait := readAll(t, readers, part)
				if err := feed(p, part, size); err != nil {
					t.Fatal(err)
				}
				wait()
			}
			return time.Since(from)
		}
		alone := took()
		subscribers(r, stopped, "stopped", ">")
		beside := took()
		t.Logf("publisher: %v without, %v beside %d stopped subscribers: %.0f %% of its rate", alone, beside, stopped, 100*alone.Seconds()/beside.Seconds())
		if beside > 10*alone+time.Second {
			t.Errorf("stopped subscribers held the publisher up: %v instead of %v", beside, alone)
		}
		if n := r.slowConsumers(); n != stopped {
			t.Errorf("%d slow consumers were counted, want %d", n, stopped)
		}
		eventually(t, "the stopped ones are gone", func() bool { return r.sessions.Load() == 11 })
		for _, s := range readers {
			s.conn.Close()
		}
		killAll(r.Broker)
		wantNothingHeld(t, r.Broker)
	})
}

// However many stop, they share the bytes they do not read.
func TestStoppedSubscribersShareMemory(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		const pending, size, stopped = 8 << 20, 1 << 10, 40
		r := start(t, loops, func(o *config.Options) { o.MaxPending = pending })
		subscribers(r, stopped, "stopped", "data.0")
		p := r.on(0, "publisher")
		most := holdings{}
		for r.slowConsumers() < stopped {
			if err := feed(p, 500, size); err != nil {
				t.Fatal(err)
			}
			if h := holdingsOf(r.Broker); h.backlog > most.backlog {
				most = h
			}
		}
		// Each loop holds what its own subscribers want, once.
		if bound := loops * (pending + 3<<20); most.held > bound {
			t.Errorf("%d bytes held for a backlog of %d, want at most %d", most.held, most.backlog, bound)
		}
		if most.backlog < stopped*pending/2 {
			t.Errorf("the backlog never passed %d bytes: nothing was tested", most.backlog)
		}
		p.barrier("the publisher goes on")
		p.conn.Close()
		wantNothingHeld(t, r.Broker)
	})
}

// The write deadline is for what was pending when the socket refused it: a
// reader that drips is cut as well, one that only starts late is not.
func TestDrippingReaderIsCut(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		const deadline = 1200 * time.Millisecond
		r := start(t, loops, func(o *config.Options) { o.WriteDeadline = deadline })
		drips := subscribers(r, 1, "drips", "data.0")[0]
		p := r.on(loops-1, "publisher")
		began := time.Now()
		if err := feed(p, 8000, 4<<10); err != nil { // 32 MB, half of max_pending
			t.Fatal(err)
		}
		b := make([]byte, 8<<10)
		for r.slowConsumers() == 0 {
			drips.conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := drips.conn.Read(b); err != nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
			if time.Since(began) > 20*time.Second {
				t.Fatal("a dripping reader was never cut")
			}
		}
		if took := time.Since(began); took < deadline {
			t.Errorf("cut after %v, before the deadline of %v", took, deadline)
		}
		late := subscribers(r, 1, "late", "data.0")
		if err := feed(p, 1000, 4<<10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(deadline / 4)
		readAll(t, late, 1000)()
		if n := r.slowConsumers(); n != 1 {
			t.Errorf("%d slow consumers, want the dripping one", n)
		}
	})
}

// Publishers that fill what may be on its way to a loop wait, and lose nothing.
func TestParkedPublishersLoseNothing(t *testing.T) {
	r := start(t, 2)
	const size, publishers = 1500, 4
	messages := scale(1500, 5000, 8000) // less than max_pending in all
	s := r.on(1, "subscriber")
	s.conn.SetReadBuffer(16 << 10)
	s.send("SUB data.* 1", "PING")
	s.pong("subscribed")
	s.conn.SetDeadline(time.Now().Add(5 * patience))
	result := make(chan error)
	go func() { result <- checkStreams(s, publishers, messages) }()
	var writers sync.WaitGroup
	for i := range publishers {
		p := r.on(0, "publisher")
		p.conn.SetDeadline(time.Now().Add(5 * patience))
		writers.Go(func() {
			var b strings.Builder
			for n := range messages {
				fmt.Fprintf(&b, "PUB data.%d %d\r\n%s\r\n", i, size, stamped(i, n, size))
			}
			if _, err := io.WriteString(p.conn, b.String()+"PING\r\n"); err != nil {
				t.Error(err)
			}
			if _, err := p.read(); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if err := <-result; err != nil {
		t.Error(err)
	}
	if h := holdingsOf(r.Broker); h.inFlight != 0 {
		t.Errorf("%d bytes are still counted as on their way", h.inFlight)
	}
}
