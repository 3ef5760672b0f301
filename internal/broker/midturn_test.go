package broker

import (
	"fmt"
	"testing"

	"gnatsd-ev/loop"
)

// What happens elsewhere between the routing of a message and the end of the turn
// that posts it: the loop that was chosen for a queue group may have nobody left
// when the message arrives, and passes it on.

// publishMeanwhile lets a connection's loop handle operations of it and do nothing
// else before meanwhile has returned; only then does the turn end.
func (r *rig) publishMeanwhile(c *client, ops string, meanwhile func()) {
	r.t.Helper()
	routed, resume := make(chan struct{}), make(chan struct{})
	home := r.shards[c.loop].loop
	home.Do(func(l *loop.Loop) {
		l.Each(func(_ *loop.Conn, p loop.Peer) {
			if s := p.(*Session); s.remote == c.local() {
				s.Receive([]byte(ops))
			}
		})
		close(routed)
		<-resume
	})
	<-routed
	defer close(resume) // also if the test fails, or its loops would never end
	meanwhile()
}

// The group is never empty: the new member's SUB is acknowledged before the old one
// leaves. So the message has somebody to go to, whatever pattern he chose.
func TestGroupHandedOverBeforeItsMessageArrives(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"mid.a", "mid.a"}, {"mid.*", "mid.*"}, {"mid.a", "mid.*"}, {"mid.*", "mid.a"}, {"mid.*", "mid.>"},
	} {
		for to := 1; to < 4; to++ { // not the publisher's loop, which waits
			r := start(t, 4)
			p, old, heir := r.on(0, "publisher"), r.on(1, "the old member"), r.on(to, "the new member")
			old.send("SUB "+c.before+" workers 1", "PING")
			old.pong("the first member")
			r.publishMeanwhile(p, pub("mid.a", "x")+"\r\n", func() {
				heir.send("SUB "+c.after+" workers 2", "PING")
				heir.pong("the second member, before the first leaves")
				old.send("UNSUB 1", "PING")
				old.pong("the first member has left")
			})
			p.barrier("the turn has ended")
			old.barrier("who has left gets nothing")
			if got := fmt.Sprint(heir.drain("it has been passed on")); got != `[MSG mid.a 2  "" "x"]` {
				t.Errorf("handed over from %s to %s on loop %d: got %s", c.before, c.after, to, got)
			}
			r.vacate()
		}
	}
}

// A message that comes back to its publisher's loop, since no other has a member
// left, is still the publisher's own: with echo off it does not get it, and is
// told that nobody did.
func TestOwnMessagePassedOnIsNoEcho(t *testing.T) {
	for _, echo := range []bool{false, true} {
		r := start(t, 4)
		connect := quiet
		if !echo {
			connect = `CONNECT {"verbose":false,"echo":false,"headers":true,"no_responders":true}`
		}
		p, other := r.on(0, "publisher", connect), r.on(1, "the other member")
		p.send("SUB inbox 1", "SUB mine workers 2", "PING")
		p.pong("a member itself")
		other.send("SUB mine workers 1", "PING")
		other.pong("the other member")
		const published = 20 // with echo some of them go to the publisher at once
		ops := ""
		for range published {
			ops += request("mine", "inbox", "x") + "\r\n"
		}
		r.publishMeanwhile(p, ops, func() {
			other.send("UNSUB 1", "PING")
			other.pong("the other member has left")
		})
		want := `HMSG inbox 1  "NATS/1.0 503\r\nNats-Subject: mine\r\n\r\n" ""`
		if echo {
			want = `MSG mine 2 inbox "" "x"`
		}
		for range published {
			if got := p.next("each message comes back, or a 503").String(); got != want {
				t.Fatalf("echo %v: got %s, want %s", echo, got, want)
			}
		}
		p.barrier("and nothing else")
		r.vacate()
	}
}
