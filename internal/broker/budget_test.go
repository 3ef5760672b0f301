package broker

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
)

// The memory budget, with many readers that stand still on several loops.

const (
	budgetTotal = 16 << 20

	// turnSlack is what one loop may make in a turn beyond what it has told: bytes gathered before
	// they must be flushed, and the share of a visit.
	turnSlack = 8 << 20
)

func TestTheSumNeverPassesTheBudgetAndInnocentsLoseNothing(t *testing.T) {
	for _, loops := range []int{1, 2, 4} {
		for _, small := range []bool{true, false} {
			t.Run("loops="+strconv.Itoa(loops)+" shared="+strconv.FormatBool(!small), func(t *testing.T) {
				size := 1900
				if !small {
					size = 5000 // stored once for all loops
				}
				standBeside(t, loops, 32, size)
			})
		}
	}
}

// standBeside floods clients of which half stand still: messages to all, and to each of those a
// stream of its own.
func standBeside(t *testing.T, loops, clients, size int) {
	r := startCrowd(t, loops, clients, newScript("all", "own.", strings.Repeat("w", size)), func(o *config.Options) {
		o.MaxPendingTotal, o.WriteDeadline = budgetTotal, time.Hour
	})
	r.k.dial(clients)
	r.reach("a client is answered", func(p *memPoller) *atomic.Int64 { return &p.answers }, clients+len(r.k.actors))
	r.reach("a client has had its first PING", func(p *memPoller) *atomic.Int64 { return &p.pinged }, clients+len(r.k.actors))
	onLoops(r.Broker, nothing)
	r.k.stands.Store(true)
	r.k.weighs.Store(size >= sharedMin) // frames come in pieces
	round := pub("all", r.k.script.payload) + "\r\n"
	standing := 0
	for i := len(r.k.actors); i < r.k.count; i++ {
		if r.k.standing(i) {
			standing++
			round += pub("own."+strconv.Itoa(i), r.k.script.payload) + "\r\n"
		}
	}
	r.pub.repeat(round)
	most, want := 0, int64(standing*3/4)
	for deadline := time.Now().Add(4 * patience); r.slowConsumers() < want; {
		most = max(most, r.Held())
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d that stand still were cut; %d bytes are held", r.slowConsumers(), standing, r.Held())
		}
	}
	times := int(r.pub.finish())
	if most > budgetTotal+loops*turnSlack || most < budgetTotal/2 {
		t.Errorf("%d bytes were held, and the budget is %d", most, budgetTotal)
	}
	n := times * (clients - standing)
	if size < sharedMin {
		r.reach("a message to all is delivered", func(p *memPoller) *atomic.Int64 { return &p.delivered }, n)
	} else {
		r.reach("a byte to all is delivered", func(p *memPoller) *atomic.Int64 { return &p.weight }, n*len(r.k.script.frame))
	}
	onLoops(r.Broker, nothing) // so that all have shown what they have counted
	if cut, gone := r.slowConsumers(), r.k.sum(func(p *memPoller) *atomic.Int64 { return &p.closed }); gone > cut {
		t.Errorf("%d connections were closed, and only %d were slow", gone, cut)
	}
	killAll(r.Broker)
	wantNothingHeld(t, r.Broker)
}
