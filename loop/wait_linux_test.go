package loop

import (
	"runtime"
	"testing"
	"time"
)

// openReal opens a poller of this system that may occupy its processor.
func openReal(t *testing.T) Poller {
	t.Helper()
	was := mayOccupy.Swap(true)
	t.Cleanup(func() { mayOccupy.Store(was) })
	p, err := openPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// A wait that occupies its processor ends at its time, whether that comes before
// the processor is given up or after.
func TestAnOccupyingWaitEndsInTime(t *testing.T) {
	p := openReal(t)
	events := make([]Event, eventsMax)
	for _, timeout := range []time.Duration{0, time.Millisecond, 25 * time.Millisecond, 150 * time.Millisecond} {
		shortest := time.Hour
		for range 5 { // the machine may be busy
			from := time.Now()
			// Signals may end a wait early; the loop then waits again.
			for time.Since(from) < timeout {
				if n, err := p.Wait(events, int64(timeout-time.Since(from))); n != 0 || err != nil {
					t.Fatalf("Wait(%v) = %d, %v", timeout, n, err)
				}
			}
			shortest = min(shortest, time.Since(from))
		}
		if shortest > timeout+50*time.Millisecond {
			t.Errorf("Wait(%v) took %v", timeout, shortest)
		}
	}
}

// The bell ends an occupying wait, early and late, and nothing else does.
func TestTheBellEndsAnOccupyingWait(t *testing.T) {
	p := openReal(t)
	for _, after := range []time.Duration{time.Millisecond, 20 * time.Millisecond, time.Second} {
		done, rung := make(chan int), make(chan struct{})
		go func() {
			waits := 0
			for {
				p.Wait(make([]Event, eventsMax), -1)
				waits++
				select {
				case <-rung:
					done <- waits
					return
				default:
				}
			}
		}()
		time.Sleep(after)
		close(rung)
		p.Ring()
		select {
		case waits := <-done:
			if waits > 4 { // signals may end some
				t.Errorf("without a bell, a wait ended %d times in %v", waits-1, after)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("the bell, rung after %v, was not heard", after)
		}
	}
}

// The collector stops loops that occupy their processors, all of them.
func TestTheCollectorStopsOccupyingWaits(t *testing.T) {
	const waits = 2
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(waits + 1))
	quit, done := make(chan struct{}), make(chan struct{})
	for range waits {
		p := openReal(t)
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case <-quit:
					return
				default:
					p.Wait(make([]Event, eventsMax), int64(50*time.Millisecond))
				}
			}
		}()
	}
	from := time.Now()
	for range 10 {
		runtime.GC()
	}
	if took := time.Since(from); took > 10*time.Second {
		t.Errorf("ten collections took %v", took)
	}
	close(quit)
	for range waits {
		<-done
	}
}
