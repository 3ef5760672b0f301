package loop

import (
	"sync/atomic"

	"gnatsd-ev/internal/invariant"
)

// Lending. To wake a sleeping loop for one message costs a doorbell, a switch
// of threads and often an interrupt to another processor: many times what the
// message costs. So a loop that has little mail for a sleeping one runs that
// loop's turn itself, on its own thread. Whoever holds the loop's state owns
// all that is the loop's; its thread, when it wakes meanwhile, waits until it is
// given back. Where much has been posted, or much is to be written, the owner
// is woken instead, and both work side by side.

// tenancy says whose thread may touch what belongs to a loop.
type tenancy struct {
	atomic.Int32
	ringing atomic.Int32 // threads that may be about to ring the bell
}

const (
	awake  int32 = iota // its own, or nobody's until its thread wakes: the bell was rung
	asleep              // nobody's: its thread waits for events, or is about to
	lent                // another loop's, for a few microseconds
)

const (
	// lendMax is how many letters' worth of work is done for a sleeping loop.
	lendMax = 16

	// lentFlushMax is how many connections are written to for it.
	lentFlushMax = 8
)

// fallAsleep gives the loop up before its thread waits. It reports false, and
// keeps it, if mail has come in between.
func (l *Loop) fallAsleep() bool {
	l.state.Store(asleep)
	invariant.Between()
	return l.mail.empty() || !l.state.CompareAndSwap(asleep, awake)
}

// wakeUp takes the loop back after its thread has waited.
func (l *Loop) wakeUp() {
	for spins := 0; ; spins++ {
		switch l.state.Load() {
		case awake:
			return
		case asleep:
			if l.state.CompareAndSwap(asleep, awake) {
				return
			}
		case lent:
			invariant.Between()
			if spins > lentSpins {
				pauseThread()
			}
		}
	}
}

// lentSpins is how often a thread looks whether its loop is given back before it
// sleeps in between: some tens of microseconds, what a loan takes even if the
// reader it has just written to takes its processor for a moment.
const lentSpins = 40_000

// wake rings the loop's doorbell if it sleeps. It looks into its mailbox
// between saying that it sleeps and waiting, and so does a borrower when it
// gives the loop back: no letter is left behind.
func (l *Loop) wake() {
	if l.state.Load() != asleep {
		return
	}
	l.state.ringing.Add(1)
	invariant.Between()
	if l.state.CompareAndSwap(asleep, awake) {
		l.poller.Ring()
	}
	l.state.ringing.Add(-1)
}

// bellRung waits until nobody is about to ring the loop's bell. It may have woken by itself
// and ended meanwhile, and the number of the bell's descriptor must not be
// somebody else's when they do. From now on it is awake for ever.
func (l *Loop) bellRung() {
	for l.state.ringing.Load() > 0 {
		invariant.Between()
		pauseThread()
	}
}

// runFor does a sleeping loop's turn on the thread of another, if it sleeps.
func (l *Loop) runFor(by *Loop) bool {
	if l.state.Load() != asleep || !l.state.CompareAndSwap(asleep, lent) {
		return false
	}
	own := l.goroutine
	l.goroutine, l.borrowed = by.goroutine, true
	l.now = l.kernel.Now()
	invariant.Reached("loan", l)
	l.lookAgain()
	l.prepareFlush()
	for i := range l.posted { // its mail to others wakes them: no chain of loans
		if l.posted[i] > 0 {
			l.posted[i] = 0
			l.group.loops[i].wake()
		}
	}
	if len(l.dirtyList)-l.flushed+len(l.expressList) <= lentFlushMax {
		l.finishFlush()
	}
	restless := l.busy() || l.nextDue() < l.awaited
	if invariant.Enabled {
		invariant.Check(l.state.Load() == lent, "a lent loop changed hands")
	}
	l.goroutine, l.borrowed = own, false
	l.loans++
	l.show()
	l.state.Store(asleep)
	invariant.Between()
	if restless || !l.mail.empty() {
		l.wake()
	}
	return true
}
