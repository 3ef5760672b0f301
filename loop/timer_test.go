package loop

import (
	"testing"
	"time"
)

// A deadline further away than the wheel is round is looked at early and put
// back. If it is put back into the slot that is being emptied, that never ends.
func TestFarDeadlineIsPutBackOnce(t *testing.T) {
	g, err := NewGroup(Config{Loops: 1}, func(l *Loop) Host { return &echoHost{l: l} })
	if err != nil {
		t.Fatal(err)
	}
	l := g.loops[0]
	defer l.shut()
	c := &Conn{state: stateOpen, peer: &echoPeer{}}
	round := int64(wheelSlots) << tickBits
	l.WakeAt(c, l.now+3*round)
	l.schedule(c, l.now+int64(time.Second)) // as a write deadline does

	fired := make(chan struct{})
	go func() {
		defer close(fired)
		for range 3 {
			l.now = c.scheduled
			l.fireTimers()
		}
	}()
	select {
	case <-fired:
	case <-time.After(5 * time.Second):
		t.Fatal("firing the timers does not end: the far deadline comes back into the slot being emptied")
	}
	if c.scheduled <= l.now || c.due == 0 {
		t.Fatalf("the deadline is lost: due %d, looked at %d, now %d", c.due, c.scheduled, l.now)
	}
}
