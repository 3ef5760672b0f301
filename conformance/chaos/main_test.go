package chaos

import (
	"os"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// ours is gnatsd-ev with the loops it chooses, with one and with four.
var ours = []Setting{{}, {Loops: 1}, {Loops: 4}}

// beside is gnatsd-ev and, in the long form, nats-server.
func beside() []Setting {
	if Long() {
		return []Setting{{}, {Real: true}}
	}
	return []Setting{{}}
}

// onEach runs a test on brokers, one after the other.
func onEach(t *testing.T, settings []Setting, test func(t *testing.T, s Setting)) {
	for _, s := range settings {
		t.Run(s.Name(), func(t *testing.T) { test(t, s) })
	}
}

// run has publishers carry out plans, all at once.
func run(t *testing.T, publishers []*Publisher, plan func(i int) Plan) {
	t.Helper()
	var group sync.WaitGroup
	for i, p := range publishers {
		group.Go(func() {
			if err := p.Run(plan(i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// newPublishers connects publishers with the numbers from 1.
func newPublishers(t *testing.T, b *Broker, count int) (publishers []*Publisher, numbers []uint16) {
	t.Helper()
	for i := range count {
		numbers = append(numbers, uint16(i+1))
		publishers = append(publishers, NewPublisher(t, b.Address(), uint16(i+1)))
	}
	return publishers, numbers
}

// await polls until done, or fails the test.
func await(t *testing.T, what string, patience time.Duration, done func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !done() {
		if time.Since(start) > patience {
			t.Errorf("%s has not come in %v", what, patience)
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}
