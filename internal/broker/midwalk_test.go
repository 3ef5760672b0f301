//go:build invariants

package broker

import (
	"fmt"
	"sync/atomic"
	"testing"

	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/loop"
)

// A group that is handed from one pattern to another while a publisher's loop looks for its members is found: it had
// a member all the time.
func TestAGroupHandedOverInTheMidstOfALookIsFound(t *testing.T) {
	var meanwhile atomic.Pointer[func()]
	invariant.Interleave = func() {
		if f := meanwhile.Swap(nil); f != nil {
			(*f)()
		}
	}
	t.Cleanup(func() { invariant.Interleave = nil }) // behind the broker's end
	r := start(t, 2)
	old, heir := r.on(1, "old member"), r.on(1, "heir")
	for round := range 20 {
		subj := fmt.Sprintf("handed.%d", round)
		from, to := subj, "*."+fmt.Sprint(round)
		if round%2 == 1 {
			from, to = to, from
		}
		old.send(fmt.Sprintf("SUB %s q %d", from, round))
		old.barrier("a member")
		handOver := func() {
			heir.send(fmt.Sprintf("SUB %s q %d", to, round))
			heir.barrier("another member")
			old.send(fmt.Sprintf("UNSUB %d", round))
			old.barrier("none")
		}
		done := make(chan int)
		r.group.Loops()[0].Do(func(l *loop.Loop) {
			sh := r.shards[0]
			m := &message{account: r.global, subject: []byte(subj)}
			meanwhile.Store(&handOver)
			l.Enter()
			sh.match(m, true)
			l.Leave()
			meanwhile.Store(nil)
			members := 0
			for _, c := range sh.contests() {
				for _, g := range c.shared {
					members += int(g.clients[1].Load())
				}
			}
			done <- members
		})
		if n := <-done; n != 1 {
			t.Errorf("round %d: %d members of the group were found", round, n)
		}
		heir.send(fmt.Sprintf("UNSUB %d", round))
		heir.barrier("left")
	}
}
