package server

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"

	"gnatsd-ev/internal/config"
)

const (
	// heapGrowth is by how many percent of what lives the heap may grow before it is
	// collected. Most of a broker's memory lives as long as its clients: a
	// collection finds little, and at Go's 100 it took a quarter of the cost of a SUB.
	heapGrowth = 200

	// secureGrowth is the same where clients encrypt: a handshake leaves several times as much garbage as
	// its connection keeps, and idle ones would hold it until many more have come.
	secureGrowth = 100

	// heldGrowth is the same for what is held for slow readers: bytes without pointers
	// cost a collection nothing, and three times the budget would not be the budget.
	heldGrowth = 25

	// What is held counts from heldFree on, or a quarter of the budget: bursts hold some for
	// moments, and collecting often costs them more than it saves.
	heldFree      = 64 << 20
	heldFreeShare = 4

	// growthStep is by how much the pace changes at least: each change stops the world briefly.
	growthStep = 10

	// heldRoom is what the process may take for the budget, in halves of it: beyond what is held there are
	// garbage and pieces of memory that nothing fits into.
	heldRoom = 3

	// othersGrowth is how many times what lives besides may be there.
	othersGrowth = 1 + heapGrowth/100

	// paceEvery is how often what is held is looked at.
	paceEvery = 100 * time.Millisecond

	// limitShare is the part of the memory there is from which on the collector works as much as it
	// may, in eighths.
	limitShare = 6
)

// A collector sets the pace of Go's collector by what is held for slow readers.
type collector struct {
	held   func() int
	growth int   // by default, in percent
	total  int64 // the budget
	limit  int64 // bytes the process may use, the largest number if nobody says
	free   int64 // held bytes that do not count
	end    chan struct{}
	ended  sync.WaitGroup
	sample []metrics.Sample // what lived at the last collection, and how many there were

	// What is cut becomes garbage, but lived at the last collection: the heap must not grow by a share
	// of it. So what counts is the most that was held since then.
	most      int64
	last      int64  // what was held at the last look
	collected uint64 // collections at the last look
}

// startCollector sets a limit of memory and the pace, unless the environment does, and keeps the pace
// until stop.
func startCollector(held func() int, total, memory int64, growth int) *collector {
	if os.Getenv("GOMEMLIMIT") == "" && memory > 0 {
		debug.SetMemoryLimit(memory / 8 * limitShare)
	}
	c := &collector{held: held, growth: growth, total: total, limit: debug.SetMemoryLimit(-1), free: min(heldFree, total/heldFreeShare), end: make(chan struct{}),
		sample: []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}}
	if set := os.Getenv("GOGC"); set != "" {
		n, err := strconv.Atoi(set)
		if err != nil || n <= heldGrowth { // off, or tighter than we would make it
			return c
		}
		c.growth = n
	}
	debug.SetGCPercent(c.growth)
	c.ended.Go(c.run)
	return c
}

// growthFor is by how many percent the heap may grow as a rule.
func growthFor(clients *config.TLS) int {
	if clients.On() {
		return secureGrowth
	}
	return heapGrowth
}

func (c *collector) stop() {
	close(c.end)
	c.ended.Wait()
}

func (c *collector) run() {
	tick := time.NewTicker(paceEvery)
	defer tick.Stop()
	now, limit := c.growth, c.limit
	for {
		select {
		case <-c.end:
			return
		case <-tick.C:
		}
		metrics.Read(c.sample)
		held, live := c.heldSince(int64(c.held()), c.sample[1].Value.Uint64()), int64(c.sample[0].Value.Uint64())
		if n := c.room(held, live); n-limit > limit/growthStep || limit-n > n/growthStep {
			debug.SetMemoryLimit(n)
			limit = n
		}
		want := c.pace(held, live)
		if want-now >= growthStep || now-want >= growthStep {
			debug.SetGCPercent(want)
			now = want
		}
	}
}

// heldSince notes what is held after so many collections, and returns the most that was since the last of them.
func (c *collector) heldSince(held int64, collections uint64) int64 {
	if collections != c.collected {
		c.collected, c.most = collections, c.last // it was somewhere between the two looks
	}
	c.last, c.most = held, max(c.most, held)
	return c.most
}

// pace is by how many percent the heap may grow when held bytes of live ones wait for readers.
func (c *collector) pace(held, live int64) int {
	held -= c.free
	if held <= 0 || live <= 0 {
		return c.growth
	}
	return c.growth - int(int64(c.growth-heldGrowth)*min(held, live)/live)
}

// room is how much memory there may be in all when held bytes of live ones wait for readers: what is free
// but not given back to the system counts in it as well.
func (c *collector) room(held, live int64) int64 {
	if held <= c.free {
		return c.limit
	}
	return min(c.limit, othersGrowth*(live-min(held, live))+c.total/2*heldRoom+heldFree)
}
