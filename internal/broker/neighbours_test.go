package broker

import (
	"fmt"
	"testing"
	"time"
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

// One subscriber in a hundred is stopped and its socket takes nothing more: the
// publisher keeps nine tenths of its rate. Rounds alternate and the best of each
// kind are compared; the short form asks for a third, since others use the
// machine as well: a publisher that waits for the stopped one keeps far less.
func TestPublisherKeepsItsRateBesideAStoppedSubscriber(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		const size = 1 << 10
		readers, messages, rounds := scale(25, 99, 99), scale(1000, 1500, 20_000), scale(2, 4, 10)
		r := start(t, loops)
		p := r.on(0, "publisher")
		all := subscribers(r, readers, "reader", "data.*")
		took := func() time.Duration {
			wait, from := readAll(t, all, messages), time.Now()
			if err := feed(p, messages, size); err != nil {
				t.Fatal(err)
			}
			d := time.Since(from)
			wait()
			return d
		}
		took() // memory and windows grow
		alone, beside := time.Hour, time.Hour
		for range rounds {
			alone = min(alone, took())
			stopped := r.dial("stopped")
			stopped.conn.SetReadBuffer(4 << 10)
			stopped.send("SUB data.* 1", "PING")
			stopped.pong("subscribed")
			beside = min(beside, took())
			if holdingsOf(r.Broker).backlog == 0 {
				t.Error("the stopped one's socket took all: nothing was tested")
			}
			stopped.conn.Close()
			eventually(t, "the stopped one is gone", func() bool { return r.sessions.Load() == int64(readers)+1 })
		}
		rate := alone.Seconds() / beside.Seconds()
		t.Logf("alone %v, beside %v: %.0f %% of the rate", alone, beside, 100*rate)
		if want := map[bool]float64{false: 0.33, true: 0.9}[long]; rate < want && !raceEnabled {
			t.Errorf("the publisher keeps %.0f %% of its rate, want %.0f %%", 100*rate, 100*want)
		}
	})
}
