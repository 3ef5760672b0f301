package broker

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Across loops: what one client was told is in force for all, whatever their
// loops are and whatever else these have to do.

// flood keeps every loop busy with messages to every other until stop is called.
func flood(r *rig) (stop func()) {
	var stopping atomic.Bool
	var makers, takers sync.WaitGroup
	var noise []*client
	for i := range r.loops {
		s := r.on(i, "noise taker")
		s.send("SUB noise.> 1", "PING")
		s.pong("subscribed")
		s.conn.SetDeadline(time.Time{})
		takers.Go(func() { io.Copy(io.Discard, s.conn) })
		p := r.on(i, "noise maker")
		p.conn.SetDeadline(time.Time{}) // for as long as it takes
		burst := []byte(strings.Repeat(pub("noise."+strconv.Itoa(i), strings.Repeat("n", 100))+"\r\n", 50) + "PING\r\n")
		makers.Go(func() {
			for !stopping.Load() {
				_, err := p.conn.Write(burst)
				if err == nil {
					_, err = p.read()
				}
				if err != nil {
					r.t.Errorf("the noise stopped: %v", err)
					return
				}
			}
		})
		noise = append(noise, s, p)
	}
	return func() {
		stopping.Store(true)
		makers.Wait()
		for _, c := range noise {
			c.conn.Close()
		}
		takers.Wait()
	}
}

// meetings runs f for clients on every pair of loops in turn, once without other
// traffic and once beside a flood. The trial's number makes names unique.
func meetings(t *testing.T, trials int, f func(trial int, s, p *client)) {
	eachLoops(t, func(t *testing.T, loops int) {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("busy=%v", busy), func(t *testing.T) {
				r := start(t, loops)
				var subs, pubs []*client
				for i := range loops {
					subs = append(subs, r.on(i, fmt.Sprintf("subscriber on loop %d", i)))
					pubs = append(pubs, r.on(i, fmt.Sprintf("publisher on loop %d", i)))
				}
				if busy {
					defer flood(r)()
				}
				for trial := range trials {
					f(trial, subs[trial%loops], pubs[trial/loops%loops])
				}
			})
		}
	})
}

// interestIn is what a trial subscribes to and what it publishes: a literal, a pattern, or
// a queue group on either.
func interestIn(trial int) (pattern, queue, subject string) {
	subject = "trial." + strconv.Itoa(trial) + ".x"
	pattern = subject
	if trial%3 == 1 {
		pattern = "trial." + strconv.Itoa(trial) + ".*"
	}
	if trial%4 == 3 {
		queue = "q "
	}
	return pattern, queue, subject
}

func TestConfirmedSubscriptionMissesNothing(t *testing.T) {
	meetings(t, scale(100, 600, 100_000), func(trial int, s, p *client) {
		pattern, queue, subject := interestIn(trial)
		s.send("SUB "+pattern+" "+queue+"9", "PING")
		s.pong("subscribed")
		p.send(pub(subject, "word"), "PING")
		p.pong("routed")
		if got := s.drain("what was routed before comes before"); len(got) != 1 || got[0].subject != subject {
			t.Fatalf("trial %d: %s subscribed, %s published: got %v", trial, s.name, p.name, got)
		}
		s.send("UNSUB 9")
	})
}

func TestSubscriptionHearsNothingFromBefore(t *testing.T) {
	meetings(t, scale(100, 600, 100_000), func(trial int, s, p *client) {
		pattern, queue, subject := interestIn(trial)
		p.send(pub(subject, "word"), "PING")
		p.pong("routed")
		s.send("SUB "+pattern+" "+queue+"9", "PING")
		s.pong("it was published before the SUB was sent")
		s.send("UNSUB 9", "PING")
		s.pong("and nothing came late")
	})
}

// A subscriber leaves in the middle of a stream.
func TestNothingAfterConfirmedUnsubscription(t *testing.T) {
	meetings(t, scale(50, 300, 30_000), func(trial int, s, p *client) {
		pattern, queue, subject := interestIn(trial)
		s.send("SUB "+pattern+" "+queue+"9", "PING")
		s.pong("subscribed")
		p.write([]byte(strings.Repeat(pub(subject, "word")+"\r\n", 20)))
		s.send("UNSUB 9", "PING")
		for f := s.next("the PONG of the UNSUB"); f.verb != "PONG"; f = s.next("the PONG of the UNSUB") {
			if f.subject != subject {
				t.Fatalf("trial %d: got %s", trial, f)
			}
		}
		p.send(pub(subject, "late"), "PING")
		p.pong("routed")
		s.barrier("the subscription has ended")
	})
}

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
