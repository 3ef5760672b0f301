package broker

import (
	"time"

	"gnatsd-ev/loop"
)

// Counts. A shard counts in plain integers, which only its loop touches, and shows them
// when it posts, once a turn.

// A counter names what is counted.
type counter int

// What a shard counts. All but subscriptions only grow.
const (
	countInMsgs        counter = iota // messages its sessions published
	countInBytes                      // their headers and payloads
	countOutMsgs                      // messages handed to subscribers
	countOutBytes                     // their headers and payloads
	countSubscriptions                // that exist
	countSlowPending                  // sessions cut at max_pending, or for the total of all
	countSlowDeadline                 // sessions cut at the write deadline
	countUnfinished                   // sessions ended for their unfinished input
	countStale                        // sessions cut for unanswered PINGs
	countStalls                       // times a publisher was held up for a slow subscriber
	countStalledFor                   // nanoseconds they were, together
	countParcels                      // taken from other loops
	countParcelMsgs                   // messages in them
	counters
)

// shown is what a shard has counted where others read it, on cache lines of its own.
type shown struct {
	_      [loop.CacheLine]byte
	counts [counters]loop.Count
	_      [loop.CacheLine]byte
}

// show copies what the shard has counted.
func (sh *shard) show() {
	for i := range sh.counts {
		sh.shown.counts[i].Set(sh.counts[i])
	}
}

// Stats are what a broker has done and holds.
type Stats struct {
	Sessions int64  // admitted and not closed
	Panics   uint64 // sessions that were closed because handling them panicked
	Opened   uint64 // connections greeted so far, the refused as well
	Loops    []LoopStats
}

// A LoopStats is what one loop has done, and what it held at the end of its last turn.
type LoopStats struct {
	loop.Tally
	Lag           loop.Lag
	InMsgs        int64 // messages its sessions published
	InBytes       int64 // their headers and payloads
	OutMsgs       int64 // messages handed to its subscribers
	OutBytes      int64 // their headers and payloads
	Subscriptions int64
	SlowPending   int64         // sessions cut at max_pending
	SlowDeadline  int64         // sessions cut at the write deadline
	Unfinished    int64         // sessions ended for their unfinished input
	Stale         int64         // sessions cut for unanswered PINGs
	Stalls        int64         // times a publisher was held up for a slow subscriber
	StalledFor    int64         // nanoseconds they were, together
	Parcels       int64         // taken from other loops
	ParcelMsgs    int64         // messages in them
	Stuck         int64         // times it did not turn for a second
	StuckFor      time.Duration // and for how long by now, 0 while it turns
}

// Stats reads what the loops have shown; it disturbs none of them. Any goroutine.
func (b *Broker) Stats() Stats {
	s := Stats{Sessions: b.sessions.Load(), Panics: b.Panics(), Opened: b.clientIDs.Load(), Loops: make([]LoopStats, len(b.shards))}
	for i, sh := range b.shards {
		s.Loops[i] = sh.stats()
	}
	return s
}

func (sh *shard) stats() LoopStats {
	of := func(c counter) int64 { return sh.shown.counts[c].Load() }
	stuck, since := sh.loop.Stuck()
	return LoopStats{
		Tally: sh.loop.Tally(), Lag: sh.loop.Lag(),
		InMsgs: of(countInMsgs), InBytes: of(countInBytes), OutMsgs: of(countOutMsgs), OutBytes: of(countOutBytes),
		Subscriptions: of(countSubscriptions),
		SlowPending:   of(countSlowPending), SlowDeadline: of(countSlowDeadline), Stale: of(countStale),
		Unfinished: of(countUnfinished),
		Stalls:     of(countStalls), StalledFor: of(countStalledFor),
		Parcels: of(countParcels), ParcelMsgs: of(countParcelMsgs),
		Stuck: stuck, StuckFor: since,
	}
}
