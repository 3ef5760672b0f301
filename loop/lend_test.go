package loop

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Loops that sleep most of the time, and whose turns others do for them: every
// letter arrives once and in order, and nobody is inside a loop beside its tenant.

// A relay is letters between all loops of a group.
type relay struct {
	group     *Group
	hosts     []*relayHost
	delivered atomic.Int64
	failed    atomic.Pointer[string]
}

// relayHost posts in its turns what it was told to send. All of it is its loop's.
type relayHost struct {
	echoHost
	relay  *relay
	queued []*relayed
	sent   []int // by target
	seen   []int // by sender
	visits int   // plain: the race detector and its sum show a second tenant
}

// A relayed is a letter that causes others until its hops are used up.
type relayed struct {
	Letter
	from, to *relayHost
	number   int
	hops     int
	work     int
}

func (h *relayHost) Post() {
	for _, m := range h.queued {
		m.number = h.sent[m.to.l.id]
		h.sent[m.to.l.id]++
		h.l.PostTo(m.to.l, &m.Letter, m.work)
	}
	h.queued = h.queued[:0]
}

// send notes a letter for the end of the turn. Some are said to be so much work
// that their target is woken, most are done for it.
func (h *relayHost) send(to, hops int) {
	m := &relayed{from: h, to: h.relay.hosts[to], hops: hops, work: 1}
	if hops%5 == 4 {
		m.work = lendMax + 1
	}
	m.Address(m)
	h.queued = append(h.queued, m)
}

func (m *relayed) Deliver(l *Loop) {
	h := m.to
	l.AssertOn()
	if l != h.l || m.number != h.seen[m.from.l.id] {
		text := fmt.Sprintf("letter %d from loop %d came to loop %d where %d was due", m.number, m.from.l.id, l.id, h.seen[m.from.l.id])
		h.relay.failed.CompareAndSwap(nil, &text)
	}
	h.seen[m.from.l.id]++
	h.visits++
	if m.hops > 0 {
		h.send((l.id+m.hops)%len(h.relay.hosts), m.hops-1)
	}
	h.relay.delivered.Add(1)
}

// startRelay runs n loops that relay letters and echo lines.
func startRelay(t *testing.T, n int) (*relay, string) {
	t.Helper()
	r := &relay{}
	g, err := NewGroup(Config{Loops: n}, func(l *Loop) Host {
		h := &relayHost{echoHost: echoHost{l: l}, relay: r, sent: make([]int, n), seen: make([]int, n)}
		r.hosts = append(r.hosts, h)
		return h
	})
	if err != nil {
		t.Fatal(err)
	}
	r.group = g
	addr, err := g.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	return r, addr.String()
}

// prod has loops send letters, with pauses so that all fall asleep in between, until
// rounds are over or stop says so. It returns how many letters that makes.
func (r *relay) prod(rounds int, stop *atomic.Bool) (letters int64) {
	for range rounds {
		if stop.Load() {
			break
		}
		from, hops, many := rand.IntN(len(r.hosts)), rand.IntN(12), 1+rand.IntN(3)
		r.hosts[from].l.Do(func(l *Loop) {
			for i := range many {
				r.hosts[from].send((from+i)%len(r.hosts), hops)
			}
		})
		letters += int64(many * (hops + 1))
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
	}
	return letters
}

// chat keeps a connection busy with lines until stop says so.
func chat(t *testing.T, addr string, stop *atomic.Bool) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for n := 0; !stop.Load(); n++ {
		want := fmt.Sprintf("line %d\n", n)
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Write([]byte(want)); err != nil {
			t.Errorf("write: %v", err)
			return
		}
		if got, err := in.ReadString('\n'); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
			return
		}
	}
}

func TestEveryLetterArrivesOnceAndInOrder(t *testing.T) {
	for _, n := range []int{2, 4, 8} {
		t.Run(fmt.Sprintf("loops=%d", n), func(t *testing.T) {
			r, addr := startRelay(t, n)
			defer r.group.Stop(int64(time.Second))
			var stop atomic.Bool
			var chats, prods sync.WaitGroup
			for range n {
				chats.Go(func() { chat(t, addr, &stop) })
			}
			var letters atomic.Int64
			for range 4 {
				prods.Go(func() { letters.Add(r.prod(1500, &stop)) })
			}
			prods.Wait()
			r.await(t, letters.Load())
			stop.Store(true)
			chats.Wait()
			if text := r.failed.Load(); text != nil {
				t.Error(*text)
			}
			visits, done := 0, make(chan int)
			for _, h := range r.hosts {
				h.l.Do(func(*Loop) { done <- h.visits })
				visits += <-done
			}
			if int64(visits) != letters.Load() {
				t.Errorf("%d letters counted inside the loops, %d outside: two threads were in one", visits, letters.Load())
			}
		})
	}
}

// await waits until all letters have come: a lost wake-up shows as a hang.
func (r *relay) await(t *testing.T, letters int64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); r.delivered.Load() != letters; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			for _, l := range r.group.loops {
				t.Logf("loop %d: state %d, mail waiting: %v", l.id, l.state.Load(), !l.mail.empty())
			}
			t.Fatalf("%d of %d letters came", r.delivered.Load(), letters)
		}
	}
}

// Stop ends loops that are awake, asleep or lent.
func TestStopAmongLetters(t *testing.T) {
	for range 30 {
		r, addr := startRelay(t, 4)
		var stop atomic.Bool
		var prods sync.WaitGroup
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			prods.Go(func() { r.prod(1<<30, &stop) })
		}
		time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
		ended := make(chan bool)
		go func() {
			r.group.Stop(int64(time.Second))
			ended <- true
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("Stop hangs")
		}
		stop.Store(true)
		prods.Wait()
		c.Close()
	}
}
