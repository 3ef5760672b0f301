package chaos

import (
	"testing"
	"time"

	"gnatsd-ev/internal/transcript"
)

// T47: SIGUSR2 in the middle of traffic: subscribers are closed one after another, each has all up
// to its end, and the exit code is 0.
func TestALameDuckLosesNothingBeforeItCloses(t *testing.T) {
	const duration, grace = 30 * time.Second, time.Second // nats-server's shortest
	members := Scale(5, 2000)
	for _, s := range beside() {
		s.Options = transcript.Options{"lame_duck_duration": duration.String(), "lame_duck_grace_period": grace.String()}
		t.Run(s.Name(), func(t *testing.T) {
			b := Start(t, s)
			crowd := NewSwarm(t, b.Address())
			crowd.Join(t, members, Subscription{Subject: "end", From: []uint16{1}})
			from := NewPublisher(t, b.Address(), 1)
			down := make(chan struct{})
			go func() { // ends with the publisher's connection
				defer close(down)
				for from.Publish("end", 200) == nil && from.Flush() == nil {
					time.Sleep(10 * time.Millisecond)
				}
			}()
			await(t, "traffic", Patience, func() bool { return crowd.Tally().Delivered > uint64(2*members) })
			start := time.Now()
			var first, half time.Duration
			watched := make(chan struct{})
			go func() { // ends with the last connection, or the test
				defer close(watched)
				for deadline := start.Add(3 * duration); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
					ended := crowd.Tally().Ended
					if ended > 0 && first == 0 {
						first = time.Since(start)
					}
					if ended >= members/2 && half == 0 {
						half = time.Since(start)
					}
					if ended == members {
						return
					}
				}
			}()
			if err := b.Retire(3 * duration); err != nil {
				t.Error(err)
			}
			took := time.Since(start)
			<-down
			<-watched
			tally := crowd.Tally()
			must(t, s, tally.Wrong() == 0 && tally.Ended == members, "%v; %d of %d were closed", tally, tally.Ended, members)
			must(t, s, first >= grace/2, "the first was closed after %v, within the grace period of %v", first, grace)
			judge(t, s, took <= duration+grace, "it took %v, of %v", took, duration)
			Report(t, "T47", "SIGUSR2 in the middle of traffic: closed one after another, nothing lost before, exit 0", s.Name(), Figures{
				"subscribers": members, "delivered": tally.Delivered, "lost": tally.Wrong(), "first_closed_ms": first.Milliseconds(),
				"half_closed_ms": half.Milliseconds(), "exit_after_ms": took.Milliseconds(),
			})
		})
	}
}
