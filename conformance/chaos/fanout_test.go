package chaos

import (
	"fmt"
	"testing"
	"time"

	"math/rand/v2"
)

// T01: one publisher, very many subscribers, payloads of all sizes: nothing is
// lost, doubled, out of order or altered.
func TestFanOutToManyLosesNothing(t *testing.T) {
	members, length := Scale(500, 10_000), Scale(time.Second, 20*time.Second)
	onEach(t, ours, func(t *testing.T, s Setting) {
		s.Options = patient
		b := Start(t, s)
		crowd := NewSwarm(t, b.Address())
		crowd.Join(t, members, Subscription{Subject: "fan.out", From: []uint16{1}})
		from := NewPublisher(t, b.Address(), 1)
		plan := Plan{
			Subject: Always("fan.out"), Size: Rarely(16, Between(StampSize, 64<<10), Between(StampSize, 4<<10)), Rate: 1000, For: length,
			Window: 16, Behind: crowd.Behind(from),
		}
		if err := from.Run(plan); err != nil {
			t.Fatal(err)
		}
		crowd.Settle(t)
		crowd.MustHaveAll(t, "subscribers", from)
		tally := crowd.Tally()
		Report(t, "T01", "fan-out to many, sizes mixed: none lost, late or altered", s.Name(), Figures{
			"subscribers": members, "published": from.Sent(), "delivered": tally.Delivered, "wrong": tally.Wrong(), "ended": tally.Ended,
			"latency_p99_ms": Milliseconds(crowd.TakeTimes(), 99), "resident_mb": b.Usage(t).ResidentMB,
		})
	})
}

// T02: sixteen publishers, whose writes are cut anywhere, to wildcard subscribers on
// all loops: each sees each publisher's messages in order.
func TestOrderOfEachPublisherHolds(t *testing.T) {
	const publishers = 16
	members, each := Scale(100, 500), Scale(uint64(60), uint64(630))
	onEach(t, ours, func(t *testing.T, s Setting) {
		s.Options = patient
		b := Start(t, s)
		from, numbers := newPublishers(t, b, publishers)
		crowd := NewSwarm(t, b.Address())
		for i := range members {
			crowd.Join(t, 1, Subscription{Subject: []string{"order.>", "order.*.*", "*.*.end"}[i%3], From: numbers})
		}
		behind := crowd.Behind(from...)
		run(t, from, func(i int) Plan {
			return Plan{
				Subject: func(r *rand.Rand) string { return fmt.Sprintf("order.%d.end", r.IntN(50)) },
				Size:    Rarely(64, Between(StampSize, 1<<20), Between(StampSize, 4<<10)),
				Count:   each, Pieces: true, Window: 64, Behind: behind,
			}
		})
		crowd.Settle(t)
		crowd.MustHaveAll(t, "wildcard subscribers", from...)
		tally := crowd.Tally()
		Report(t, "T02", "publishers cut anywhere, up to 1 MiB: order of each holds", s.Name(), Figures{
			"publishers": publishers, "subscribers": members, "delivered": tally.Delivered, "late": tally.Late, "wrong": tally.Wrong(),
		})
	})
}
