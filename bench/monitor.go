package bench

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// monitorEvery is how often a run is looked at while it goes on.
const monitorEvery = time.Second

// A Moment is what a run did in one second, and what the broker held at its end.
type Moment struct {
	At         float64 `json:"at_s"` // since the run began
	Deliveries float64 `json:"deliveries_per_second"`
	CPUs       float64 `json:"broker_cpus"`
	ResidentMB float64 `json:"broker_resident_mb"`
	Conns      int64   `json:"conns,omitempty"` // opened so far
}

// monitor notes a Moment each second, and tells the target's Watch. stop ends
// it and waits for that.
func (r *run) monitor(scenario string) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		ticker := time.NewTicker(monitorEvery)
		defer ticker.Stop()
		begin := time.Now()
		last, lastCPU, lastDelivered := begin, r.cpu(), uint64(0)
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			now, cpu, delivered, conns := time.Now(), r.cpu(), uint64(0), int64(0)
			if f := r.fleet.Load(); f != nil {
				delivered, conns = f.delivered(), f.opened.Load()
			}
			passed := now.Sub(last).Seconds()
			m := Moment{
				At:         now.Sub(begin).Seconds(),
				CPUs:       (cpu - lastCPU).Seconds() / passed,
				ResidentMB: float64(r.target.Process.glance()) / (1 << 20),
				Conns:      conns,
			}
			if delivered >= lastDelivered { // a new fleet begins anew
				m.Deliveries = float64(delivered-lastDelivered) / passed
			}
			last, lastCPU, lastDelivered = now, cpu, delivered
			r.moments.add(m)
			if r.target.Watch != nil {
				r.target.Watch(scenario, m)
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// cpu is the broker's processor time, 0 if it is not known.
func (r *run) cpu() time.Duration {
	if r.target.Process == 0 {
		return 0
	}
	t, err := processCPU(int(r.target.Process))
	if err != nil {
		return 0
	}
	return t
}

// glance is the process's resident memory, less exact and much cheaper than Usage's; 0
// if it is not known.
func (p Process) glance() int64 {
	if p == 0 {
		return 0
	}
	b, err := os.ReadFile(p.path("statm"))
	if err != nil {
		return 0
	}
	words := bytes.Fields(b)
	if len(words) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(words[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// An outline keeps the moments of a run of any length: when there are too many, every
// second one goes. One goroutine at a time.
type outline struct {
	all   []Moment
	every int // one in every is kept
	seen  int
}

// momentsMax is how many moments are kept: plenty for a curve.
const momentsMax = 2000

func (k *outline) add(m Moment) {
	k.seen++
	if k.every > 1 && k.seen%k.every != 0 {
		return
	}
	k.all = append(k.all, m)
	if len(k.all) < momentsMax {
		return
	}
	half := k.all[:0]
	for i := 1; i < len(k.all); i += 2 {
		half = append(half, k.all[i])
	}
	k.all, k.every = half, 2*max(1, k.every)
}
