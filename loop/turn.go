package loop

import "time"

// The turn: wait -> events -> mailbox -> run queue -> end of turn.

const (
	// eventsMax is how many events one wait takes.
	eventsMax = 256

	// A turn that has visited connections for this long lets its answers go
	// before it visits more.
	turnTimeMax = int64(time.Millisecond)

	// Connections with much to say wait for the flush once gatherMax bytes are
	// encoded and unflushed, if that is gatherEach bytes for each connection to
	// be written to, or else at gatherHard: what one write takes is large, and
	// what waits is bounded. A publisher to a thousand subscribers on a thousand
	// subjects would otherwise cause a write a message.
	gatherMax  = 256 << 10
	gatherEach = 4 << 10
	gatherHard = 4 << 20

	// Up to gatherEach bytes for each of thinMin connections or more, visits go on
	// before anything is written, for gatherTimeMax at most.
	thinMin       = 64
	gatherTimeMax = int64(2 * time.Millisecond)

	acceptRetry = int64(100 * time.Millisecond)
)

// run is the loop. It returns when the group stops and nothing is left to write.
func (l *Loop) run() {
	for !l.turn() {
	}
	l.deliver(l.mail.close()) // a socket on its way here must still be closed
	l.bellRung()
	l.shut()
}

// turn is one pass. It reports whether the loop has ended.
func (l *Loop) turn() (ended bool) {
	n := l.wait()
	if l.now >= l.wheelDue {
		l.fireTimers()
	}
	l.fireDelays()
	l.walk(l.events[:n])
	l.lookAgain()
	l.acceptSome()
	l.runSome()
	l.endTurn()
	if l.afterTurn != nil {
		l.afterTurn()
		l.afterTurn = nil
	}
	l.closeDoomed()
	l.turns++
	l.show()
	return l.stopped()
}

// wait blocks until there is something to do.
func (l *Loop) wait() int {
	if l.busy() {
		return l.look()
	}
	n := l.waited(l.sleep())
	l.lag.looked = l.now
	return n
}

// look takes the events that have come.
func (l *Loop) look() int {
	n := l.waited(l.poller.Wait(l.events[:], 0))
	l.lag.note(l.now)
	return n
}

// waited notes that time has passed.
func (l *Loop) waited(n int, err error) int {
	l.now = l.kernel.Now()
	if err != nil {
		l.host.PollFailed(err)
		return 0
	}
	return n
}

// sleep waits for events or mail.
func (l *Loop) sleep() (n int, err error) {
	timeout, now := l.sleepTime(), l.kernel.Now()
	l.lag.note(now)
	if !l.fallAsleep() {
		return l.poller.Wait(l.events[:], 0)
	}
	if l.vigil.worthIt(now, timeout) { // what another thread may run meanwhile is not looked at
		if n, err = l.lookAround(); n > 0 || err != nil || l.state.Load() == awake {
			l.wakeUp()
			return n, err
		}
	}
	n, err = l.poller.Wait(l.events[:], timeout)
	l.wakeUp()
	l.vigil.woke(l.kernel.Now() - l.vigil.since)
	return n, err
}

// busy reports whether work is left that needs no event.
func (l *Loop) busy() bool {
	return len(l.runQueue) > 0 || len(l.dirtyList) > l.flushed || len(l.closing) > 0 ||
		len(l.doomed) > 0 || l.acceptPending || l.wantTurn || l.afterTurn != nil || l.stopping && l.open == 0
}

// walk visits the connections that events name.
func (l *Loop) walk(events []Event) {
	start := l.now
	for _, ev := range events {
		l.take(ev)
		if now := l.kernel.Now(); now-start > turnTimeMax {
			l.now = now
			l.endTurn()
			start = l.kernel.Now() // what is written takes its time, and is no reason to write again
		}
	}
}

// take handles one event.
func (l *Loop) take(ev Event) {
	if int(ev.FD) >= len(l.conns) || l.conns[ev.FD] == nil {
		l.wakeListener(ev.FD)
		return
	}
	c := l.conns[ev.FD]
	if ev.What&Writable != 0 && c.blocked {
		c.blocked = false
		if c.pending > 0 && !c.dirty {
			l.markDirty(c)
		}
	}
	if ev.What&Readable != 0 {
		c.readable = true
		c.hangup = c.hangup || ev.What&Hangup != 0
		if !c.queued || c.state != stateOpen {
			l.visit(c)
		}
	}
}

// runSome visits connections that had more to say than one visit allows, as long as
// what they cause can be flushed in bounded pieces. While that is spread
// thin over many connections it goes on: a write costs ten times what the message does.
// Who becomes ready meanwhile is served between two passes, and whoever asked
// something ends the gathering with the answer.
func (l *Loop) runSome() {
	start := l.now
	for !l.mustFlush() {
		l.runPass(start)
		if len(l.runQueue) == 0 || !l.thin() || l.now-start > gatherTimeMax {
			return
		}
		l.walk(l.events[:l.look()])
		if len(l.expressList) > 0 || l.answered {
			return
		}
	}
}

// mustFlush reports whether the run queue has to wait. One connection of it is visited in
// each round of flushing even if enough has gathered: those that visits by event answer
// may keep the loop writing for ever.
func (l *Loop) mustFlush() bool { return l.heard && l.gathered() }

// runPass visits everybody in the run queue once, for a while.
func (l *Loop) runPass(start int64) {
	for n := len(l.runQueue) - l.runHead; n > 0 && !l.mustFlush(); n-- {
		c := l.runQueue[l.runHead]
		l.runQueue[l.runHead] = nil
		l.runHead++
		c.queued, l.heard = false, true
		l.visit(c)
		if l.kernel.Now()-start > turnTimeMax {
			break
		}
	}
	rest := copy(l.runQueue, l.runQueue[l.runHead:])
	clear(l.runQueue[rest:])
	l.runQueue, l.runHead = l.runQueue[:rest], 0
}

// thin reports whether many connections are owed little each.
func (l *Loop) thin() bool {
	n := len(l.dirtyList) - l.flushed
	return n >= thinMin && l.owed < gatherEach*n
}

// gathered reports whether what waits to be written is enough.
func (l *Loop) gathered() bool {
	if l.unflushed <= gatherMax {
		return false
	}
	return l.unflushed > gatherHard || l.owed > gatherEach*(len(l.dirtyList)-l.flushed)
}

// endTurn is the only way out: the dead are reaped, index changes committed, parcels
// posted, bells rung, and only then do bytes leave. So who reads an answer
// knows that what it answers is in force for everybody.
func (l *Loop) endTurn() {
	l.prepareFlush()
	l.ringBells()
	l.finishFlush()
}

// prepareFlush makes the turn's effects known, so that bytes may leave.
func (l *Loop) prepareFlush() {
	l.wantTurn = false
	l.reap()
	if l.host.Commit() {
		l.wantTurn = true
	}
	l.host.Post()
}

// finishFlush writes, and keeps the memory of output within its bounds.
func (l *Loop) finishFlush() {
	if l.group.halted.Load() {
		l.group.halt()
	}
	left := l.flush()
	l.releaseForeign()
	if !left {
		l.rewind()
	}
	if l.compactDue() {
		l.compact()
	}
	l.balance()
	l.giveWay()
}

// lookAgain drains the mailbox: after every read and before its bytes are handled, so
// that nothing routed before a SUB is delivered after it.
func (l *Loop) lookAgain() {
	if l.mail.empty() {
		return
	}
	visiting, max := l.visiting, l.spentMax
	l.visiting = nil
	l.deliver(l.mail.take())
	l.visiting, l.spentMax = visiting, max
}

// deliver delivers a list of letters.
func (l *Loop) deliver(m *Letter) {
	for m != nil {
		next := m.next
		m.next = nil
		l.letters++
		m.mail.Deliver(l)
		m = next
	}
}

// ringBells sees to it that loops that got mail in this turn take it: this thread
// runs a sleeping one that got little, and wakes one that got much.
func (l *Loop) ringBells() {
	for i, work := range l.posted {
		if work == 0 {
			continue
		}
		l.posted[i] = 0
		if t := l.group.loops[i]; work > lendMax || !t.runFor(l) {
			t.wake()
		}
	}
}
