package broker

import (
	"sync"
	"time"

	"gnatsd-ev/internal/logging"
)

// A throttle bounds how many handshakes begin in a second. As many may begin at once; those beyond wait for a
// time of their own, one behind the other, and who would wait too long is refused. Any goroutine.
type throttle struct {
	every int64 // nanoseconds from one to the next

	mu    sync.Mutex // leaf; guards what follows
	next  int64      // when the next one would be due if they came evenly
	count int        // refused and not told of
	timer *time.Timer
}

// newThrottle returns one for so many a second, or nil for any number.
func newThrottle(rate int) *throttle {
	if rate <= 0 {
		return nil
	}
	return &throttle{every: int64(time.Second) / int64(rate)}
}

// reserve takes the next turn unless it comes behind latest, and returns how long it is until then.
func (t *throttle) reserve(now, latest int64) (wait int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := max(t.next, now)
	wait = max(next+t.every-int64(time.Second)-now, 0) // a second's worth may begin at once
	if wait > 0 && now+wait > latest {
		return 0, false
	}
	t.next = next + t.every
	return wait, true
}

// refused counts who was refused. A line tells how many in a second, as in nats-server.
func (t *throttle) refused(log *logging.Logger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	if t.timer == nil {
		t.timer = time.AfterFunc(time.Second, func() { t.tell(log) })
	}
}

func (t *throttle) tell(log *logging.Logger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count > 0 {
		log.Warnf("Rejected %d connections due to TLS rate limiting", t.count)
	}
	t.count, t.timer = 0, nil
}

// stop ends the timer. Nobody is refused any more.
func (t *throttle) stop() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Stop()
	}
}
