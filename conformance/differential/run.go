package differential

// Many scripts, a few at a time.

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Run plays scripts of consecutive seeds.
type Run struct {
	// First and Count say which seeds.
	First uint64
	Count int
	// Workers is how many scripts are played at once.
	Workers int
	// Servers returns the servers of a class for one worker. Alone is asked for once.
	Servers func(Class) *Set
	// Realm returns the servers of a realm for one script, and what is to be called behind it.
	Realm func(*realm) (*Set, func(), error)
	// Progress gets a line now and then; nil for none.
	Progress io.Writer
	// FailuresMax ends the run; 0 is 1.
	FailuresMax int
}

// A Failure is a script that gnatsd-ev answers otherwise than nats-server.
type Failure struct {
	Script  *Script
	Verdict *Verdict
	Set     *Set
}

// Totals are what a run came to.
type Totals struct {
	Scripts, Free, Frames int
	Reached               map[string]int
	Failures              []Failure
	Took                  time.Duration
}

// progressEvery is how often a line of progress is written.
const progressEvery = 10 * time.Second

// String tells the totals in a line.
func (t *Totals) String() string {
	var reached []string
	for _, id := range slices.Sorted(maps.Keys(t.Reached)) {
		reached = append(reached, fmt.Sprintf("%s %d", id, t.Reached[id]))
	}
	return fmt.Sprintf("%d scripts in %v (%.0f/s), %d frames of gnatsd-ev, %d differences, %d outcomes nats-server had at a later try; deviations: %s",
		t.Scripts, t.Took.Round(100*time.Millisecond), float64(t.Scripts)/t.Took.Seconds(), t.Frames, len(t.Failures), t.Free, strings.Join(reached, ", "))
}

// Do plays all scripts. Its error is about the machine.
func (r *Run) Do() (*Totals, error) {
	d := &running{Run: r, totals: Totals{Reached: map[string]int{}}, started: time.Now(), told: time.Now()}
	alone := r.Servers(Alone)
	defer alone.Close()
	var workers sync.WaitGroup
	seeds := make(chan uint64)
	for range max(r.Workers, 1) {
		workers.Go(func() { d.work(seeds, alone) })
	}
	for i := range r.Count {
		if d.over() {
			break
		}
		seeds <- r.First + uint64(i)
	}
	close(seeds)
	workers.Wait()
	d.totals.Took = time.Since(d.started)
	return &d.totals, d.err
}

// running is a run under way. mu guards what follows it.
type running struct {
	*Run
	started time.Time
	alone   sync.Mutex // who plays on the servers of Alone

	mu     sync.Mutex
	totals Totals
	told   time.Time
	err    error
}

func (d *running) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err != nil || len(d.totals.Failures) >= max(d.FailuresMax, 1)
}

// work plays the scripts of seeds until there are no more.
func (d *running) work(seeds <-chan uint64, alone *Set) {
	sets := map[Class]*Set{Ordinary: d.Servers(Ordinary), Limited: d.Servers(Limited)}
	for _, s := range sets {
		defer s.Close()
	}
	sets[Alone] = alone
	for seed := range seeds {
		if d.over() {
			continue
		}
		script := Generate(seed)
		if script.Class == Guarded {
			d.guarded(script)
			continue
		}
		if script.Class == Alone {
			d.alone.Lock()
		}
		v, err := sets[script.Class].Judge(script)
		if script.Class == Alone {
			d.alone.Unlock()
		}
		d.note(script, v, sets[script.Class], err)
	}
}

// guarded plays a script on the servers of its realm.
func (d *running) guarded(script *Script) {
	set, leave, err := d.Realm(script.realm())
	if err != nil {
		d.note(script, nil, nil, err)
		return
	}
	defer leave()
	v, err := set.Judge(script)
	d.note(script, v, set, err)
}

// note adds what came of a script.
func (d *running) note(script *Script, v *Verdict, set *Set, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		if d.err == nil {
			d.err = fmt.Errorf("seed %d: %w", script.Seed, err)
		}
		return
	}
	t := &d.totals
	t.Scripts++
	t.Free += v.Free
	t.Frames += v.Frames
	for id, n := range v.Reached {
		t.Reached[id] += n
	}
	if v.Difference != "" {
		t.Failures = append(t.Failures, Failure{script, v, set})
	}
	if d.Progress != nil && time.Since(d.told) >= progressEvery {
		d.told = time.Now()
		t.Took = time.Since(d.started)
		fmt.Fprintf(d.Progress, "%d of %d: %s\n", t.Scripts, d.Count, t)
	}
}
