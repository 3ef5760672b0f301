package broker

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Traffic beside what a test looks at, so that loops are in the middle of
// something when its operations arrive.

// floodBatch is how many messages a flooder sends before it waits for its PONG:
// more than the share of one visit, so that its connection is taken in pieces.
const floodBatch = 1000

// flood keeps every loop busy until stop is called: a publisher on every other loop,
// whose messages go to subscribers on its own loop and on the next, and who
// comes and goes as a subscriber of many subjects, so that the index changes too.
func (r *rig) flood() (stop func()) {
	r.t.Helper()
	var ended atomic.Bool
	var publishers, readers sync.WaitGroup
	var conns []*client
	for at := 0; at < r.loops; at += 2 {
		for _, c := range []*client{r.on(at, "flooded"), r.on(at+1, "flooded from elsewhere")} {
			c.send(fmt.Sprintf("SUB flood.%d.* 1", at), "PING")
			c.pong("the flood has somewhere to go")
			readers.Go(func() { io.Copy(io.Discard, c.r) })
			conns = append(conns, c)
		}
		p := r.on(at, "flooder")
		conns = append(conns, p)
		publishers.Go(func() {
			for round := 0; !ended.Load(); round++ {
				if err := p.pour(at, round); err != nil {
					r.t.Errorf("flooder on loop %d: %v", at, err)
					return
				}
			}
		})
	}
	stop = func() {
		ended.Store(true)
		publishers.Wait()
		for _, c := range conns {
			c.conn.Close()
		}
		readers.Wait()
	}
	r.t.Cleanup(stop) // a test that fails does not come to its own call
	return stop
}

// pour sends one batch of a flood and waits until the broker has taken it.
func (c *client) pour(at, round int) error {
	var b []byte
	for i := range floodBatch {
		b = fmt.Appendf(b, "PUB flood.%d.%d 32\r\n................................\r\n", at, i%100)
		switch i % 50 {
		case 10:
			b = fmt.Appendf(b, "SUB ebb.%d.%d %d\r\n", at, i, i)
		case 40:
			b = fmt.Appendf(b, "UNSUB %d\r\n", i-30)
		}
	}
	if err := c.exchange(b); err != nil {
		return fmt.Errorf("round %d: %w", round, err)
	}
	return nil
}

// exchange sends operations and waits for the PONG behind them. Unlike what fails a
// test itself it may be called from any goroutine.
func (c *client) exchange(ops []byte) error {
	c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(append(ops, "PING\r\n"...)); err != nil {
		return err
	}
	f, err := c.read()
	if err == nil && f.verb != "PONG" {
		err = fmt.Errorf("got %s, want PONG", f)
	}
	return err
}

// quietAndBusy runs a test on a broker that has nothing else to do and on one whose
// loops all are flooded, with one loop and with four. After it the broker must
// hold nothing for the connections it had.
func quietAndBusy(t *testing.T, f func(r *rig, busy bool)) {
	eachLoops(t, func(t *testing.T, loops int) {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("busy=%v", busy), func(t *testing.T) {
				r := start(t, loops)
				stop := func() {}
				if busy {
					stop = r.flood()
				}
				f(r, busy)
				stop()
				r.vacate()
			})
		}
	})
}

// vacate ends every connection and looks that nothing is left of them.
func (r *rig) vacate() {
	r.t.Helper()
	killAll(r.Broker)
	wantNothingHeld(r.t, r.Broker)
}
