package broker

import (
	"fmt"
	"strings"
	"testing"

	"gnatsd-ev/loop"
)

func TestNoRespondersFromEveryLoop(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		for at := range loops {
			for other := range loops {
				p, w := r.on(at, "requester"), r.on(other, "responder")
				p.send("SUB inbox.* 5", "PING")
				p.pong("ready for answers")
				for _, interest := range []string{"job 1", "job.* 1", "job q 1", "job.> q 1"} {
					subject := "job"
					if strings.Contains(interest, ".") {
						subject = "job.now"
					}
					none := `HMSG inbox.1 5  "NATS/1.0 503\r\nNats-Subject: ` + subject + `\r\n\r\n" ""`
					ask := func() { p.send(request(subject, "inbox.1", "do")) }
					ask()
					p.want("nobody listens", none)
					w.send("SUB "+interest, "PING")
					w.pong("listening")
					ask()
					p.barrier("somebody has it")
					w.want("the request", "MSG "+subject+` 1 inbox.1 "" "do"`)
					w.send("UNSUB 1", "PING")
					w.pong("listens no more")
					ask()
					p.want("nobody listens again, for "+interest, none)
				}
				p.conn.Close()
				w.conn.Close()
			}
		}
	})
}

// To find a session's subscription to a reply subject that many share is work, and
// the session's own: it must end its visit like any other.
func TestLookingForTheReplySubscriptionIsWork(t *testing.T) {
	const many = 20_000
	r := start(t, 1)
	asks, crowd := r.dial("asks"), r.dial("many subscriptions to the reply subject")
	var a, b strings.Builder
	for i := range many {
		fmt.Fprintf(&a, "SUB other.%d %d\r\n", i, i)
		fmt.Fprintf(&b, "SUB inbox %d\r\n", i)
	}
	asks.write([]byte(a.String()))
	asks.barrier("subscribed")
	crowd.write([]byte(b.String()))
	crowd.barrier("subscribed")
	onLoops(r.Broker, func(l *loop.Loop) {
		if l.Exhausted() {
			t.Error("a PING exhausted its visit: nothing is tested")
		}
		l.Each(func(_ *loop.Conn, p loop.Peer) {
			if s := p.(*Session); s.remote == asks.local() && s.subscriptionTo([]byte("inbox")) != nil {
				t.Error("the subscription of another session was found")
			}
		})
		if !l.Exhausted() {
			t.Errorf("having looked at %d subscriptions the visit goes on", many)
		}
	})
}

// Whose subscriptions are few is looked through: the session's or the subject's.
func TestReplySubscriptionAmongMany(t *testing.T) {
	r := start(t, 1)
	asks, other := r.dial("asks"), r.dial("listens to replies as well")
	for _, subject := range []string{"inbox", "in.*"} {
		other.send("SUB "+subject+" 1", "SUB "+subject+" q 2", "PING")
		other.pong("subscribed")
	}
	for i := range 20 {
		asks.send(fmt.Sprintf("SUB other.%d %d", i, i))
	}
	asks.send("SUB inbox q 100", "SUB inbox 101", "SUB in.* 102", "UNSUB 102 5", "PING")
	asks.pong("subscribed")
	asks.send(request("nobody", "inbox", ""), request("nobody", "in.box", ""), request("nobody", "other", ""), "PING")
	asks.want("its own plain subscription, in a set or not",
		`HMSG inbox 101  *`, `HMSG in.box 102  *`, "PONG")
}

// Subscribers that have closed and are not torn down yet are nobody.
func TestClosedSubscribersAreNoResponders(t *testing.T) {
	r := start(t, 1)
	for range 2 { // of one set
		c := r.dial("responder")
		c.send("SUB job 1", "PING")
		c.pong("subscribed")
	}
	onLoops(r.Broker, func(l *loop.Loop) {
		m := &message{account: r.global, subject: []byte("job"), reply: []byte("inbox")}
		if delivered, _ := r.shards[0].fanOut(m, true); !delivered {
			t.Error("two responders got nothing")
		}
		open := 2
		l.Each(func(c *loop.Conn, _ loop.Peer) {
			l.Kill(c)
			open--
			if delivered, _ := r.shards[0].fanOut(m, true); delivered != (open > 0) {
				t.Errorf("with %d responders left, delivered is %v", open, delivered)
			}
		})
	})
}
