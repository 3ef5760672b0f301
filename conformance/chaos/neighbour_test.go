package chaos

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"gnatsd-ev/internal/transcript"
)

// rate is how many messages a second a publisher gets rid of while d passes.
func rate(from *Publisher, d time.Duration) float64 {
	start, sent := time.Now(), from.Sent()
	time.Sleep(d)
	return float64(from.Sent()-sent) / time.Since(start).Seconds()
}

// T14: a subscriber that reads too slowly on each loop: the publisher at full speed
// keeps its speed, others lose nothing and a quiet client is answered soon.
func TestSlowSubscriberOnEachLoopHoldsNobodyUp(t *testing.T) {
	const members = 10
	length := Scale(400*time.Millisecond, 6*time.Second)
	onEach(t, append(beside(), Setting{Loops: 4}), func(t *testing.T, s Setting) {
		s.Options = patient
		lagging := max(2, s.Loops)
		b := Start(t, s)
		others := NewSwarm(t, b.Address())
		others.Join(t, members, Subscription{Subject: "flood", From: []uint16{1}})
		// Whoever lags is one more to deliver to. What that costs is known from as many who do not.
		healthy := func() (leave func()) {
			more := NewSwarm(t, b.Address())
			more.Join(t, lagging, Subscription{Subject: "flood", From: []uint16{1}, Joins: true})
			return more.Close
		}
		from := NewPublisher(t, b.Address(), 1)
		end := publishing(t, from, Plan{Subject: Always("flood"), Size: Bytes(1 << 10), Window: 1024, Behind: others.Behind(from)})
		leave := healthy()
		rate(from, length/4) // warms up
		probe := StartProbe(t, b.Address())
		before := rate(from, length)
		quiet := probe.End(t)
		leave()
		behind := startLaggards(t, b, lagging, Subscription{Subject: "flood", From: []uint16{1}})
		probe = StartProbe(t, b.Address())
		beside := rate(from, length)
		busy := probe.End(t)
		slow := behind.end(t)
		leave = healthy()
		after := rate(from, length)
		leave()
		end()
		others.Settle(t)
		others.MustHaveAll(t, "the others", from)
		share, lag := beside/((before+after)/2), Milliseconds(busy, 99)
		if !s.Real {
			Judge(t, share >= 0.9, "the publisher has %.2f of its speed", share)
			if s.Loops <= runtime.NumCPU() { // more of them wait for a processor in turns
				Judge(t, lag < 5, "p99 of a quiet PING is %.2f ms", lag)
			}
		}
		Report(t, "T14", "one slow subscriber a loop beside a publisher at full speed", s.Name(), Figures{
			"slow": slow, "slow_cut": slowConsumers(b), "per_second_before": int(before), "per_second_beside": int(beside), "per_second_after": int(after),
			"share": share, "ping_p99_before_ms": Milliseconds(quiet, 99), "ping_p99_beside_ms": lag,
			"lost_by_others": others.Missing(1, from.Sent()), "peak_mb": b.Usage(t).PeakMB,
		})
	})
}

// T15: publishers flood subscribers of which none keeps up: memory stays bounded and
// quiet clients are answered.
func TestFloodLeavesMemoryBoundedAndQuietClientsAnswered(t *testing.T) {
	const publishers, lagging, pendingMax = 2, 10, 16 << 20
	length := Scale(time.Second, 12*time.Second)
	onEach(t, append(beside(), Setting{Loops: 4}), func(t *testing.T, s Setting) {
		s.Options = transcript.Options{"max_pending": strconv.Itoa(pendingMax)}
		b := Start(t, s)
		base := b.Usage(t).ResidentMB
		from, numbers := newPublishers(t, b, publishers)
		behind := startLaggards(t, b, lagging, Subscription{Subject: "flood", From: numbers})
		probe := StartProbe(t, b.Address())
		run(t, from, func(int) Plan { return Plan{Subject: Always("flood"), Size: Between(StampSize, 16<<10), For: length} })
		times := probe.End(t)
		sent := from[0].Sent() + from[1].Sent()
		had := behind.swarm.Tally().Delivered
		slow := behind.end(t)
		// Each subscriber may be owed max_pending, each loop may hold 32 MB that
		// are wanted in part; as much again is garbage that is not collected yet.
		peak, bound := b.Usage(t).PeakMB, base+2*float64(lagging*pendingMax>>20+4*32)
		if !s.Real {
			if peak > bound {
				t.Errorf("resident with %.0f MB, more than %.0f", peak, bound)
			}
			Judge(t, Milliseconds(times, 99) < 100, "p99 of a quiet PING is %.2f ms", Milliseconds(times, 99))
		}
		Report(t, "T15", "flood beyond what subscribers drain: memory bounded, PING answered", s.Name(), Figures{
			"published": sent, "drained_share": float64(had) / float64(sent*lagging), "slow": slow, "slow_cut": slowConsumers(b), "peak_mb": peak, "bound_mb": bound,
			"ping_p50_ms": Milliseconds(times, 50), "ping_p99_ms": Milliseconds(times, 99), "ping_max_ms": Milliseconds(times, 100),
		})
	})
}

// T16: a pair that sends 1 MiB messages on the loop of a thousand clients with small
// ones: those are not held up.
func TestLargeMessagesDoNotHoldUpSmallOnes(t *testing.T) {
	members, length := Scale(200, 1000), Scale(700*time.Millisecond, 12*time.Second)
	settings := []Setting{{Loops: 1}}
	if Long() {
		settings = append(settings, Setting{Real: true})
	}
	onEach(t, settings, func(t *testing.T, s Setting) {
		s.Options = patient
		b := Start(t, s)
		small, large := NewSwarm(t, b.Address()), NewSwarm(t, b.Address())
		small.Join(t, members, Subscription{Subject: "small", From: []uint16{1}})
		large.Join(t, 1, Subscription{Subject: "large", From: []uint16{2}})
		from, largeFrom := NewPublisher(t, b.Address(), 1), NewPublisher(t, b.Address(), 2)
		end := publishing(t, from, Plan{Subject: Always("small"), Size: Bytes(128), Rate: 20})
		before := secondly(small, length)
		endLarge := publishing(t, largeFrom, Plan{Subject: Always("large"), Size: Bytes(1 << 20), Rate: 50})
		beside := secondly(small, length)
		endLarge()
		end()
		small.Settle(t)
		large.Settle(t)
		small.MustHaveAll(t, "small ones", from)
		large.MustHaveAll(t, "the large one", largeFrom)
		ratio := beside.p99 / before.p99
		if !s.Real {
			Judge(t, ratio < 3, "p99 of small messages is %.2f times what it was", ratio)
		}
		Report(t, "T16", "1 MiB messages on the loop of clients with small ones", s.Name(), Figures{
			"small_clients": members, "large_messages": largeFrom.Sent(), "ratio_p99": ratio, "p50_before_ms": before.p50, "p99_before_ms": before.p99,
			"p50_beside_ms": beside.p50, "p99_beside_ms": beside.p99,
		})
	})
}
