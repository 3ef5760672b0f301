package broker

import (
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
	twoLoopsMin    = 1.6 // deliveries a second, against one loop
)

func TestTwoLoopsAgainstOne(t *testing.T) {
	if os.Getenv(scaleVariable) == "" {
		t.Skip("a measurement: make scale")
	}
	rates := map[int][]float64{}
	for range fanRounds {
		for _, loops := range []int{1, 2} {
			t.Run(fmt.Sprintf("loops=%d", loops), func(t *testing.T) { rates[loops] = append(rates[loops], fanOut(t, loops, fanSubscribers, fanTime)) })
		}
	}
	r := &crowdRig{t: t}
	for _, loops := range []int{1, 2} {
		slices.Sort(rates[loops])
	}
	one, two := rates[1][fanRounds/2], rates[2][fanRounds/2]
	r.report("fan-out 1 -> 10,000: one loop, median", one/1e6, "M deliveries/s")
	r.report("fan-out 1 -> 10,000: two loops, median", two/1e6, "M deliveries/s")
	r.report("fan-out 1 -> 10,000: two loops to one", two/one, "")
	r.print()
	if runtime.NumCPU() >= 2 && two < twoLoopsMin*one {
		t.Errorf("two loops deliver %.2f times what one does, less than %v", two/one, twoLoopsMin)
	}
}

// fanOut publishes at full speed for a time and returns deliveries a second. All of them are
// counted, and come to the same bytes at each subscriber.
func fanOut(t *testing.T, loops, subscribers int, d time.Duration) float64 {
	r := startCrowd(t, loops, subscribers, newScript("all", "", strings.Repeat("w", 128)), nil)
	r.k.dial(subscribers)
	r.reach("a subscriber is answered", func(p *memPoller) *atomic.Int64 { return &p.answeredAll }, subscribers+len(r.k.actors))
	// The broker's first PINGs are over before bytes are counted; the next come in two minutes.
	r.reach("a subscriber has had its first PING", func(p *memPoller) *atomic.Int64 { return &p.pinged }, subscribers+len(r.k.actors))
	onLoops(r.Broker, nothing)
	r.k.weighs.Store(true)

	weight := func(p *memPoller) *atomic.Int64 { return &p.weight }
	r.pub.repeat(pub("all", r.k.script.payload) + "\r\n")
	time.Sleep(d / 4) // what is made once is made
	begin, before := time.Now(), r.k.sum(weight)
	time.Sleep(d)
	rate := float64(r.k.sum(weight)-before) / time.Since(begin).Seconds() / float64(len(r.k.script.frame))

	each := r.pub.finish() * int64(len(r.k.script.frame))
	r.reach("a byte is delivered", weight, int(each)*subscribers)
	for i := len(r.k.actors); i < r.k.count; i++ {
		if got := r.k.at(i).got; got != uint32(each) {
			t.Fatalf("subscriber %d has had %d bytes of %d", i, got, uint32(each))
		}
	}
	return rate
}
