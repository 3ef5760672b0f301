package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"gnatsd-ev/bench"
)

// plainEvery is how often a line is printed where lines cannot be redrawn.
const plainEvery = 5 * time.Second

// A progress shows how runs go: one line redrawn each second on a terminal, a line each
// five seconds elsewhere.
type progress struct {
	w        io.Writer
	terminal bool

	mu    sync.Mutex // leaf; guards what follows, since stages may run beside each other
	said  time.Time
	drawn bool
}

// newProgress shows progress on w.
func newProgress(w io.Writer) *progress {
	p := &progress{w: w, said: time.Now()}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// show is a bench.Target's Watch.
func (p *progress) show(scenario string, m bench.Moment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal && time.Since(p.said) < plainEvery-plainEvery/10 {
		return
	}
	p.said = time.Now()
	line := fmt.Sprintf("%s %.0f s: %d connections, %.0f deliveries/s", scenario, m.At, m.Conns, m.Deliveries)
	if m.ResidentMB > 0 {
		line += fmt.Sprintf(", broker %.2f processors, %.0f MB", m.CPUs, m.ResidentMB)
	}
	if !p.terminal {
		fmt.Fprintln(p.w, line)
		return
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	p.drawn = true
}

// end takes the line off the terminal.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
