package broker

import (
	"fmt"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
)

// What one subscriber does is not felt by the others.

// In the middle of a fan-out many subscribers end with a reset at once: the
// others lose nothing, and nothing is held for the dead.
func TestResetsUnderFanOutCostOthersNothing(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		const size, readers = 2 << 10, 8 // large enough to be shared by loops
		messages, dying := scale(2000, 4000, 20_000), scale(40, 80, 1000)
		r := start(t, loops)
		living := subscribers(r, readers, "reader", "data.*")
		var doomed []*client
		for i := range dying {
			d := r.dial(fmt.Sprintf("dying %d", i))
			d.send("SUB > 1", "SUB data.0 q 2", "PING")
			d.pong("subscribed")
			doomed = append(doomed, d)
		}
		p := r.on(0, "publisher")
		wait := readAll(t, living, messages)
		fed := make(chan error, 1)
		go func() { fed <- feed(p, messages, size) }()
		if _, err := doomed[0].r.Peek(1); err != nil { // it flows
			t.Fatal(err)
		}
		for _, d := range doomed {
			d.reset()
		}
		if err := <-fed; err != nil {
			t.Fatal(err)
		}
		wait()
		eventually(t, "the dead are gone", func() bool { return r.sessions.Load() == readers+1 })
		for _, c := range append(living, p) {
			c.conn.Close()
		}
		wantNothingHeld(t, r.Broker)
	})
}

// A subscriber is stopped and three quarters of max_pending wait for it: once it has
// taken nothing for a while, the publisher does not wait for it at all. What rate the
// publisher keeps is a figure: it is logged.
func TestPublisherDoesNotWaitForAStoppedSubscriber(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		const size, fills, more = 1 << 10, 6800, 700
		readers := scale(10, 25, 99)
		r := start(t, loops, func(o *config.Options) { o.MaxPending = 8 << 20 })
		p := r.on(0, "publisher")
		all := subscribers(r, readers, "reader", "data.*")
		took := func(messages int) time.Duration {
			wait, from := readAll(t, all, messages), time.Now()
			if err := feed(p, messages, size); err != nil {
				t.Fatal(err)
			}
			d := time.Since(from)
			wait()
			return d
		}
		alone := took(more)
		stopped := r.dial("stopped")
		stopped.conn.SetReadBuffer(4 << 10)
		stopped.send("SUB data.* 1", "PING")
		stopped.pong("subscribed")
		took(fills)
		time.Sleep(2 * time.Duration(stoppedAfter))
		if holdingsOf(r.Broker).backlog < 6<<20 {
			t.Error("three quarters of max_pending do not wait for the stopped one: nothing is tested")
		}
		before := r.count(countStalledFor)
		beside := took(more)
		t.Logf("alone %v, beside %v: %.0f %% of the rate", alone, beside, 100*alone.Seconds()/beside.Seconds())
		if d := time.Duration(r.count(countStalledFor) - before); d > 0 {
			t.Errorf("the publisher waited %v for a subscriber that is stopped", d)
		}
		stopped.conn.Close()
		eventually(t, "the stopped one is gone", func() bool { return r.sessions.Load() == int64(readers)+1 })
	})
}
