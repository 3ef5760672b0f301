package chaos

import (
	"math"
	"testing"
	"time"
)

// T07: fifty members of a queue group, ten of which are killed meanwhile: each message
// goes to one member, all have their share, and none is lost but those on their way to the dead.
func TestQueueGroupSurvivesDeaths(t *testing.T) {
	const living, doomed = 40, 10
	total := Scale(uint64(20_000), uint64(300_000))
	onEach(t, ours, func(t *testing.T, s Setting) {
		s.Options = patient
		b := Start(t, s)
		group, ledger := NewSwarm(t, b.Address()), &Ledger{}
		sub := Subscription{Subject: "queue", Queue: "workers", From: []uint16{1}, Ledger: ledger}
		group.Join(t, living, sub)
		dying := StartCrowd(t, b.Address(), doomed, sub)
		from := NewPublisher(t, b.Address(), 1)

		publish := func(count uint64) {
			t.Helper()
			if err := from.Run(Plan{Subject: Always("queue"), Size: Between(StampSize, 1<<10), Rate: 50_000, Count: count}); err != nil {
				t.Fatal(err)
			}
			group.Settle(t)
		}
		publish(total)
		before := dying.Settle(t)
		elsewhere := ledger.Missing(0, total)
		if elsewhere != before.Tally.Delivered || before.Tally.Wrong() > 0 {
			t.Errorf("%d did not come to the living, and the others had %v", elsewhere, before.Tally)
		}
		deviation := largestDeviation(group.Got(), float64(total)/(living+doomed), living+doomed)
		if deviation > 5 {
			t.Errorf("shares differ from the mean by up to %.1f standard deviations", deviation)
		}

		killed, half := make(chan struct{}), total+total/20
		go func() { // ends when the publisher has come so far
			defer close(killed)
			for from.Sent() < half {
				time.Sleep(time.Millisecond)
			}
			dying.Kill()
		}()
		publish(total / 10)
		<-killed
		// A batch that is whole was published when the broker knew of the deaths.
		lost, whole := ledger.Missing(total, from.Sent()), false
		for range 100 {
			start := from.Sent()
			publish(1000)
			missing := ledger.Missing(start, from.Sent())
			lost += missing
			if whole = missing == 0; whole {
				break
			}
		}
		if !whole {
			t.Error("messages still go to the dead")
		}
		start := from.Sent()
		publish(total / 2)
		if missing := ledger.Missing(start, from.Sent()); missing > 0 {
			t.Errorf("%d were lost when the dead were gone", missing)
		}
		if tally := group.Tally(); ledger.Doubled() > 0 || tally.Wrong() > 0 || tally.Ended > 0 {
			t.Errorf("%d doubled; %v", ledger.Doubled(), tally)
		}
		Report(t, "T07", "queue group of 50, 10 killed: each message to one member", s.Name(), Figures{
			"published": from.Sent(), "doubled": ledger.Doubled(), "lost_with_the_dead": lost, "largest_deviation_sigma": deviation,
		})
	})
}

// largestDeviation is how far a share is from the mean at most, in standard
// deviations of a fair choice among members.
func largestDeviation(shares []uint64, mean float64, members int) float64 {
	sigma, most := math.Sqrt(mean*(1-1/float64(members))), 0.0
	for _, n := range shares {
		most = max(most, math.Abs(float64(n)-mean)/sigma)
	}
	return most
}
