package chaos

import (
	"sync"
	"testing"
	"time"
)

const (
	lagEvery = 50 * time.Millisecond // a laggard reads as often
	lagReads = 8 << 10               // so much
)

// laggards are subscribers that read a little now and then, all together; who is cut
// comes back.
type laggards struct {
	swarm *Swarm
	stop  chan struct{}
	group sync.WaitGroup
}

// startLaggards connects count of them; the caller must end them.
func startLaggards(t *testing.T, b *Broker, count int, sub Subscription) *laggards {
	t.Helper()
	sub.Joins, sub.ReceiveBuffer = true, 64<<10
	l := &laggards{swarm: NewSwarm(t, b.Address()), stop: make(chan struct{})}
	l.swarm.Join(t, count, sub)
	l.swarm.Pause(0, count)
	l.group.Go(func() {
		total := count
		for tick := time.NewTicker(lagEvery); ; {
			select {
			case <-l.stop:
				tick.Stop()
				return
			case <-tick.C:
			}
			l.swarm.Sip(0, total, lagReads)
			if gone := l.swarm.Tally().Ended - (total - count); gone > 0 {
				if err := l.swarm.join(gone, sub); err != nil {
					t.Errorf("laggards: %v", err)
					return
				}
				total += gone
			}
			l.swarm.Pause(0, total) // the new ones
		}
	})
	return l
}

// end fails the test if what they read was not right, and returns how many were cut.
func (l *laggards) end(t *testing.T) (cut int) {
	t.Helper()
	close(l.stop)
	l.group.Wait()
	tally := l.swarm.Tally()
	if tally.Wrong() > 0 {
		t.Errorf("laggards: %v", tally)
	}
	l.swarm.Close()
	return tally.Ended
}
