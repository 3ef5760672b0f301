package broker

import (
	"strconv"
	"strings"
	"testing"
)

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
