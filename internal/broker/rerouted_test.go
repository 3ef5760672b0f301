package broker

import (
	"testing"

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
		if !r.shards[1].receiveForGroups([]*queueGroup{ghost}, m, 0, true) {
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
