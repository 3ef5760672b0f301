package bench

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gnatsd-ev/loop"
)

// The open model: messages are due at times that do not depend on how the
// broker does. A loop sends in each of its turns what has become due; a
// metronome makes it turn when it sleeps.

const (
	// beatMin is the time between two beats at least: what is due in between goes together.
	beatMin = 100 * time.Microsecond

	// napMax is how long a metronome sleeps before it looks whether it is to end.
	napMax = 20 * time.Millisecond
)

// A pace is when messages are due. One goroutine at a time.
type pace struct {
	rate  int // a second
	start int64
	count int64 // messages that were due and are done with
}

// begin makes the first message due at start.
func (p *pace) begin(start int64) { p.start, p.count = start, 0 }

// due is when the next message is due.
func (p *pace) due() int64 {
	rate := int64(p.rate)
	return p.start + p.count/rate*int64(time.Second) + p.count%rate*int64(time.Second)/rate
}

// done goes on to the next message.
func (p *pace) done() { p.count++ }

// overdue is how many messages were due by now and are not done with.
func (p pace) overdue(now int64) int64 {
	count := p.count
	p.skip(now)
	return max(0, p.count-count)
}

// skip goes on to the first message that is due after now.
func (p *pace) skip(now int64) {
	// Seconds apart, so that long runs at high rates do not overflow.
	passed := now - p.start
	p.count = passed/int64(time.Second)*int64(p.rate) + passed%int64(time.Second)*int64(p.rate)/int64(time.Second)
	for p.due() <= now {
		p.count++
	}
}

// A metronome makes a loop turn when a message is due, or several are. The system's timers of a thread
// are finer than those of epoll and of Go, which round to milliseconds.
type metronome struct {
	home   *loop.Loop
	pace   pace        // its own, beside the publisher's
	posted atomic.Bool // the letter is in the mailbox
	letter loop.Letter
	quit   atomic.Bool
	ended  chan struct{}
}

// startMetronome runs a goroutine that ends with stop.
func startMetronome(home *loop.Loop, p pace) *metronome {
	m := &metronome{home: home, pace: p, ended: make(chan struct{})}
	m.letter.Address(m)
	go m.run()
	return m
}

// stop ends the beats; not from the loop.
func (m *metronome) stop() {
	m.quit.Store(true)
	<-m.ended
}

// Deliver only makes the loop turn: its Commit sends what is due.
func (m *metronome) Deliver(*loop.Loop) { m.posted.Store(false) }

func (m *metronome) run() {
	defer close(m.ended)
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	sharpenTimers()
	for next := m.pace.due(); !m.quit.Load(); {
		now := monotonic()
		if wait := next - now; wait > 0 {
			nap(time.Duration(wait))
			continue
		}
		if m.posted.CompareAndSwap(false, true) {
			m.home.Post(&m.letter)
		}
		m.pace.skip(now)
		next = max(m.pace.due(), now+int64(beatMin))
	}
}

// nap sleeps for d, or less.
func nap(d time.Duration) {
	limit := unix.NsecToTimeval(int64(min(d, napMax)))
	if limit.Sec == 0 && limit.Usec == 0 {
		limit.Usec = 1
	}
	_, _ = unix.Select(0, nil, nil, nil, &limit) // interrupted or not: the caller looks again
}
