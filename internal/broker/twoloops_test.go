package broker

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What a second loop brings where nothing else wants its processor: a fan-out over sockets in
// memory, which cost next to nothing, without a generator beside it.

const (
	fanSubscribers = 10_000
	fanRounds      = 3
	fanTime        = time.Second
	fanAsks        = 50 // PINGs of a quiet client on each loop
	fanAskEvery    = 10 * time.Millisecond
	twoLoopsMin    = 1.6 // deliveries a second, against one loop
)

// A fan is what came of one fan-out.
type fan struct {
	rate   float64       // deliveries a second
	stall  time.Duration // longest of a loop; see memPoller
	answer time.Duration // slowest PONG to a quiet client
}

func TestTwoLoopsAgainstOne(t *testing.T) {
	if os.Getenv(scaleVariable) == "" {
		t.Skip("a measurement: make scale")
	}
	fans := map[int][]fan{}
	for range fanRounds {
		for _, loops := range []int{1, 2} {
			t.Run(fmt.Sprintf("loops=%d", loops), func(t *testing.T) {
				fans[loops] = append(fans[loops], fanOut(t, loops))
			})
		}
	}
	r := &crowdRig{t: t}
	var medians []float64
	for loops, name := range []string{1: "one loop", 2: "two loops"} {
		all := fans[loops]
		if len(all) == 0 {
			continue // of loops nobody asked for
		}
		slices.SortFunc(all, func(a, b fan) int { return cmp.Compare(a.rate, b.rate) })
		medians = append(medians, all[len(all)/2].rate)
		r.report("fan-out 1 -> 10,000, "+name+": deliveries a second, median", all[len(all)/2].rate, "1/s")
		var stall, answer time.Duration
		for _, f := range all {
			stall, answer = max(stall, f.stall), max(answer, f.answer)
		}
		r.reportTime("fan-out 1 -> 10,000, "+name+": longest stall of a loop", stall)
		r.reportTime("fan-out 1 -> 10,000, "+name+": slowest PONG to a quiet client", answer)
	}
	if len(medians) == 2 {
		ratio := medians[1] / medians[0]
		r.report("fan-out 1 -> 10,000: two loops to one", ratio, "")
		if runtime.NumCPU() >= 2 && ratio < twoLoopsMin {
			t.Errorf("two loops deliver %.2f times what one does, less than %v", ratio, twoLoopsMin)
		}
	}
	r.print()
}

// fanOut publishes at full speed for a time. All deliveries are counted, and come to the same bytes
// at each subscriber.
func fanOut(t *testing.T, loops int) fan {
	r := startCrowd(t, loops, fanSubscribers, newScript("all", "", strings.Repeat("w", 128)), nil)
	r.k.dial(fanSubscribers)
	r.reach("a subscriber is answered", func(p *memPoller) *atomic.Int64 { return &p.answers }, fanSubscribers+len(r.k.actors))
	// The broker's first PINGs are over before bytes are counted; the next come in two minutes.
	r.reach("a subscriber has had its first PING", func(p *memPoller) *atomic.Int64 { return &p.pinged }, fanSubscribers+len(r.k.actors))
	onLoops(r.Broker, nothing)
	r.k.weighs.Store(true)

	weight := func(p *memPoller) *atomic.Int64 { return &p.weight }
	r.pub.repeat(pub("all", r.k.script.payload) + "\r\n")
	time.Sleep(fanTime / 4) // what is made once is made
	begin, before := time.Now(), r.k.sum(weight)
	time.Sleep(fanTime)
	f := fan{rate: float64(r.k.sum(weight)-before) / time.Since(begin).Seconds() / float64(len(r.k.script.frame))}

	// A client that asks without end would have each loop answer instead of gathering.
	r.longest()
	for range fanAsks {
		time.Sleep(fanAskEvery)
		for _, a := range r.askers {
			if a.answered() {
				a.ping()
			}
		}
	}
	each := r.pub.finish() * int64(len(r.k.script.frame))
	r.reach("a byte is delivered", weight, int(each)*fanSubscribers)
	f.stall, f.answer = r.longest()
	for i := len(r.k.actors); i < r.k.count; i++ {
		if got := r.k.at(i).got; got != uint32(each) {
			t.Fatalf("subscriber %d has had %d bytes of %d", i, got, uint32(each))
		}
	}
	return f
}
