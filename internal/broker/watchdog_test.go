package broker

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/loop"
)

// logBuffer is a log that a test reads while it is written.
type logBuffer struct {
	mu  sync.Mutex // a leaf; guards all
	all bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// A loop that is held up is logged once with what it is doing, and counted, and so is that it
// goes on; those beside it are served meanwhile.
func TestAStuckLoopIsLogged(t *testing.T) {
	out := &logBuffer{}
	log, err := logging.New(logging.Options{Output: out})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(time.Second)
	o := config.Default()
	o.Host, o.Port, o.Loops, o.Pin, o.MaxConnections = "127.0.0.1", config.RandomPort, 2, config.Off, 100
	b, err := New(o, Identity{ID: "TEST", Name: "test", Version: "0"}, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	defer b.Shutdown(time.Second)
	r := &rig{Broker: b, t: t, addr: b.Facts().Listeners[0].String(), loops: 2}
	beside := r.on(0, "beside")
	release := make(chan struct{})
	b.group.Loops()[1].Do(func(*loop.Loop) { heldUp(release) })
	const told = "[ERR] Loop 1 has not turned for "
	eventually(t, "it is told", func() bool { return strings.Contains(out.String(), told) && b.Stats().Loops[1].StuckFor > 0 }, func() any { return out.String() })
	beside.barrier("the other loop turns")
	if s := b.Stats().Loops[1]; s.Stuck != 1 {
		t.Errorf("counted %d times", s.Stuck)
	}
	close(release)
	eventually(t, "its end is told", func() bool { return strings.Contains(out.String(), "[WRN] Loop 1 turns again after ") }, func() any { return out.String() })
	eventually(t, "its lag is what it took", func() bool { return b.Stats().Loops[1].Lag.Ever >= time.Second }, func() any { return b.Stats() })
	text := out.String()
	if strings.Count(text, told) != 1 || !strings.Contains(text, "broker.heldUp watchdog_test.go:") {
		t.Errorf("the log holds %s", text)
	}
	if s := b.Stats().Loops[1]; s.StuckFor != 0 || s.Stuck != 1 {
		t.Errorf("in the end stuck %d times, now for %v", s.Stuck, s.StuckFor)
	}
}

// heldUp is what the stack must show.
//
//go:noinline
func heldUp(release chan struct{}) { <-release }
