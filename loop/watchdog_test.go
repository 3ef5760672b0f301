package loop

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gnatsd-ev/internal/invariant"
)

// watchLog writes down what the watchdog says.
type watchLog struct{ said []string }

func (w *watchLog) Stuck(l *Loop, since time.Duration, stack string) {
	w.said = append(w.said, fmt.Sprintf("loop %d stuck for %v: %s", l.id, since, stack))
}

func (w *watchLog) Unstuck(l *Loop, after time.Duration) {
	w.said = append(w.said, fmt.Sprintf("loop %d turns after %v", l.id, after))
}

// watchedStage is a stage and the watchdog that looks at it when the test says so.
func watchedStage(t *testing.T) (*stage, *watchLog, func()) {
	s, w := newStage(t, Config{}), &watchLog{}
	s.l.ownGoroutine.Set(int64(invariant.GoroutineID()))
	dog := &s.g.watched()[0]
	return s, w, func() {
		s.k.clock += int64(watchEvery)
		dog.look(s.k.clock, w)
	}
}

// A letter that holds a loop up is named, once, and so is its end.
func TestALoopThatDoesNotTurnIsTold(t *testing.T) {
	s, w, look := watchedStage(t)
	for time := range 2 {
		s.l.Do(func(*Loop) {
			for range 10 {
				look()
			}
			if times, since := s.l.Stuck(); times != int64(time+1) || since == 0 {
				t.Errorf("while it is stuck: %d times, now for %v", times, since)
			}
		})
		s.l.state.Store(awake)
		s.l.turn()
		look()
		look()
		s.settle()
		if times, since := s.l.Stuck(); times != int64(time+1) || since != 0 {
			t.Errorf("when it turns again: %d times, now for %v", times, since)
		}
		if len(w.said) != 2 || w.said[1] != "loop 0 turns after 5s" {
			t.Fatalf("the watchdog said %q", w.said)
		}
		for _, part := range []string{"loop 0 stuck for 1s: [running]: ", "loop.TestALoopThatDoesNotTurnIsTold.func", " watchdog_test.go:", "loop.(*Loop).deliver turn.go:"} {
			if !strings.Contains(w.said[0], part) {
				t.Errorf("no %q in %q", part, w.said[0])
			}
		}
		if strings.ContainsAny(w.said[0], "\n\t") {
			t.Errorf("more than a line: %q", w.said[0])
		}
		w.said = nil
	}
	s.end()
}

// Whoever sleeps or is lent, or has ended, does nothing and is not stuck; nor is one that turns
// between two looks, however far they are apart.
func TestALoopThatHasNothingToDoIsNotStuck(t *testing.T) {
	s, w, look := watchedStage(t)
	for _, state := range []int32{asleep, lent} {
		s.l.state.Store(state)
		for range 10 {
			look()
		}
		if len(w.said) > 0 {
			t.Errorf("in state %d the watchdog said %q", state, w.said)
		}
	}
	s.l.state.Store(awake)
	for range 10 { // woken and asleep again, as others' mail does it
		look()
		look()
		s.l.state.Store(asleep)
		look()
		s.l.state.Store(awake)
	}
	for range 10 { // the machine was halted
		s.k.clock += int64(time.Hour)
		look()
		look()
		s.l.turn()
	}
	s.end()
	s.l.mail.close()
	for range 10 {
		look()
	}
	if times, since := s.l.Stuck(); len(w.said) > 0 || times != 0 || since != 0 {
		t.Errorf("the watchdog said %q, and counted %d", w.said, times)
	}
}

// Real loops lend one another their threads all the time, and one is held up: the watchdog
// names the one whose thread it is, which may be doing another's turn.
func TestTheWatchdogFindsTheOneAmongLenders(t *testing.T) {
	r, _ := startRelay(t, 4)
	defer r.group.Stop(int64(time.Second))
	told := make(chan string, 1000) // a machine with much else to do may hold up others
	defer r.group.Watch(toldOn(told))()
	var stop atomic.Bool
	prods := make(chan int64)
	go func() { prods <- r.prod(1<<30, &stop) }()
	release := make(chan struct{})
	r.group.loops[2].Do(func(*Loop) { <-release })
	var id string
	for id == "" {
		if got := <-told; strings.Contains(got, "TheOneAmongLenders.func") {
			id, _, _ = strings.Cut(got, " ")
		}
	}
	for _, l := range r.group.loops {
		if _, since := l.Stuck(); strconv.Itoa(l.id) == id && since == 0 {
			t.Errorf("loop %d is held up and not counted", l.id)
		}
	}
	close(release)
	for got := ""; got != id+" turns"; {
		if got = <-told; strings.Contains(got, "TheOneAmongLenders.func") {
			t.Errorf("told twice: %s", got)
		}
	}
	stop.Store(true)
	r.await(t, <-prods)
}

// toldOn sends what the watchdog says.
type toldOn chan<- string

func (c toldOn) Stuck(l *Loop, _ time.Duration, stack string) {
	c <- fmt.Sprintf("%d stuck %s", l.id, stack)
}

func (c toldOn) Unstuck(l *Loop, _ time.Duration) { c <- fmt.Sprintf("%d turns", l.id) }

func TestAStackIsOneLine(t *testing.T) {
	stack := "[chan receive, locked to thread]:\nmain.(*T).Do.func1({0x1, 0x2}, 0xc000)\n\t/home/x/y.go:12 +0x1d\nmain.g(...)\n\t/home/x/z.go:7\ncreated by main.main in goroutine 1\n\t/home/x/m.go:3 +0x2"
	if got, want := condense(stack), "[chan receive, locked to thread]: main.(*T).Do.func1 y.go:12 < main.g z.go:7 < created by main.main in goroutine 1 m.go:3"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	deep := "[running]:" + strings.Repeat("\nmain.f(0x1)\n\t/x/y.go:1 +0x1", 1000)
	if got := condense(deep); len(got) > 100*stackFrames || !strings.HasSuffix(got, " < ...") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}
