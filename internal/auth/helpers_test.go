package auth

import (
	"sync"
	"testing"
)

type task func()

func (t task) Work() { t() }

func TestHelpersDoAllInOrder(t *testing.T) {
	h := StartHelpers(1)
	defer h.Stop()
	const many = 5 * lineKeep
	var got []int
	var all sync.WaitGroup
	all.Add(many)
	for i := range many {
		h.Do(task(func() { got = append(got, i); all.Done() }))
	}
	all.Wait()
	for i, n := range got {
		if i != n {
			t.Fatalf("task %d was done at place %d", n, i)
		}
	}
}

// So many run at a time as there are helpers, and no more.
func TestHelpersAreFew(t *testing.T) {
	h := StartHelpers(2)
	begun, goOn := make(chan bool, 10), make(chan bool)
	for range 3 {
		h.Do(task(func() { begun <- true; <-goOn }))
	}
	<-begun
	<-begun
	h.mu.Lock()
	waiting := len(h.line) - h.at
	h.mu.Unlock()
	if waiting != 1 {
		t.Errorf("%d tasks wait beside two that run", waiting)
	}
	goOn <- true
	<-begun
	close(goOn)
	h.Stop()
}

// Stop waits for what has begun and drops the rest; what comes later is dropped too.
func TestHelpersStop(t *testing.T) {
	h := StartHelpers(1)
	begun, goOn, done := make(chan bool), make(chan bool), false
	h.Do(task(func() { close(begun); <-goOn; done = true }))
	h.Do(task(func() { t.Error("a task was begun after the end") }))
	<-begun
	stopped := make(chan bool)
	go func() { h.Stop(); close(stopped) }()
	for {
		h.mu.Lock()
		s := h.stopped
		h.mu.Unlock()
		if s {
			break
		}
	}
	close(goOn)
	<-stopped
	if !done {
		t.Error("Stop did not wait")
	}
	h.Do(task(func() { t.Error("a task was begun after the end") }))
}
