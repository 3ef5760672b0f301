package chaos

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// T22: very many clients connect, subscribe and go, some with a reset: descriptors and
// goroutines come back to where they began, memory as well.
func TestChurnLeavesNothingBehind(t *testing.T) {
	total := Scale(4000, 200_000)
	onEach(t, beside(), func(t *testing.T, s Setting) {
		profile := freePort(t)
		s.Flags = []string{"--profile", profile}
		b := Start(t, s)
		churnThrough(t, b, total/10) // what a broker keeps for the next clients is there now
		before, routines := settled(t, b, profile)
		start := time.Now()
		churnThrough(t, b, total)
		took := time.Since(start)
		after, routinesAfter := settled(t, b, profile)
		must(t, s, after.Descriptors <= before.Descriptors+2, "%d descriptors after, %d before", after.Descriptors, before.Descriptors)
		must(t, s, routinesAfter <= routines+2, "%d goroutines after, %d before", routinesAfter, routines)
		grown := after.ResidentMB/before.ResidentMB - 1
		judge(t, s, grown < 0.05, "%.1f MB resident after, %.1f before", after.ResidentMB, before.ResidentMB)
		Report(t, "T22", "clients connect, subscribe and go: nothing stays behind", s.Name(), Figures{
			"clients": total, "descriptors_more": after.Descriptors - before.Descriptors, "goroutines_more": routinesAfter - routines,
			"resident_before_mb": before.ResidentMB, "resident_after_mb": after.ResidentMB, "clients_per_second": float64(total) / took.Seconds(),
			"cpu_us_per_client": float64((after.CPU - before.CPU).Microseconds()) / float64(total),
		})
	})
}

// churnThrough has clients live and go, a few at a time.
func churnThrough(t *testing.T, b *Broker, total int) {
	t.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	for w := range 8 {
		// From addresses of their own: those of who has gone are not free again for a minute.
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(2+w))}, Timeout: Patience}
		group.Go(func() {
			for n := next.Add(1); n <= int64(total); n = next.Add(1) {
				if err := comeAndGo(from, b.Address(), n); err != nil {
					t.Errorf("client %d: %v", n, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func comeAndGo(from *net.Dialer, address string, n int64) error {
	conn, err := from.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	c, err := newClient(conn, 1<<10)
	if err != nil {
		return err
	}
	if err := c.Send(fmt.Sprintf("SUB churn.%d 1\r\nSUB churn.> 2\r\n", n)); err != nil {
		return err
	}
	if _, err := c.Ping(); err != nil {
		return err
	}
	if n%2 == 0 {
		return conn.(*net.TCPConn).SetLinger(0)
	}
	return nil
}

// settled returns what the broker uses once it has dealt with who has gone.
func settled(t *testing.T, b *Broker, profile string) (u Usage, routines int) {
	t.Helper()
	last := -1
	await(t, "rest", Patience, func() bool {
		u = b.Usage(t)
		routines = goroutines(t, profile)
		still := u.Descriptors+routines == last
		last = u.Descriptors + routines
		if !still {
			time.Sleep(200 * time.Millisecond)
		}
		return still
	})
	return u, routines
}

// goroutines asks the profiler how many there are.
func goroutines(t *testing.T, port string) int {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: Patience}
	answer, err := client.Get("http://127.0.0.1:" + port + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text)) // goroutine profile: total 12
	if len(words) < 4 {
		t.Fatalf("the profile is %q", text)
	}
	n, err := strconv.Atoi(words[3])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// T26: descriptors' numbers come back at once while messages for who had them are still on their
// way between loops: nobody gets a message to somebody else's secret subject.
func TestNobodyInheritsAnothersMessages(t *testing.T) {
	length := Scale(time.Second, 30*time.Second)
	onEach(t, []Setting{{Loops: 4}, {Loops: 2}}, func(t *testing.T, s Setting) {
		b := Start(t, s)
		var secrets [64]atomic.Int64 // by slot: who subscribes there now
		var published, delivered, foreign, lives atomic.Int64
		stop := make(chan struct{})
		var group sync.WaitGroup
		for p := range 4 {
			group.Go(func() { published.Add(shout(t, b.Address(), p, &secrets, stop)) })
		}
		for slot := range secrets {
			group.Go(func() {
				for !closed(stop) {
					id := lives.Add(1)
					got, wrong, err := secretLife(b.Address(), slot, id, &secrets[slot])
					delivered.Add(got)
					foreign.Add(wrong)
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		time.Sleep(length)
		close(stop)
		group.Wait()
		if foreign.Load() > 0 {
			t.Errorf("%d messages came to who had not asked for them", foreign.Load())
		}
		if delivered.Load() == 0 {
			t.Error("nothing was delivered: the test has shown nothing")
		}
		Report(t, "T26", "descriptors come back while messages are on their way: nobody gets another's", s.Name(), Figures{
			"connections": lives.Load(), "published": published.Load(), "delivered": delivered.Load(), "foreign": foreign.Load(),
		})
	})
}

func closed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// shout publishes to whoever is there, among them some who have just gone, as fast as it goes.
func shout(t *testing.T, address string, p int, secrets *[64]atomic.Int64, stop <-chan struct{}) (published int64) {
	c, err := Dial(address)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Conn.Close()
	for round := p; !closed(stop); round++ {
		var text strings.Builder
		for i := range secrets {
			if id := secrets[(i+round)%len(secrets)].Load(); id > 0 {
				name := strconv.FormatInt(id, 10)
				fmt.Fprintf(&text, "PUB secret.%s %d\r\n%s\r\n", name, len(name), name)
				published++
			}
		}
		if err = c.Send(text.String()); err == nil {
			_, err = c.Ping()
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	return published
}

// secretLife is one client: it subscribes to its own subject, reads a little, and goes.
func secretLife(address string, slot int, id int64, secret *atomic.Int64) (got, foreign int64, err error) {
	c, err := Dial(address)
	if err != nil {
		return 0, 0, err
	}
	defer c.Conn.Close()
	name := strconv.FormatInt(id, 10)
	if err := c.Send("SUB secret." + name + " " + name + "\r\n"); err != nil {
		return 0, 0, err
	}
	if _, err := c.Ping(); err != nil {
		return 0, 0, err
	}
	secret.Store(id)
	for range 1 + (id+int64(slot))%4 {
		all, err := c.Ping()
		if err != nil {
			return got, foreign, err
		}
		for _, m := range all {
			got++
			if m.Sid != name || string(m.Payload) != name {
				foreign++
			}
		}
	}
	if id%2 == 0 {
		_ = c.Conn.(*net.TCPConn).SetLinger(0) // else an orderly end
	}
	return got, foreign, nil
}
