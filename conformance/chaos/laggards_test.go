package chaos

import (
	"sync"
	"testing"
	"time"
)

const (
	lagEvery = 50 * time.Millisecond // a laggard reads as often
	lagReads = 8 << 10               // so much
	lagSips  = 10                    // and so many times
)

// laggards are subscribers that read a little now and then. Who is cut does not notice
// before it has read what the kernels keep for it, so each leaves after a while and
// another one comes.
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
	l.group.Go(func() { // until end
		tick := time.NewTicker(lagEvery)
		defer tick.Stop()
		for from, sips := 0, 1; ; sips++ {
			select {
			case <-l.stop:
				return
			case <-tick.C:
			}
			l.swarm.Sip(from, from+count, lagReads)
			if sips%lagSips > 0 {
				continue
			}
			l.swarm.Leave(from, from+count, true)
			from += count
			if err := l.swarm.join(count, sub); err != nil {
				t.Errorf("laggards: %v", err)
				return
			}
			l.swarm.Pause(from, from+count)
		}
	})
	return l
}

// end fails the test if what they read was not right, and returns how many there were.
func (l *laggards) end(t *testing.T) (members int) {
	t.Helper()
	close(l.stop)
	l.group.Wait()
	tally := l.swarm.Tally()
	if tally.Wrong() > 0 {
		t.Errorf("laggards: %v", tally)
	}
	l.swarm.Close()
	return tally.Members
}
