package broker

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
)

// Auto-unsubscribe: exactly as many as were asked for.

// A sid is free, and its maximum forgotten, with the last message, even for
// what was sent in the same packet.
func TestMaximumInOnePacket(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		for _, queue := range []string{"", "q "} {
			c := r.dial("client")
			c.send("SUB a "+queue+"1", "UNSUB 1 2", pub("a", "1"), pub("a", "2"), pub("a", "3"), "UNSUB 1 5", pub("a", "4"), "PING")
			c.want("two were asked for, and no later maximum revives it", `MSG a 1  "" "1"`, `MSG a 1  "" "2"`, "PONG")
			c.send("SUB a "+queue+"1", "UNSUB 1 1", pub("a", "1"), "SUB b "+queue+"1", pub("a", "2"), pub("b", "3"), "PING")
			c.want("the sid is free after the last message", `MSG a 1  "" "1"`, `MSG b 1  "" "3"`, "PONG")
			c.send("UNSUB 1", "SUB r "+queue+"1", "UNSUB 1 1", pub("r", "x"), request("nobody", "r", ""), "PING")
			c.want("no 503 goes to a subscription that has ended", `MSG r 1  "" "x"`, "PONG")
			c.conn.Close()
		}
	})
}

func TestMaximumAfterDeliveries(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		p := r.on(1, "publisher")
		crowd := r.on(0, "crowd")
		for _, queue := range []string{"", "q "} {
			for _, alone := range []bool{true, false} {
				c := r.on(0, "client")
				if !alone {
					crowd.send("SUB m 1", "SUB m 2", "PING")
					crowd.pong("a crowd, some with the same sid")
				}
				c.send("SUB m "+queue+"1", "PING")
				c.pong("subscribed")
				publish := func(n int) {
					for range n {
						p.send(pub("m", ""))
					}
					p.barrier("published")
				}
				publish(3)
				c.want("no maximum yet", "MSG m*", "MSG m*", "MSG m*")
				c.send("UNSUB 1 5", "PING")
				c.pong("two more are due")
				publish(4)
				c.want("it counts from the subscription's start", "MSG m*", "MSG m*")
				c.barrier("five in all")
				c.send("SUB m "+queue+"1", "PING")
				c.pong("again")
				publish(3)
				c.want("again", "MSG m*", "MSG m*", "MSG m*")
				c.send("UNSUB 1 3", "PING")
				c.pong("three came already: it ends at once")
				publish(1)
				c.barrier("it has ended")
				c.conn.Close()
				if !alone {
					n, want := len(crowd.drain("the crowd gets all")), 2*(3+4+3+1)
					if n != want {
						t.Fatalf("the crowd got %d messages, want %d", n, want)
					}
					crowd.send("UNSUB 1", "UNSUB 2")
					crowd.barrier("the crowd leaves")
				}
			}
		}
	})
}

// Publishers on all loops race; nobody gets one too many or too few.
func TestMaximumIsExactUnderRace(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		const publishers, each = 8, 6
		trials := scale(100, 1000, 10_000)
		var done sync.WaitGroup
		rounds := make([]chan int, publishers)
		for i := range rounds {
			rounds[i] = make(chan int)
			p := r.on(i, fmt.Sprintf("publisher %d", i))
			go func() {
				for trial := range rounds[i] {
					for range each {
						p.send(pub("race."+strconv.Itoa(trial), ""))
					}
					p.barrier("published")
					done.Done()
				}
			}()
		}
		defer func() {
			for _, c := range rounds {
				close(c)
			}
		}()
		subs := []*client{r.on(0, "alone"), r.on(1, "alone too"), r.on(0, "crowd"), r.on(0, "crowd"), r.on(1, "crowd")}
		rest := r.on(2, "takes the rest")
		rest.send("SUB race.* 1", "PING")
		rest.pong("subscribed")
		for trial := range trials {
			max := 1 + trial%(publishers*each)
			subject := "race." + strconv.Itoa(trial)
			for i, s := range subs {
				queue := ""
				if i == 1 {
					queue = "q "
				}
				s.send("SUB "+subject+" "+queue+"7", "UNSUB 7 "+strconv.Itoa(max), "PING")
				s.pong("subscribed")
			}
			done.Add(publishers)
			for _, c := range rounds {
				c <- trial
			}
			done.Wait()
			for _, s := range subs {
				if n := len(s.drain("all that was published is routed")); n != max {
					t.Fatalf("trial %d: %s got %d messages, wanted %d of %d", trial, s.name, n, max, publishers*each)
				}
			}
			if n := len(rest.drain("all routed")); n != publishers*each {
				t.Fatalf("trial %d: who set no maximum got %d of %d", trial, n, publishers*each)
			}
		}
		if h := holdingsOf(r.Broker); h.subs != 1 {
			t.Errorf("%d subscriptions left, want 1: %+v", h.subs, h)
		}
	})
}
