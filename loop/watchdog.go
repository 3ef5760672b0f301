package loop

import (
	"bytes"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The watchdog. A loop that stands still stops all its connections, and whoever
// waits for it. So one goroutine looks at all loops twice a second: one that is
// awake and has ended no turn in between, twice in a row, is stuck. Who sleeps is
// not, however long; a lent loop is not either, since the one that does its turn is.
// Looks are counted and not only time, or a machine that was halted would
// seem to be full of stuck loops.

const (
	watchEvery = 500 * time.Millisecond
	watchLooks = 2

	stackRoom   = 256 << 10 // bytes of all goroutines' stacks to look for one in
	stackFrames = 24        // calls of it that are told, the innermost ones
)

// A Watcher is told of loops that stand still. All runs on the watchdog's goroutine.
type Watcher interface {
	// Stuck says that a loop has not turned for some time, and in which calls
	// its goroutine is, innermost first. It is said once for each time.
	Stuck(l *Loop, since time.Duration, stack string)
	// Unstuck says that it turns again, and how long that took.
	Unstuck(l *Loop, after time.Duration)
}

// watched is what the watchdog remembers of one loop.
type watched struct {
	loop  *Loop
	turns int64
	since int64 // when it was first seen awake after so many turns
	looks int   // in a row that saw the same since
	told  bool
}

// Watch has a goroutine look at the loops until stop is called. Call it after Start.
func (g *Group) Watch(w Watcher) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		all := g.watched()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			for i := range all {
				all[i].look(g.config.Kernel.Now(), w)
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-done
	})
}

func (g *Group) watched() []watched {
	all := make([]watched, len(g.loops))
	for i, l := range g.loops {
		all[i] = watched{loop: l, turns: -1}
	}
	return all
}

// look sees whether the loop has turned since the last look.
func (d *watched) look(now int64, w Watcher) {
	l := d.loop
	turns := l.shown.turns.Load()
	if l.state.Load() != awake || l.mail.top.Load() == closed {
		turns = -1 // the next look that finds it awake is the first
	}
	if turns < 0 || turns != d.turns {
		d.moves(now, w)
		d.turns, d.since, d.looks = turns, now, 0
		return
	}
	d.looks++
	if d.looks < watchLooks || d.told {
		return
	}
	d.told = true
	l.stuckTimes.Set(l.stuckTimes.Load() + 1)
	l.stuckSince.Set(d.since)
	w.Stuck(l, time.Duration(now-d.since), l.stack())
}

// moves notes that the loop is not stuck, or not any more.
func (d *watched) moves(now int64, w Watcher) {
	if d.told {
		d.told = false
		d.loop.stuckSince.Set(0)
		w.Unstuck(d.loop, time.Duration(now-d.since))
	}
}

// Stuck returns how often the watchdog has found the loop standing still, and for how
// long by now, 0 if it turns. Any goroutine.
func (l *Loop) Stuck() (times int64, now time.Duration) {
	if since := l.stuckSince.Load(); since != 0 {
		now = max(time.Duration(l.kernel.Now()-since), 1)
	}
	return l.stuckTimes.Load(), now
}

// stack says in one line what the loop's goroutine is doing. Only names of functions
// and places in files are in it, nothing that a client sent.
func (l *Loop) stack() string {
	all := make([]byte, stackRoom)
	all = all[:runtime.Stack(all, true)]
	head := "goroutine " + strconv.FormatInt(l.ownGoroutine.Load(), 10) + " ["
	for text := range bytes.SplitSeq(all, []byte("\n\n")) {
		if bytes.HasPrefix(text, []byte(head)) {
			return condense(string(text[len(head)-1:]))
		}
	}
	return "its stack is not among the first " + strconv.Itoa(len(all)) + " bytes of all"
}

// condense makes one line of a stack, innermost call first:
//
//	[running]: main.f file.go:12 < main.main file.go:7
func condense(stack string) string {
	lines := strings.Split(stack, "\n")
	line := []byte(lines[0])
	calls := lines[1:]
	for i := 0; i+1 < len(calls) && i < 2*stackFrames; i += 2 {
		name, place := calls[i], strings.TrimSpace(calls[i+1])
		if at := strings.LastIndexByte(name, '('); at > 0 && strings.HasSuffix(name, ")") {
			name = name[:at] // without its arguments
		}
		place, _, _ = strings.Cut(place, " +")
		if i > 0 {
			line = append(line, " <"...)
		}
		line = append(append(append(append(line, ' '), name...), ' '), path.Base(place)...)
	}
	if len(calls) > 2*stackFrames {
		line = append(line, " < ..."...)
	}
	return string(line)
}
