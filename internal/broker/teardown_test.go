package broker

import (
	"fmt"
	"strings"
	"testing"

	"gnatsd-ev/loop"
)

// However many sessions close at once, a turn takes back a slice of what they had.
func TestTurnTakesBackASliceOfAllThatClosed(t *testing.T) {
	const sessions, each = 20, 1500
	r := start(t, 1)
	for i := range sessions {
		c := r.dial("closes with the others")
		var b strings.Builder
		for sid := range each {
			fmt.Fprintf(&b, "SUB of.%d.%d %d\r\n", i, sid, sid)
		}
		c.write([]byte(b.String()))
		c.barrier("subscribed")
	}
	onLoops(r.Broker, func(l *loop.Loop) { // one turn, whatever else it has to do
		before, after := 0, 0
		l.Each(func(c *loop.Conn, p loop.Peer) {
			before += p.(*Session).subs.count()
			l.Kill(c)
		})
		l.Each(func(_ *loop.Conn, p loop.Peer) { p.(*Session).Teardown() })
		l.Each(func(_ *loop.Conn, p loop.Peer) { after += p.(*Session).subs.count() })
		if n := before - after; n != teardownSlice || before != sessions*each {
			t.Errorf("a turn took back %d of %d subscriptions, want %d", n, before, teardownSlice)
		}
	})
	wantNothingHeld(t, r.Broker)
}
