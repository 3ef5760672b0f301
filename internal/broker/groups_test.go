package broker

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Queue groups across loops.

// publishAll publishes numbered messages from a publisher on every loop, in turn, and
// waits until they are routed.
func publishAll(r *rig, subject string, from, to int) {
	r.t.Helper()
	each := make([]strings.Builder, r.loops)
	for n := from; n < to; n++ {
		each[n%r.loops].WriteString(pub(subject, strconv.Itoa(n)) + "\r\n")
	}
	for i := range each {
		p := r.on(i, "publisher")
		p.write([]byte(each[i].String()))
		p.barrier("routed")
		p.conn.Close()
	}
}

// Two members share a loop, the others have one each: all are equally likely.
func TestQueueMembersAreEquallyLikely(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		members := []*client{r.on(0, "member"), r.on(0, "member"), r.on(0, "member")}
		for i := 1; i < loops; i++ {
			members = append(members, r.on(i, "member"))
		}
		for _, m := range members {
			m.send("SUB work q 1", "PING")
			m.pong("in the group")
		}
		const chunk = 2000
		messages := chunk * scale(2, 10, 100)
		counts := make([]int, len(members))
		seen := make([]bool, messages)
		for at := 0; at < messages; at += chunk {
			publishAll(r, "work", at, at+chunk)
			for i, m := range members {
				for _, f := range m.drain("routed") {
					n, err := strconv.Atoi(string(f.payload))
					if err != nil || seen[n] {
						t.Fatalf("member %d got %s, a second time or altered", i, f)
					}
					seen[n] = true
					counts[i]++
				}
			}
		}
		p := 1 / float64(len(members))
		mean, sigma := float64(messages)*p, math.Sqrt(float64(messages)*p*(1-p))
		sum := 0
		for i, n := range counts {
			sum += n
			if math.Abs(float64(n)-mean) > 5*sigma {
				t.Errorf("member %d got %d, wanted %.0f within 5 x %.1f: %v", i, n, mean, sigma, counts)
			}
		}
		if sum != messages {
			t.Errorf("%d of %d messages were delivered", sum, messages)
		}
	})
}

// Each queue name gets a message once, whatever patterns its members chose;
// plain subscribers get it besides.
func TestEachQueueNameGetsAMessageOnce(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		interest := map[string][]string{
			"first":  {"w.a", "w.*", "w.>", "w.a"},
			"second": {"w.>", "*.a"},
			"third":  {"w.a"},
		}
		type member struct {
			*client
			name string
		}
		var members []member
		for name, patterns := range interest {
			for i, pattern := range patterns {
				m := member{r.on(i, "member of "+name), name}
				m.send("SUB "+pattern+" "+name+" 1", "PING")
				m.pong("in the group")
				members = append(members, m)
			}
		}
		plain := r.on(loops-1, "plain")
		plain.send("SUB w.* 1", "PING")
		plain.pong("subscribed")
		messages := scale(300, 2000, 50_000)
		publishAll(r, "w.a", 0, messages)
		got := map[string]map[string]int{}
		for _, m := range members {
			for _, f := range m.drain("routed") {
				if got[m.name] == nil {
					got[m.name] = map[string]int{}
				}
				got[m.name][string(f.payload)]++
			}
		}
		for name := range interest {
			for n := range messages {
				if times := got[name][strconv.Itoa(n)]; times != 1 {
					t.Fatalf("queue %s got message %d %d times", name, n, times)
				}
			}
		}
		if n := len(plain.drain("routed")); n != messages {
			t.Errorf("the plain subscriber got %d of %d", n, messages)
		}
	})
}

// Members that drain, with UNSUB, take what was on its way to them or leave it to others.
func TestNothingIsLostWhileMembersDrain(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		steady := r.on(0, "steady")
		steady.send("SUB work q 1", "PING")
		steady.pong("in the group")
		var stopping atomic.Bool
		var restless sync.WaitGroup
		messages := scale(2000, 20_000, 1_000_000)
		times := make([]atomic.Int32, messages)
		note := func(f frame) {
			if n, err := strconv.Atoi(string(f.payload)); err == nil {
				times[n].Add(1)
			}
		}
		var drains atomic.Int64
		for i := range 2 * loops {
			m := r.on(i, fmt.Sprintf("restless %d", i))
			restless.Go(func() {
				for !stopping.Load() {
					m.conn.Write([]byte("SUB work q 1\r\nPING\r\n"))
					for pongs := 0; pongs < 2; {
						f, err := m.read()
						if err != nil {
							t.Errorf("%s: %v", m.name, err)
							return
						}
						if f.verb != "PONG" {
							note(f)
							continue
						}
						if pongs++; pongs == 1 {
							time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
							m.conn.Write([]byte("UNSUB 1\r\nPING\r\n"))
						}
					}
					drains.Add(1)
				}
			})
		}
		for at := 0; at < messages; at += 500 {
			publishAll(r, "work", at, at+500)
			for _, f := range steady.drain("routed") {
				note(f)
			}
		}
		stopping.Store(true)
		restless.Wait()
		for _, f := range steady.drain("what the others left") {
			note(f)
		}
		for n := range times {
			if got := times[n].Load(); got != 1 {
				t.Fatalf("message %d was delivered %d times, after %d drains", n, got, drains.Load())
			}
		}
		if drains.Load() < 10 {
			t.Errorf("only %d drains: nothing was tested", drains.Load())
		}
	})
}

// Members that die take only what was written to them.
func TestTheLivingTakeOverFromTheDead(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		heir := r.on(0, "heir")
		heir.send("SUB work q 1", "PING")
		heir.pong("in the group")
		for round := range scale(5, 30, 1000) {
			var dying []*client
			for i := range 2 * loops {
				m := r.on(i, "dying")
				m.send("SUB work q 1", "PING")
				m.pong("in the group")
				dying = append(dying, m)
			}
			publishAll(r, "work", 0, 40)
			for _, m := range dying {
				m.reset()
			}
			publishAll(r, "work", 40, 80)
			eventually(t, "the dead are gone", func() bool { return r.sessions.Load() == 1 })
			heir.drain("what it got beside them")
			publishAll(r, "work", 80, 120)
			if got := len(heir.drain("routed")); got != 40 {
				t.Fatalf("round %d: the only member got %d of 40", round, got)
			}
		}
		heir.send("UNSUB 1", "PING")
		heir.pong("the last one leaves")
		if h := holdingsOf(r.Broker); h.groups != 0 || h.indexed != 0 {
			t.Errorf("left behind: %+v", h)
		}
	})
}
