package chaos

import (
	"testing"
	"time"
)

// T01: one publisher, very many subscribers, payloads of all sizes: nothing is
// lost, doubled, out of order or altered.
func TestFanOutToManyLosesNothing(t *testing.T) {
	members, rate, largest := Scale(500, 10_000), Scale(200, 60), Scale(64<<10, 64<<10)
	length := Scale(time.Second, 60*time.Second)
	onOurs(t, func(t *testing.T, s Setting) {
		b := Start(t, s)
		crowd := NewSwarm(t, b.Address())
		crowd.Join(t, members, Subscription{Subject: "fan.out", From: []uint16{1}})
		from := NewPublisher(t, b.Address(), 1)
		plan := Plan{Subject: Always("fan.out"), Size: Between(16, largest), Rate: rate, For: length, Window: 64, Behind: crowd.Behind(from)}
		if err := from.Run(plan); err != nil {
			t.Fatal(err)
		}
		crowd.Settle(t)
		crowd.MustHaveAll(t, "subscribers", from)
		tally := crowd.Tally()
		Report(t, "T01", "fan-out to many, sizes mixed", s.Name(), Figures{
			"subscribers": members, "published": from.Sent(), "delivered": tally.Delivered, "wrong": tally.Wrong(), "ended": tally.Ended,
			"latency_p99_ms": Milliseconds(crowd.TakeTimes(), 99), "resident_mb": b.Usage(t).ResidentMB,
		})
	})
}
