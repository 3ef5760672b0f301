package chaos

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// probe measures the PINGs of a quiet client for a while.
func probe(t *testing.T, b *Broker, length time.Duration) float64 {
	t.Helper()
	p := StartProbe(t, b.Address())
	time.Sleep(length)
	return Milliseconds(p.End(t), 99)
}

// T24: ten thousand who say nothing and five thousand who spell their CONNECT: what each takes
// is small, and other clients do not notice.
func TestSilentAndSlowlySpellingClients(t *testing.T) {
	const spread = 50 // parts of a letter's round
	silent, spelling := Scale(500, 10_000), Scale(250, 5000)
	length := Scale(500*time.Millisecond, 5*time.Second)
	onEach(t, beside(), func(t *testing.T, s Setting) {
		s.Options = map[string]string{"max_connections": "65536"}
		b := Start(t, s)
		calm := probe(t, b, length)
		before := b.Usage(t)
		dumb := NewIdlers(t, b.Address(), silent)
		slow := NewIdlers(t, b.Address(), spelling)
		word, spelled := connectLine[:len(connectLine)-2], 0
		p := StartProbe(t, b.Address())
		for start := time.Now(); time.Since(start) < length && spelled < len(word); spelled++ {
			for from := 0; from < spelling; from += spelling / spread { // not all at one moment
				if n := slow.Say(from, min(spelling, from+spelling/spread), word[spelled:spelled+1]); n > 0 {
					t.Errorf("%d of who spell could not go on", n)
				}
				time.Sleep(5 * time.Millisecond)
			}
		}
		beside := Milliseconds(p.End(t), 99)
		u := b.Usage(t)
		each := (u.ResidentMB - before.ResidentMB) * (1 << 20) / float64(silent+spelling)
		if n := dumb.Ended() + slow.Ended(); n > 0 {
			t.Errorf("%d were ended although no time to introduce oneself is set", n)
		}
		judge(t, s, each <= 6<<10, "each takes %.0f bytes", each)
		judge(t, s, beside < 1.5*calm || beside < 5, "PING p99 is %.2f ms beside them and %.2f without", beside, calm)
		Report(t, "T24", "silent and slowly spelling clients: small, and nobody notices", s.Name(), Figures{
			"silent": silent, "spelling": spelling, "letters": spelled, "bytes_each": each, "ping_p99_ms": beside, "ping_p99_before_ms": calm,
		})
	})
}

// T32: very many announce a megabyte that never comes: what was announced takes no memory.
func TestAnnouncedPayloadsTakeNothing(t *testing.T) {
	count := Scale(500, 10_000)
	onEach(t, beside(), func(t *testing.T, s Setting) {
		s.Options = map[string]string{"max_connections": "65536"}
		b := Start(t, s)
		liars := NewIdlers(t, b.Address(), count)
		for i := range count {
			if _, err := liars.Greeted(i, Patience); err != nil {
				t.Fatal(err)
			}
		}
		before := b.Usage(t)
		if n := liars.Say(0, count, connectLine+"PUB a.lie 1048576\r\nx"); n > 0 {
			t.Errorf("%d could not announce", n)
		}
		settle(t, b)
		u := b.Usage(t)
		each := (u.ResidentMB - before.ResidentMB) * (1 << 20) / float64(count)
		must(t, s, liars.Ended() == 0, "%d were ended", liars.Ended())
		judge(t, s, each < 16<<10, "each takes %.0f bytes", each)
		Report(t, "T32", "a megabyte announced and never sent takes no memory", s.Name(), Figures{
			"clients": count, "bytes_each": each, "resident_mb": u.ResidentMB,
		})
	})
}

// settle returns when the broker has handled what was sent to it before: it is not busy any more.
func settle(t *testing.T, b *Broker) {
	t.Helper()
	last := b.Usage(t).CPU
	await(t, "rest", Patience, func() bool {
		time.Sleep(100 * time.Millisecond)
		now := b.Usage(t).CPU
		still := now-last < 10*time.Millisecond
		last = now
		return still
	})
}

// T27: a peer that is stopped and answers no PING is ended as stale, when promised.
func TestADeadPeerIsStaleInTime(t *testing.T) {
	const peers = 20
	onEach(t, beside(), func(t *testing.T, s Setting) {
		s.Options = map[string]string{"ping_interval": "1s", "ping_max": "2"}
		b := Start(t, s)
		alive := MustDial(t, b.Address())
		type end struct {
			after time.Duration
			word  string
			err   error
		}
		ends := make(chan end, peers)
		for range peers {
			conn, err := net.Dial("tcp", b.Address())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			if _, err := fmt.Fprint(conn, connectLine+"PING\r\n"); err != nil {
				t.Fatal(err)
			}
			since := time.Now()
			go func() { // ends with the connection
				var e end
				for in := bufio.NewReader(conn); e.err == nil; {
					var line string
					if line, e.err = in.ReadString('\n'); strings.HasPrefix(line, "-ERR") {
						e.word = strings.TrimSpace(line)
					}
				}
				e.after = time.Since(since)
				ends <- e
			}()
		}
		first, last := time.Hour, time.Duration(0)
		for range peers {
			e := <-answering(t, alive, ends)
			first, last = min(first, e.after), max(last, e.after)
			must(t, s, e.word == "-ERR 'Stale Connection'", "a dead peer was told %q (%v)", e.word, e.err)
		}
		must(t, s, first >= 2*time.Second, "the first was ended after %v", first)
		judge(t, s, last <= 4500*time.Millisecond, "the last was ended after %v", last)
		Report(t, "T27", "a peer that answers no PING is ended as stale in time", s.Name(), Figures{
			"peers": peers, "first_after_s": first.Seconds(), "last_after_s": last.Seconds(),
		})
	})
}

// answering has a client answer PINGs until something else has come, which it passes on.
func answering[T any](t *testing.T, c *Client, what <-chan T) <-chan T {
	t.Helper()
	out := make(chan T, 1)
	for start := time.Now(); ; {
		select {
		case v := <-what:
			out <- v
			return out
		case <-time.After(20 * time.Millisecond):
		}
		if _, err := c.Ping(); err != nil {
			t.Fatalf("who answers was lost: %v", err)
		}
		if time.Since(start) > Patience {
			t.Fatal("a dead peer is not ended")
		}
	}
}
