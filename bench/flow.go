package bench

import (
	"sync/atomic"

	"gnatsd-ev/loop"
)

// Flow control. A publisher at full speed would bury the slowest subscriber,
// and the broker would cut it. So messages are counted in epochs: an epoch is
// over when every subscriber has had its share of it, and publishers may be
// epochsAhead epochs ahead of the last one that is over. A subscriber touches
// shared memory once an epoch, not once a message.

// epochsAhead is how many epochs make a window.
const epochsAhead = 8

// epochSlots is a power of two above epochsAhead: no two epochs in progress
// share a slot.
const epochSlots = 2 * epochsAhead

// A flow is the messages between some publishers and some subscribers, in the
// order of publishing.
type flow struct {
	subscribers int
	share       uint64 // messages each subscriber gets in one epoch
	messages    uint64 // messages published in one epoch

	over    atomic.Uint64 // epochs every subscriber has finished
	missing [epochSlots]atomic.Int32

	// The publishers' loop sleeps when the window is closed.
	waiting atomic.Bool
	posted  atomic.Bool // the letter is in a mailbox
	letter  loop.Letter
	home    *loop.Loop // the publishers'
}

// newFlow makes a flow whose window is window messages for each subscriber at
// least. perRound is how many messages are published for one to reach
// each subscriber: 1 when all get the same, their number when they take turns.
func newFlow(home *loop.Loop, subscribers, perRound, window int) *flow {
	share := uint64(max(1, window/epochsAhead))
	f := &flow{subscribers: subscribers, share: share, messages: share * uint64(perRound), home: home}
	for i := range f.missing {
		f.missing[i].Store(int32(subscribers))
	}
	f.letter.Address(f)
	return f
}

// limit is how many messages may have been published by now. Publishers' loop.
func (f *flow) limit() uint64 { return (f.over.Load() + epochsAhead) * f.messages }

// sleep says that the publishers wait for limit to grow past n. It reports
// whether it has grown in the meantime. Publishers' loop.
func (f *flow) sleep(n uint64) (grown bool) {
	f.waiting.Store(true)
	return f.limit() >= n
}

// finish says that one subscriber has finished an epoch. Any loop.
func (f *flow) finish(epoch uint64) {
	slot := &f.missing[epoch%epochSlots]
	if slot.Add(-1) > 0 {
		return
	}
	slot.Store(int32(f.subscribers))
	f.over.Add(1)
	if f.waiting.Swap(false) && f.posted.CompareAndSwap(false, true) {
		f.home.Post(&f.letter)
	}
}

// Deliver only makes the publishers' loop turn: its Commit looks at the limit.
func (f *flow) Deliver(*loop.Loop) { f.posted.Store(false) }

// A meter counts what one subscriber of a flow has had. Its loop only.
type meter struct {
	flow  *flow
	count uint64
	epoch uint64 // epochs finished
}

// add counts k more messages.
func (m *meter) add(k uint64) {
	m.count += k
	if m.flow == nil {
		return
	}
	for m.count >= (m.epoch+1)*m.flow.share {
		m.flow.finish(m.epoch)
		m.epoch++
	}
}
