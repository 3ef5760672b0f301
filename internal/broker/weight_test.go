package broker

import (
	"strings"
	"testing"
)

// What is on its way to a loop is bounded by the work it is: a loop says what its last
// messages were, many deliveries or few.
func TestMessagesWeighWhatTheyAreWork(t *testing.T) {
	r := start(t, 2)
	const wide = 300
	subscribers(r, 2*wide, "subscriber", "wide") // on both loops in turn
	r.on(1, "subscriber to narrow").send("SUB narrow 1")
	p := r.on(0, "publisher")
	weight := func() int64 { return r.shards[1].entryWeight.Load() }
	p.send(strings.TrimSuffix(strings.Repeat(pub("wide", "x")+"\r\n", 200), "\r\n"))
	eventually(t, "messages to many weigh what they are work", func() bool { return weight() >= wide*workWeight/2 })
	eventually(t, "messages to one weigh little again", func() bool {
		p.send(pub("narrow", "x"))
		return weight() < 2*operationWork*workWeight
	})
	p.barrier("the publisher goes on")
}
