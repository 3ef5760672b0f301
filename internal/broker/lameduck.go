package broker

import (
	"math/rand/v2"
	"time"

	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
)

// Lame duck. A broker that is to leave says so to the clients that understand it, lets them look
// for another server, and closes those that stay one after another, so that they do not all knock
// elsewhere at once (lameDuckMode in nats-server's server.go).

const (
	// lameDuckSlice is how many sessions a loop deals with before it looks at its sockets.
	lameDuckSlice = 256

	// Two closes are lameDuckPauseMax apart at most; those due within lameDuckPauseMin go together.
	lameDuckPauseMax = time.Second
	lameDuckPauseMin = time.Millisecond
)

// LameDuck closes the listeners, tells the clients, and closes them after the grace period, spread
// over the rest of the duration. It returns true when it has told all to leave, and false
// if quit was closed before. Sessions may be closing still: Shutdown waits for them. Once, after
// Start, not from a loop.
func (b *Broker) LameDuck(quit <-chan struct{}) bool {
	b.log.Infof("Entering lame duck mode, stop accepting new clients")
	b.group.StopAccepting()
	b.lameDuck.Store(true)
	told := b.tour()
	for told.any() {
		told.visit(lameDuckSlice, (*Session).bidFarewell)
	}
	if b.sessions.Load() == 0 {
		return true
	}
	o := b.terms.Load().options
	if !pause(o.LameDuckGracePeriod, quit) {
		return false
	}
	b.log.Infof("Closing existing clients")
	return b.seeOff(o.LameDuckDuration-o.LameDuckGracePeriod, quit)
}

// seeOff closes all sessions one after another, or some at a time where they are very many.
func (b *Broker) seeOff(span time.Duration, quit <-chan struct{}) bool {
	each := min(span/time.Duration(max(b.sessions.Load(), 1)), lameDuckPauseMax)
	together := 1 + int(lameDuckPauseMin/max(each, 1))
	rest := b.tour()
	for {
		for left := together; left > 0 && rest.any(); left -= lameDuckSlice {
			rest.visit(min(left, lameDuckSlice), (*Session).sendAway)
		}
		if !rest.any() {
			return true
		}
		// At least half of it, and on average three quarters: they are gone before the time is.
		half := each * time.Duration(together) / 2
		if !pause(half+rand.N(half+1), quit) {
			return false
		}
	}
}

// bidFarewell tells a client that understands it that this server leaves; one that has not pinged yet
// learns it with the INFO behind its first PONG.
func (s *Session) bidFarewell() {
	if !s.has(asyncInfo) || !s.has(firstPongSent) {
		return
	}
	sh := s.shard
	s.send(sh.terms.farewell.welcome.Append(sh.loop.Tail(sh.terms.greetingMax), s.id, sh.clientIP(s.remote)))
}

// sendAway closes a session as a shutdown does.
func (s *Session) sendAway() { s.end(proto.ServerShutdown) }

// A tour visits all sessions, loop by loop in turn. One goroutine, which is not a loop's.
type tour struct {
	stops []stop // loops with sessions left, the next one first
}

// A stop is a loop, and the descriptor to go on with.
type stop struct {
	loop *loop.Loop
	from int
}

func (b *Broker) tour() *tour {
	t := &tour{}
	for _, l := range b.group.Loops() {
		t.stops = append(t.stops, stop{loop: l})
	}
	return t
}

// any reports whether somebody may not have been visited.
func (t *tour) any() bool { return len(t.stops) > 0 }

// visit has the next loop do f for up to n of its sessions, and waits for it.
func (t *tour) visit(n int, f func(*Session)) {
	at := t.stops[0]
	t.stops = t.stops[1:]
	next := make(chan int, 1)
	posted := at.loop.Do(func(l *loop.Loop) {
		next <- l.EachFrom(at.from, n, func(_ *loop.Conn, p loop.Peer) { f(p.(*Session)) })
	})
	if !posted {
		return // it has ended, and its sessions with it
	}
	if at.from = <-next; at.from >= 0 {
		t.stops = append(t.stops, at)
	}
}

// pause waits for d, and reports false if quit was closed meanwhile.
func pause(d time.Duration, quit <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-quit:
		return false
	}
}
