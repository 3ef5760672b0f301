package loop

import (
	"sync/atomic"
	"time"
)

// Lag. Between two looks at its sockets a loop hears nobody: the longest such time is
// what a client may have to wait. It is measured with the looks at the clock that turns
// take anyway, and what a loan takes counts for the loop whose thread does it.

const (
	lagSlots    = 64 // seconds remembered, a minute and some
	lagMinute   = 60
	lagBits     = 36 // of nanoseconds in a slot: a minute
	lagMax      = int64(1)<<lagBits - 1
	lagSeconds  = int64(1)<<(63-lagBits) - 1 // a slot's second is kept modulo four years
	nanoseconds = int64(time.Second)
)

// A Lag is the longest times between two looks of a loop at its sockets. A turn that
// has not ended is not among them: see Stuck.
type Lag struct {
	Second time.Duration // that ended in this second or the one before
	Minute time.Duration // in the last minute
	Ever   time.Duration // since the loop started
}

// lag is where a loop notes them.
type lag struct {
	// Home loop only.
	looked int64 // when it last looked
	second int64 // the one that is being filled
	worst  int64 // its longest

	// Written on the home loop, read by any. A slot is a second and its longest.
	_     [CacheLine]byte
	slots [lagSlots]atomic.Int64
	ever  Count
	_     [CacheLine]byte
}

// note notes that the loop looks at its sockets now.
func (g *lag) note(now int64) {
	took, second := now-g.looked, now/nanoseconds
	g.looked = now
	if second != g.second {
		g.second, g.worst = second, -1
	}
	if took <= g.worst {
		return
	}
	g.worst = took
	g.slots[second%lagSlots].Store(second&lagSeconds<<lagBits | min(took, lagMax))
	if took > g.ever.Load() {
		g.ever.Set(took)
	}
}

// longest is the longest of the given number of seconds up to this one.
func (g *lag) longest(second int64, seconds int64) time.Duration {
	most := int64(0)
	for s := max(second-seconds+1, 0); s <= second; s++ {
		if slot := g.slots[s%lagSlots].Load(); slot>>lagBits == s&lagSeconds {
			most = max(most, slot&lagMax)
		}
	}
	return time.Duration(most)
}

// Lag returns how long the loop was deaf at most. Any goroutine.
func (l *Loop) Lag() Lag {
	second := l.kernel.Now() / nanoseconds
	return Lag{
		Second: l.lag.longest(second, 2),
		Minute: l.lag.longest(second, lagMinute),
		Ever:   time.Duration(l.lag.ever.Load()),
	}
}
