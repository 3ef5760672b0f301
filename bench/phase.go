package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"gnatsd-ev/loop"
)

// A sample is what everybody has used at one moment.
type sample struct {
	at        time.Time
	broker    Usage
	own       Usage
	busy      time.Duration   // of all processors together, since the machine started
	loops     []time.Duration // processor time of each of our loops' threads
	delivered uint64
	members   int   // connections that stay
	objects   int64 // heap objects the broker has allocated, 0 when not asked for
	asking    int64 // how many of them our question made
	varz      *Varz // nil when not asked for
}

// A phase is what one measured stretch of load took.
type phase struct {
	wall      time.Duration
	cpu       time.Duration // the broker's
	own       time.Duration // ours
	loops     []time.Duration
	others    float64 // processors that other processes used
	switches  int64
	published uint64
	cycles    uint64 // of clients that came and went beside
	delivered uint64
	objects   int64
	resident  int64 // the broker's, at the end
	members   int   // connections that stayed
	calls     int64 // the broker's, to read and write
	varz      *VarzChange
}

// take samples the broker and ourselves. f may be nil.
func (r *run) take(f *fleet) (sample, error) {
	var s sample
	var err error
	if r.target.Profile > 0 {
		if s.objects, s.asking, err = r.target.heapObjects(); err != nil {
			return s, err
		}
	}
	if r.target.Monitor != "" {
		v, err := FetchVarz(context.Background(), r.target.Monitor)
		if err != nil {
			return s, err
		}
		s.varz = &v
	}
	if r.target.Process != 0 {
		if s.broker, err = r.target.Process.Usage(); err != nil {
			return s, err
		}
		if s.own, err = Process(os.Getpid()).Usage(); err != nil {
			return s, err
		}
	}
	s.busy = machineBusy()
	if f != nil {
		s.delivered, s.members = f.delivered(), len(f.members)
		s.loops = f.threads()
	}
	s.at = time.Now()
	return s, nil
}

// threads is the processor time each loop's thread has used.
func (f *fleet) threads() []time.Duration {
	times := make([]time.Duration, len(f.hosts))
	done := make(chan struct{})
	for i, h := range f.hosts {
		h.l.Do(func(*loop.Loop) {
			times[i], _ = threadCPU() // zero where it is not known: then nothing is warned of
			done <- struct{}{}
		})
		<-done
	}
	return times
}

// since is what happened between two samples.
func (s sample) since(before sample) phase {
	p := phase{
		wall:      s.at.Sub(before.at),
		cpu:       s.broker.CPU - before.broker.CPU,
		own:       s.own.CPU - before.own.CPU,
		switches:  s.broker.Switches - before.broker.Switches,
		calls:     s.broker.Calls - before.broker.Calls,
		resident:  s.broker.Resident,
		members:   s.members,
		delivered: s.delivered - before.delivered,
		objects:   s.objects - before.objects - 2*s.asking,
	}
	if s.varz != nil && before.varz != nil {
		change := s.varz.Since(*before.varz)
		p.varz = &change
	}
	p.others = (s.busy - before.busy - p.cpu - p.own).Seconds() / p.wall.Seconds()
	for i := range s.loops {
		p.loops = append(p.loops, s.loops[i]-before.loops[i])
	}
	return p
}

// traffic is sources and how many subscribers each of their messages reaches.
type traffic struct {
	sources []source
	copies  uint64
	replied bool   // subscribers publish in turn, and that counts among the copies
	churn   *churn // beside the sources; one message reaches one subscriber in each cycle
}

// play runs the sources for d, from an idle broker to an idle broker.
func (r *run) play(f *fleet, t traffic, d time.Duration) (phase, error) {
	sentBefore := t.stop()
	before, err := r.take(f)
	if err != nil {
		return phase{}, err
	}
	cyclesBefore := t.churn.stop()
	for _, s := range t.sources {
		s.start()
	}
	t.churn.start()
	select {
	case err = <-f.failed:
	case <-time.After(d):
	}
	published, cycles := t.stop()-sentBefore, t.churn.stop()-cyclesBefore
	if err != nil {
		return phase{}, err
	}
	if r.load.Verify {
		r.tally.due.Add(cycles)
		err = r.settle(f, t, published)
	} else {
		err = f.drain(t, before.delivered+published*t.copies+cycles)
	}
	if err != nil {
		return phase{}, err
	}
	after, err := r.take(f)
	if err != nil {
		return phase{}, err
	}
	p := after.since(before)
	p.published, p.cycles = published, cycles
	return p, nil
}

// stop stops the sources and returns how many messages they have sent in all.
func (t traffic) stop() uint64 {
	sent := uint64(0)
	for _, s := range t.sources {
		sent += s.stop()
	}
	return sent
}

// settle waits until nothing that was published can still come, however much has: a
// broker answers a PING after what it got before, and a subscriber's behind what it is
// to get. What a reply causes has twice the way.
func (r *run) settle(f *fleet, t traffic, published uint64) error {
	r.tally.due.Add(published * t.copies)
	rounds := 2
	if t.replied {
		rounds = 4
	}
	for range rounds {
		if err := f.ask(f.members, nil); err != nil {
			return err
		}
	}
	return f.failure()
}

// drain waits until the broker has routed everything and subscribers have had
// want messages in all. More is a mistake as well as less.
func (f *fleet) drain(t traffic, want uint64) error {
	var publishers []*client
	for _, s := range t.sources {
		publishers = append(publishers, s.clients()...)
	}
	if err := f.ask(publishers, nil); err != nil {
		return err
	}
	last, progress := uint64(0), time.Now()
	for {
		have := f.delivered()
		switch {
		case have == want:
			return f.failure() // what is counted is checked as well
		case have > want:
			return fmt.Errorf("subscribers had %d messages more than the %d that were due", have-want, want)
		case have > last:
			last, progress = have, time.Now()
		case time.Since(progress) > answerTime:
			return fmt.Errorf("%d of %d messages did not come", want-have, want)
		}
		select {
		case err := <-f.failed:
			return err
		case <-time.After(time.Millisecond):
		}
	}
}
