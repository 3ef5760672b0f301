package chaos

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// traffic keeps a broker busy until the test ends, and fails it if anything of it
// goes wrong.
func traffic(t *testing.T, b *Broker) {
	t.Helper()
	crowd := NewSwarm(t, b.Address())
	crowd.Join(t, 20, Subscription{Subject: "traffic", From: []uint16{1000}})
	from, stop := NewPublisher(t, b.Address(), 1000), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		plan := Plan{Subject: Always("traffic"), Size: Between(StampSize, 4<<10), Rate: 500, Stop: stop}
		if err := from.Run(plan); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		close(stop)
		group.Wait()
		crowd.Settle(t)
		crowd.MustHaveAll(t, "the traffic beside", from)
	})
}

// T05: who has read a PONG behind SUB misses nothing that is published after, on
// whatever loop; who has read a PONG behind UNSUB gets nothing more.
func TestPongIsABarrierBetweenLoops(t *testing.T) {
	const pairs = 8
	each := Scale(150, 100_000/pairs)
	onEach(t, ours, func(t *testing.T, s Setting) {
		s.Options = patient
		b := Start(t, s)
		traffic(t, b)
		var missed, further, doubled atomic.Int64
		var group sync.WaitGroup
		for pair := range pairs {
			a, z := MustDial(t, b.Address()), MustDial(t, b.Address())
			group.Go(func() {
				for i := range each {
					subject := fmt.Sprintf("barrier.%d.%d", pair, i%7)
					got, later, err := barrier(a, z, subject, i+1)
					if err != nil {
						t.Error(err)
						return
					}
					switch {
					case got == 0:
						missed.Add(1)
					case got > 1:
						doubled.Add(1)
					}
					further.Add(int64(later))
				}
			})
		}
		group.Wait()
		if missed.Load()+further.Load()+doubled.Load() > 0 {
			t.Errorf("of %d: %d missed, %d doubled, %d behind the UNSUB", pairs*each, missed.Load(), doubled.Load(), further.Load())
		}
		Report(t, "T05", "PONG behind SUB and UNSUB is a barrier between loops", s.Name(), Figures{
			"trials": pairs * each, "missed": missed.Load(), "doubled": doubled.Load(), "behind_unsub": further.Load(),
		})
	})
}

// barrier subscribes a, has z publish, unsubscribes a, has z publish, and returns
// what a got of either.
func barrier(a, z *Client, subject string, sid int) (got, further int, err error) {
	const unsubscribed = 3
	steps := []struct {
		c    *Client
		text string
	}{
		{a, fmt.Sprintf("SUB %s %d\r\n", subject, sid)},
		{z, "PUB " + subject + " 2\r\nhi\r\n"},
		{a, ""},
		{a, fmt.Sprintf("UNSUB %d\r\n", sid)},
		{z, "PUB " + subject + " 2\r\nno\r\n"},
		{a, ""},
	}
	for i, step := range steps {
		if err := step.c.Send(step.text); err != nil {
			return 0, 0, err
		}
		messages, err := step.c.Ping()
		if err != nil {
			return 0, 0, err
		}
		if i < unsubscribed { // by the PONG behind the publisher's, not by a later one
			got += len(messages)
		} else {
			further += len(messages)
		}
	}
	return got, further, nil
}

// T06: a subscription that ends by itself after n messages gets exactly n, however
// many publishers on other loops publish at once.
func TestAutoUnsubscribeDeliversExactly(t *testing.T) {
	const publishers = 8
	trials := Scale(200, 10_000)
	onEach(t, ours, func(t *testing.T, s Setting) {
		s.Options = patient
		b := Start(t, s)
		traffic(t, b)
		var from []*Client
		for range publishers {
			from = append(from, MustDial(t, b.Address()))
		}
		to, wrong := MustDial(t, b.Address()), 0
		for i := range trials {
			subject, most := fmt.Sprintf("auto.%d", i), 1+i%37
			if got := auto(t, to, from, subject, i+1, most); got != most {
				wrong++
				t.Errorf("%s got %d messages instead of %d", subject, got, most)
			}
			if t.Failed() {
				break
			}
		}
		Report(t, "T06", "auto-unsubscribe delivers exactly its number", s.Name(), Figures{
			"trials": trials, "publishers": publishers, "wrong": wrong,
		})
	})
}

// auto subscribes for most messages, has everybody publish at once, and returns how many came.
func auto(t *testing.T, to *Client, from []*Client, subject string, sid, most int) int {
	t.Helper()
	if err := to.Send(fmt.Sprintf("SUB %s %d\r\nUNSUB %d %d\r\n", subject, sid, sid, most)); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Ping(); err != nil {
		t.Fatal(err)
	}
	each := most/len(from) + 2
	text := strings.Repeat("PUB "+subject+" 1\r\nx\r\n", each)
	var group sync.WaitGroup
	for _, c := range from {
		group.Go(func() {
			if err := c.Send(text); err != nil {
				t.Error(err)
			}
			if _, err := c.Ping(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	messages, err := to.Ping()
	if err != nil {
		t.Fatal(err)
	}
	return len(messages)
}
