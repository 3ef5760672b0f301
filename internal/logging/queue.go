package logging

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	// queuedBytesMax bounds what waits for the writer: a burst of some ten
	// thousand lines survives a slow disk, and a blocked log costs twice this.
	queuedBytesMax = 1 << 20

	// fatalBytesMax is room beyond queuedBytesMax for Fatal lines only: what
	// ended the process must not be dropped.
	fatalBytesMax = 16 << 10

	// switchWait is how long Reopen and Switch wait for a writer that is blocked.
	switchWait = 2 * time.Second
)

var (
	errBlocked = errors.New("the log did not take its lines in time")
	errNotFile = errors.New("not a file logger")
	errClosed  = errors.New("the log is closed")
)

// A queue is the bytes between the callers and the writer goroutine.
type queue struct {
	wake chan struct{} // one token: there is something to do
	done chan struct{} // closed when the writer goroutine has ended

	// mu is a leaf: nothing is called while it is held. It guards all fields
	// of this section.
	mu      sync.Mutex
	lines   []byte // whole lines, not yet taken by the writer
	dropped int    // lines lost since the writer last said so
	closed  bool   // no more lines are taken
	turns   []*turn
	style   *style // of the lines that come now

	// Writer goroutine only.
	at *Outlet
}

// A turn asks the writer to go on with another file, or elsewhere altogether.
type turn struct {
	file   *os.File
	outlet *Outlet
	before []byte        // lines that still go where they went
	done   chan struct{} // closed when the writer has switched
}

func newQueue(at *Outlet) *queue {
	return &queue{
		wake:  make(chan struct{}, 1),
		done:  make(chan struct{}),
		style: &at.style,
		at:    at,
	}
}

// openFile opens a log file as nats-server does.
func openFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// add queues a copy of one whole line if it leaves at most room bytes queued,
// or counts it as dropped. It never blocks. False says that lines have another style by now.
func (q *queue) add(line []byte, room int, made *style) bool {
	q.mu.Lock()
	switch {
	case q.closed:
	case q.style != made:
		q.mu.Unlock()
		return false
	case len(q.lines)+len(line) > room:
		q.dropped++
	default:
		q.lines = append(q.lines, line...)
	}
	q.mu.Unlock()
	q.ring()
	return true
}

// ring wakes the writer, now or when it is done with what it has.
func (q *queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take gives the writer all that waits and leaves spare, emptied, in its place.
func (q *queue) take(spare []byte) (lines []byte, dropped int, turns []*turn, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines, dropped, turns, closed = q.lines, q.dropped, q.turns, q.closed
	q.lines, q.dropped, q.turns = spare[:0], 0, nil
	return lines, dropped, turns, closed
}

// lost counts the lines of what a failed write left over. The line about the
// dropped ones, if there was one, is the last: instead of it they count again.
func (q *queue) lost(rest []byte, dropped int) {
	if len(rest) == 0 {
		return
	}
	count := bytes.Count(rest, []byte{'\n'}) + dropped
	if dropped > 0 {
		count--
	}
	q.mu.Lock()
	q.dropped += count
	q.mu.Unlock()
}

// write is the writer goroutine. It ends when Close was called and everything
// that was queued is written.
func (l *Logger) write() {
	q := l.queue
	defer close(q.done)
	sweep := time.NewTicker(repeatEvery)
	defer sweep.Stop()
	var spare []byte
	for {
		lines, dropped, turns, closed := q.take(spare)
		for _, t := range turns {
			q.put(t.before, 0)
			q.follow(t)
		}
		if dropped > 0 {
			lines = q.at.style.appendLine(lines, Warn, fmt.Appendf(nil, "%d log lines were dropped: the log did not take them in time", dropped))
		}
		q.put(lines, dropped)
		q.put(q.at.rotate(), 0)
		if closed {
			break
		}
		spare = lines
		select {
		case <-q.wake:
		case now := <-sweep.C:
			l.repeat.sweep(l, now)
		}
	}
	q.at.Close()
}

// put writes lines, the last of which may be about dropped ones.
func (q *queue) put(lines []byte, dropped int) {
	if len(lines) == 0 {
		return
	}
	n, err := q.at.out.Write(lines)
	q.at.size += int64(n)
	if err != nil {
		q.lost(lines[n:], dropped)
	}
}

// follow goes on where a turn says.
func (q *queue) follow(t *turn) {
	if t.outlet != nil {
		q.at.Close()
		q.at = t.outlet
	} else if q.at.file != nil {
		q.at.file.Close()
		q.at.out, q.at.file = t.file, t.file
		q.at.restart(t.file)
	} else { // it went elsewhere meanwhile
		t.file.Close()
	}
	close(t.done)
}

// Reopen opens the log file name and goes on there: lines queued before go to
// the old file. It is how a log that was moved away is rotated. It waits for
// the writer, at most switchWait; on an error the old file stays in use.
func (l *Logger) Reopen(name string) error {
	q := l.queue
	if q == nil || name == "" {
		return errNotFile
	}
	f, err := openFile(name)
	if err != nil {
		return fmt.Errorf("opening the log file: %w", err)
	}
	return q.turn(&turn{file: f}, func() {})
}

// turn has the writer go on elsewhere with the lines that come from now on, and waits for it. under is called with
// the mutex.
func (q *queue) turn(t *turn, under func()) error {
	t.done = make(chan struct{})
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		if t.file != nil {
			t.file.Close()
		} else {
			t.outlet.Close()
		}
		return errClosed
	}
	t.before, q.lines = q.lines, nil
	q.turns = append(q.turns, t)
	under()
	q.mu.Unlock()
	q.ring()
	late := time.NewTimer(switchWait)
	defer late.Stop()
	select {
	case <-t.done:
		return nil
	case <-q.done:
		return errClosed
	case <-late.C:
		return errBlocked
	}
}

// Close writes what is queued, closes the log file and ends the writer
// goroutine; lines that come later are ignored. It waits at most deadline: a
// blocked log then keeps its goroutine, and the error says so. Calling it again
// waits again.
func (l *Logger) Close(deadline time.Duration) error {
	q := l.queue
	if q == nil {
		return nil
	}
	l.repeat.flush(l)
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ring()
	late := time.NewTimer(deadline)
	defer late.Stop()
	select {
	case <-q.done:
		return nil
	case <-late.C:
		return errBlocked
	}
}
