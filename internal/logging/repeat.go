package logging

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

const (
	// repeatEvery is how often the same text may appear, as in nats-server.
	repeatEvery = time.Second

	// repeatKeysMax bounds the texts remembered at one time. Keys should not
	// hold what a peer sent; if they do, all beyond this count as one.
	repeatKeysMax = 1024
)

// overflowKey stands for all keys beyond repeatKeysMax.
const overflowKey = "\x00overflow"

// repeats remembers which limited lines were written in the last second.
type repeats struct {
	mu   sync.Mutex // a leaf; guards seen and what it points to
	seen map[string]*repeat
}

// A repeat is one limited text.
type repeat struct {
	level      Level
	text       []byte    // the line written last, without its head
	at         time.Time // when
	suppressed int       // how many came since
}

// Limited writes a line unless one with the same key was written within the
// last second. Lines kept back are counted, not formatted; after the second
// the text comes once more with their number: "text (37 similar suppressed)".
// The key is usually the format: no key should be made from what a peer sent.
func (l *Logger) Limited(level Level, key, format string, v ...any) {
	if !l.on(level) {
		return
	}
	e, suppressed := l.repeat.admit(level, key, time.Now())
	if e == nil {
		return
	}
	text := fmt.Appendf(nil, format, v...)
	l.repeat.remember(e, text)
	if suppressed > 0 {
		text = appendSuppressed(text, suppressed)
	}
	l.line(level, text)
}

// appendSuppressed appends how often a text was kept back.
func appendSuppressed(text []byte, count int) []byte {
	return fmt.Appendf(text, " (%d similar suppressed)", count)
}

// admit returns the entry of the key and how many lines it kept back if a line
// may be written now, and nil if this one is kept back too.
func (r *repeats) admit(level Level, key string, now time.Time) (*repeat, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = make(map[string]*repeat)
	}
	if r.seen[key] == nil && len(r.seen) >= repeatKeysMax {
		key = overflowKey
	}
	e := r.seen[key]
	if e == nil {
		e = &repeat{level: level, at: now}
		r.seen[key] = e
		return e, 0
	}
	if now.Sub(e.at) < repeatEvery {
		e.suppressed++
		return nil, 0
	}
	suppressed := e.suppressed
	e.at, e.suppressed = now, 0
	return e, suppressed
}

// remember keeps the text that admit let through, for the line that will tell
// how often it came again.
func (r *repeats) remember(e *repeat, text []byte) {
	r.mu.Lock()
	e.text = text
	r.mu.Unlock()
}

// sweep writes the counts of the texts whose second is over and forgets those
// that did not come again. The writer goroutine calls it once a second.
func (r *repeats) sweep(l *Logger, now time.Time) {
	r.each(l, func(e *repeat) bool { return now.Sub(e.at) >= repeatEvery }, now)
}

// flush writes all counts, for Close.
func (r *repeats) flush(l *Logger) {
	r.each(l, func(*repeat) bool { return true }, time.Now())
}

// each writes the counts of the texts that are due.
func (r *repeats) each(l *Logger, due func(*repeat) bool, now time.Time) {
	var told []repeat
	r.mu.Lock()
	for key, e := range r.seen {
		switch {
		case !due(e):
		case e.suppressed == 0:
			delete(r.seen, key)
		default:
			told = append(told, *e)
			e.at, e.suppressed = now, 0
		}
	}
	r.mu.Unlock()
	for i := range told {
		l.line(told[i].level, appendSuppressed(bytes.Clone(told[i].text), told[i].suppressed))
	}
}
