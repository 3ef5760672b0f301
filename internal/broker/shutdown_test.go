package broker

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Shutdown ends every loop, and what was confirmed before is delivered.

func TestShutdownDeliversWhatWasConfirmed(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		for range scale(5, 30, 500) {
			shutdownUnderLoad(t, loops)
		}
	})
}

// A publisher's PONG counts everything it sent before its PING as routed;
// Shutdown runs in the middle.
func shutdownUnderLoad(t *testing.T, loops int) {
	r := start(t, loops)
	const publishers, burst = 4, 20
	var confirmed [publishers]atomic.Int64
	var subs []*client
	for i := range max(2, loops) {
		s := r.on(i, fmt.Sprintf("subscriber %d", i))
		s.send("SUB load.* 1", "PING")
		s.pong("subscribed")
		subs = append(subs, s)
	}
	ended := make(chan bool, publishers)
	for i := range publishers {
		p := r.on(i, "publisher")
		go func() {
			defer func() { ended <- true }()
			for seq := 0; ; seq += burst {
				var b strings.Builder
				for n := range burst {
					b.WriteString(pub("load."+strconv.Itoa(i), strconv.Itoa(seq+n)) + "\r\n")
				}
				if _, err := p.conn.Write([]byte(b.String() + "PING\r\n")); err != nil {
					return
				}
				if f, err := p.read(); err != nil || f.verb != "PONG" {
					return
				}
				confirmed[i].Store(int64(seq + burst))
			}
		}()
	}
	type tally [publishers]int64
	tallies := make(chan tally, len(subs))
	for _, s := range subs {
		go func() {
			var got tally
			for {
				f, err := s.read()
				if err != nil {
					tallies <- got
					return
				}
				from, _ := strconv.Atoi(strings.TrimPrefix(f.subject, "load."))
				seq, _ := strconv.Atoi(string(f.payload))
				if int64(seq) != got[from] {
					t.Errorf("%s: message %d of publisher %d came, %d was due", s.name, seq, from, got[from])
				}
				got[from]++
			}
		}()
	}
	time.Sleep(10 * time.Millisecond)
	began := time.Now()
	r.Shutdown(5 * time.Second)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Shutdown took %v although everybody reads", took)
	}
	for range publishers {
		<-ended
	}
	for range subs {
		got := <-tallies
		for i := range got {
			if want := confirmed[i].Load(); got[i] < want {
				t.Errorf("of publisher %d, %d messages were confirmed and %d delivered", i, want, got[i])
			}
		}
	}
}

// Who does not read must not keep the broker alive longer than the deadline.
func TestShutdownDoesNotWaitForStoppedReaders(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		for i := range max(2, loops) {
			s := r.on(i, "stopped")
			s.conn.SetReadBuffer(16 << 10)
			s.send("SUB big 1", "PING")
			s.pong("subscribed")
		}
		p := r.on(0, "publisher")
		for range 32 {
			p.send(pub("big", strings.Repeat("x", 1<<20)))
		}
		p.barrier("all is routed")
		eventually(t, "bytes wait for the stopped", func() bool { return holdingsOf(r.Broker).backlog > 1<<20 })
		began := time.Now()
		r.Shutdown(200 * time.Millisecond)
		if took := time.Since(began); took < 200*time.Millisecond || took > 1500*time.Millisecond {
			t.Errorf("Shutdown with a deadline of 200ms took %v", took)
		}
	})
}

func TestShutdownEndsEveryGoroutine(t *testing.T) {
	r := start(t, 4)
	c := r.dial("client")
	r.Shutdown(time.Second)
	c.closed("the broker is down")
	if left := leaked(time.Second); left != "" {
		t.Errorf("goroutines outlive Shutdown:\n%s", left)
	}
}

// A loop may have ended when another still has something for it: what the
// parcel holds is given back.
func TestAParcelForAnEndedLoopGivesBackWhatItHolds(t *testing.T) {
	r := start(t, 2)
	r.Shutdown(time.Second)
	sh := r.shards[0] // nobody's any more
	m := message{account: r.global, subject: []byte("late"), payload: make([]byte, sharedMin)}
	m.share(sh.loop)
	shared := m.shared
	sh.parcelFor(1).append(&m)
	m.release(sh.loop)
	sh.Post()
	if shared.Bytes != nil {
		t.Error("the parcel keeps the shared payload")
	}
	if n := sh.inFlight[1].Load(); n != 0 {
		t.Errorf("%d bytes are on their way to a loop that takes nothing more", n)
	}
}
