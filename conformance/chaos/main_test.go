package chaos

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"gnatsd-ev/internal/transcript"
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

// patient brokers do not cut readers because the test's own process got no processor for
// a while: machines that run tests are busy.
var patient = transcript.Options{"write_deadline": "60s"}

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

// times are quantiles of latencies, in milliseconds.
type times struct{ p50, p99 float64 }

// secondly returns the medians of what the quantiles were second by second while d passes:
// one second in which the machine did something else does not count.
func secondly(s *Swarm, d time.Duration) times {
	s.TakeTimes()
	var p50, p99 []float64
	for end := time.Now().Add(d); len(p50) == 0 || time.Now().Before(end); {
		time.Sleep(time.Second)
		h := s.TakeTimes()
		p50, p99 = append(p50, Milliseconds(h, 50)), append(p99, Milliseconds(h, 99))
	}
	slices.Sort(p50)
	slices.Sort(p99)
	return times{p50[len(p50)/2], p99[len(p99)/2]}
}
