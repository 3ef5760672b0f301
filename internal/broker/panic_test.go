package broker

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/invariant"
)

// minefield lets the handling of chosen sessions panic at chosen places.
type minefield struct {
	mu    sync.Mutex // guards mines
	mines map[netip.AddrPort]string
	next  atomic.Pointer[string] // where the next new session panics
	hit   atomic.Int64
}

// plantMines skips the test in builds that have no places to plant them at.
func plantMines(t *testing.T) *minefield {
	if !invariant.Enabled {
		t.Skip("places where a panic can be planted need the invariants tag")
	}
	f := &minefield{mines: map[netip.AddrPort]string{}}
	invariant.Plant(f.step)
	t.Cleanup(func() { invariant.Plant(nil) })
	return f
}

func (f *minefield) step(place string, who any) {
	s, ok := who.(*Session)
	if !ok {
		return
	}
	if place == "open" {
		if next := f.next.Load(); next != nil && *next == place {
			f.hit.Add(1)
			panic("planted at " + place)
		}
		return
	}
	f.mu.Lock()
	mine := f.mines[s.remote]
	if mine == place {
		delete(f.mines, s.remote)
	}
	f.mu.Unlock()
	if mine == place {
		f.hit.Add(1)
		panic("planted at " + place)
	}
}

// mine lets the handling of a client's session panic at a place.
func (f *minefield) mine(c *client, place string) {
	f.mu.Lock()
	f.mines[c.local()] = place
	f.mu.Unlock()
}

// Sessions panic at every place that is their own, again and again, while others
// publish to each other: only they end, nobody else misses a message, and everything they
// held is given back.
func TestAPanicOfOneSessionEndsThatOneAlone(t *testing.T) {
	for _, loops := range []int{1, 2, 4} {
		t.Run(fmt.Sprintf("loops=%d", loops), func(t *testing.T) {
			f := plantMines(t)
			r := start(t, loops, func(o *config.Options) { o.PingInterval = 50 * time.Millisecond; o.PingMax = 1 << 20 })
			flow := r.startFlow()
			want := int64(0)
			for range scale(2, 5, 200) {
				for _, place := range []string{"open", "parse", "apply", "tick", "end", "close"} {
					r.explode(f, place)
					want++
				}
			}
			flow.check()
			if got := int64(r.Panics()); got != want || f.hit.Load() != want {
				t.Errorf("%d panics were counted and %d caused, want %d", got, f.hit.Load(), want)
			}
			killAll(r.Broker)
			wantNothingHeld(t, r.Broker)
			if n := r.sessions.Load(); n != 0 {
				t.Errorf("%d sessions are still counted", n)
			}
		})
	}
}

// explode opens a client whose session panics at a place, and waits for its end.
func (r *rig) explode(f *minefield, place string) {
	r.t.Helper()
	if place == "open" {
		f.next.Store(&place)
		c := r.raw("victim")
		c.closed("its session panicked when it opened")
		f.next.Store(nil)
		return
	}
	before := r.Panics()
	c := r.dial("victim")
	c.send("SUB flow.> 1", "SUB victims 2 group", "PING")
	for c.next("subscribed").verb != "PONG" { // some of the flow comes as well
	}
	f.mine(c, place)
	switch place {
	case "parse", "apply":
		c.conn.Write([]byte("PUB victims 1\r\nx\r\n")) // it may have ended already: its PONGs are operations
	case "end", "close":
		c.conn.Close()
	}
	eventually(r.t, "the panic at "+place, func() bool { return r.Panics() > before })
	if place == "end" || place == "close" {
		return
	}
	for {
		if _, err := c.read(); err != nil {
			return
		}
	}
}

// A flow is clients on all loops that publish to each other, and count.
type flow struct {
	r    *rig
	stop atomic.Bool
	sent []int // by publisher; of its own goroutine until it has ended
	subs []*client
	pubs []*client
	all  sync.WaitGroup
}

func (r *rig) startFlow() *flow {
	f := &flow{r: r, sent: make([]int, max(2, r.loops))}
	for i := range f.sent {
		s := r.on(i, fmt.Sprintf("subscriber %d", i))
		s.send("SUB flow.> 1", "PING")
		s.pong("subscribed")
		f.subs = append(f.subs, s)
		f.pubs = append(f.pubs, r.on(i, "publisher"))
	}
	for i, p := range f.pubs {
		f.all.Go(func() { f.publish(i, p) })
	}
	return f
}

// publish keeps few messages under way, so that loops do each other's turns as well.
func (f *flow) publish(i int, p *client) {
	for !f.stop.Load() {
		p.conn.Write([]byte(pub("flow."+strconv.Itoa(i), strconv.Itoa(f.sent[i])) + "\r\nPING\r\n"))
		f.sent[i]++
		for {
			got, err := p.read()
			if err != nil {
				f.r.t.Errorf("publisher %d: %v", i, err)
				return
			}
			if got.verb == "PONG" {
				break
			}
		}
	}
}

// check ends the flow and fails unless everybody got everything in order.
func (f *flow) check() {
	f.r.t.Helper()
	f.stop.Store(true)
	f.all.Wait()
	for _, s := range f.subs {
		got := make([]int, len(f.sent))
		for left := f.total(); left > 0; {
			m := s.next("a message of the flow")
			if m.verb != "MSG" {
				continue // a PING
			}
			from, _ := strconv.Atoi(strings.TrimPrefix(m.subject, "flow."))
			if seq, _ := strconv.Atoi(string(m.payload)); seq != got[from] {
				f.r.t.Fatalf("%s: message %d of publisher %d came, %d was due", s.name, seq, from, got[from])
			}
			got[from]++
			left--
		}
	}
}

func (f *flow) total() (n int) {
	for _, sent := range f.sent {
		n += sent
	}
	return n
}
