package loop

import (
	"sync/atomic"
	"testing"
	"time"
)

// hesitantKernel is the system, with pollers whose bells are rung by threads that lose
// their processor just before, and that find something else to wake for.
type hesitantKernel struct {
	Kernel
	tooLate atomic.Int32 // rings of a poller that was closed
}

type hesitantPoller struct {
	Poller
	k      *hesitantKernel
	closed atomic.Bool
}

func (k *hesitantKernel) OpenPoller() (Poller, error) {
	p, err := k.Kernel.OpenPoller()
	return &hesitantPoller{Poller: p, k: k}, err
}

func (p *hesitantPoller) Wait(events []Event, timeout int64) (int, error) {
	if ms := int64(time.Millisecond); timeout < 0 || timeout > ms {
		timeout = ms
	}
	return p.Poller.Wait(events, timeout)
}

func (p *hesitantPoller) Ring() {
	time.Sleep(20 * time.Millisecond)
	if p.closed.Load() {
		p.k.tooLate.Add(1)
		return
	}
	p.Poller.Ring()
}

func (p *hesitantPoller) Close() error {
	p.closed.Store(true)
	return p.Poller.Close()
}

// A loop that wakes by itself may end before the thread that is about to ring its bell
// does so: by then the number of the bell's descriptor may be somebody else's.
func TestNoBellIsRungAfterItsLoopHasEnded(t *testing.T) {
	k := &hesitantKernel{Kernel: System()}
	for range 5 {
		g, err := NewGroup(Config{Loops: 2, Kernel: k}, func(l *Loop) Host { return &echoHost{l: l} })
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Start(); err != nil {
			t.Fatal(err)
		}
		posting := make(chan struct{})
		go func() {
			defer close(posting)
			for g.loops[1].Do(func(*Loop) {}) {
			}
		}()
		g.Stop(int64(time.Second))
		<-posting
	}
	if n := k.tooLate.Load(); n > 0 {
		t.Errorf("%d bells were rung too late", n)
	}
}
