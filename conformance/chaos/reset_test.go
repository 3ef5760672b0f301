package chaos

import (
	"testing"
	"time"
)

// T25: thousands of subscribers reset their connections at once in the middle of a fan-out:
// the others lose nothing, and descriptors are free at once.
func TestThousandsOfResetsHarmNobody(t *testing.T) {
	leavers, members := Scale(500, 5000), Scale(50, 500)
	onEach(t, beside(), func(t *testing.T, s Setting) {
		s.Options = map[string]string{"max_connections": "65536"}
		b := Start(t, s)
		crowd, from := NewSwarm(t, b.Address()), NewPublisher(t, b.Address(), 1)
		crowd.Join(t, members, Subscription{Subject: "reset", From: []uint16{1}})
		rest := b.Usage(t).Descriptors
		gone := NewSwarm(t, b.Address())
		gone.Join(t, leavers, Subscription{Subject: "reset", From: []uint16{1}})
		end := publishing(t, from, Plan{Subject: Always("reset"), Size: Bytes(100), Rate: 100})
		await(t, "the fan-out", Patience, func() bool { return gone.Tally().Delivered > uint64(leavers) })
		start := time.Now()
		gone.Leave(0, leavers, true)
		left := time.Since(start)
		await(t, "the end of their descriptors", Patience, func() bool { return b.Usage(t).Descriptors <= rest })
		free := time.Since(start)
		end()
		crowd.Settle(t)
		crowd.MustHaveAll(t, "who stayed", from)
		judge(t, s, free < left+time.Second, "descriptors were free %v after the first reset, %v after the last", free, free-left)
		Report(t, "T25", "thousands of resets in a fan-out: others lose nothing, descriptors are free at once", s.Name(), Figures{
			"resets": leavers, "others": members, "resetting_took_ms": left.Milliseconds(), "free_after_ms": free.Milliseconds(),
			"lost_by_others": crowd.Missing(1, from.Sent()) + crowd.Tally().Wrong(),
		})
	})
}
