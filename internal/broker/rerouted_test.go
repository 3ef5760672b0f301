package broker

import (
	"testing"
	"time"

	"gnatsd-ev/loop"
)

// A request that a loop passes on because its members have gone must still be
// answered when the next loop has none either.
func TestRequestPassedOnInVainIsAnswered(t *testing.T) {
	r := start(t, 4)
	p := r.on(0, "requester")
	p.send("SUB inbox 7", "PING")
	p.pong("the reply subscription is in force")

	// A group whose counts say that loop 2 has a member, as they do until its
	// next commit.
	ghost := r.newQueueGroup("workers")
	ghost.clients[2].Store(1)
	home := r.shards[0]
	var from origin
	onLoops(r.Broker, func(l *loop.Loop) {
		if l.ID() != 0 {
			return
		}
		l.Each(func(c *loop.Conn, peer loop.Peer) {
			if peer.(*Session).remote == p.local() {
				from = origin{name: c.Handle(), loop: uint8(home.id), real: true}
			}
		})
	})
	r.shards[1].loop.Do(func(*loop.Loop) {
		m := &message{account: r.global, subject: []byte("job"), reply: []byte("inbox"), origin: from}
		if !r.shards[1].receiveForGroups([]*queueGroup{ghost}, m, 0, true, false) {
			t.Error("loop 1 did not pass the request on to loop 2")
		}
	})
	f, err := p.read()
	if err != nil {
		t.Fatalf("no 503 came back: %v", err)
	}
	if f.verb != "HMSG" || f.sid != "7" || string(f.header) != "NATS/1.0 503\r\nNats-Subject: job\r\n\r\n" {
		t.Errorf("got %s, want a 503 for job at sid 7", f)
	}
}

// A loop that was tried in vain may have got a member by the time the message finds
// nobody elsewhere: the message must come back to it.
func TestPassedOnMessageComesBackToANewMember(t *testing.T) {
	r := start(t, 4)
	next := r.on(2, "the member that came while the message was under way")
	next.send("SUB job workers 1", "PING")
	next.pong("subscribed")

	gone := r.newQueueGroup("workers") // as the message names it: nobody is left anywhere
	r.shards[1].loop.Do(func(*loop.Loop) {
		m := &message{account: r.global, subject: []byte("job"), payload: []byte("x")}
		if tried := loopSet(1 << 2); !r.shards[1].receiveForGroups([]*queueGroup{gone}, m, tried, false, false) {
			t.Error("loop 1 dropped a message that loop 2 has a member for")
		}
	})
	next.want("somebody lives", `MSG job 1  "" "x"`)
}

// Loops whose members refuse must not pass a message around for ever: the index says
// for as long as a turn that they have some.
func TestRefusedMessageIsNotPassedAroundForEver(t *testing.T) {
	r := start(t, 3)
	ghosts := r.newQueueGroup("workers")
	onLoops(r.Broker, func(l *loop.Loop) { // every loop counts a member it does not have
		ghosts.clients[l.ID()].Store(1)
	})
	r.global.index.Set("job", newInterest(0, []*queueGroup{ghosts}))
	p := r.on(0, "publisher")
	p.send(pub("job", "x"), "PING")
	p.pong("routed")

	// Each time a loop chooses another for it, its random numbers go on.
	seeds := func() (all [3]uint64) {
		onLoops(r.Broker, func(l *loop.Loop) { all[l.ID()] = r.shards[l.ID()].seed })
		return all
	}
	eventually(t, "the message is not passed on any more", func() bool {
		before := seeds()
		time.Sleep(50 * time.Millisecond)
		return seeds() == before
	})
}

// Between matching a message and choosing a member its members may have moved on: the
// publisher's loop must look again before it says that there are none.
func TestGroupThatMovedWhileAMessageWasMatched(t *testing.T) {
	r := start(t, 3)
	next := r.on(2, "the member that came meanwhile")
	next.send("SUB job.* workers 1", "PING")
	next.pong("subscribed")

	onLoops(r.Broker, func(l *loop.Loop) {
		if l.ID() != 1 {
			return
		}
		sh := r.shards[1]
		m := &message{account: r.global, subject: []byte("job.a"), payload: []byte("x")}
		left := []contest{{name: "workers", shared: []*queueGroup{r.newQueueGroup("workers")}}}
		here, targets := sh.decide(left, m, 0)
		if here || targets != 1<<2 {
			t.Errorf("delivered %v, posted to loops %b, want loop 2", here, targets)
			return
		}
		sh.post(m, targets, left, false)
	})
	if t.Failed() {
		return
	}
	next.want("somebody lives", `MSG job.a 1  "" "x"`)
}
