package auth

import "sync"

// A Task is something slow. Work runs on a helper and must not panic.
type Task interface{ Work() }

// Helpers are the goroutines that do what is too slow for a loop. They are few, so that a flood of logins waits in
// line instead of taking the processors from messages. Each session has one task at most, so their line is no
// longer than there are connections.
type Helpers struct {
	ended sync.WaitGroup

	// Under the mutex, which is a leaf and held for a few instructions.
	mu      sync.Mutex
	more    sync.Cond
	line    []Task // line[at:] wait
	at      int
	stopped bool
}

// StartHelpers starts so many helpers; Stop ends them.
func StartHelpers(count int) *Helpers {
	h := &Helpers{}
	h.more.L = &h.mu
	for range count {
		h.ended.Go(h.run) // ends with Stop
	}
	return h
}

// Do puts a task at the end of the line; after Stop it is dropped. Any goroutine.
func (h *Helpers) Do(t Task) {
	h.mu.Lock()
	if !h.stopped {
		h.line = append(h.line, t)
	}
	h.mu.Unlock()
	h.more.Signal()
}

// Stop drops the tasks in line and waits for those begun.
func (h *Helpers) Stop() {
	h.mu.Lock()
	h.stopped, h.line, h.at = true, nil, 0
	h.mu.Unlock()
	h.more.Broadcast()
	h.ended.Wait()
}

func (h *Helpers) run() {
	for {
		t := h.next()
		if t == nil {
			return
		}
		t.Work()
	}
}

// next waits for a task, and returns nil at the end.
func (h *Helpers) next() Task {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.at == len(h.line) {
		if h.stopped {
			return nil
		}
		h.line, h.at = h.line[:0], 0
		h.more.Wait()
	}
	t := h.line[h.at]
	h.line[h.at] = nil
	h.at++
	if h.at > lineKeep && 2*h.at > len(h.line) { // a line that never empties must not grow for ever
		h.line = append([]Task(nil), h.line[h.at:]...)
		h.at = 0
	}
	return t
}

// lineKeep is how many tasks may be gone from the head of the line before it is copied.
const lineKeep = 1024
