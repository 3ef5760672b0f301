package conformance

// What a broker's process takes of memory while a test floods it.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/internal/transcript"
)

const (
	// memoryVariable asks for the tests of memory at full size.
	memoryVariable = "GNATSD_EV_MEMORY"

	// peerVariable names a nats-server to show beside, at full size.
	peerVariable = "GNATSD_EV_PEER"

	// stopAt is the resident memory at which a broker is killed for the machine's sake.
	stopAt = 3 << 30

	megabyte = 1 << 20
)

func fullSize() bool { return os.Getenv(memoryVariable) != "" }

// watched is a broker in a process of its own, of which somebody watches the memory.
type watched struct {
	name    string
	address string
	pid     int
	output  func() string
	peak    atomic.Int64
	killed  atomic.Bool // it took too much
	end     chan struct{}
	ended   chan struct{}
}

// watchOurs runs gnatsd-ev with options and variables of the environment.
func watchOurs(t *testing.T, loops int, options transcript.Options, environment ...string) *watched {
	t.Helper()
	env, err := exec.LookPath("env")
	if err != nil {
		t.Skip("there is no env to set variables with")
	}
	p := process(t, candidate.Setting{Options: options, Loops: loops, Wrapper: append([]string{env, "GODEBUG=gctrace=1"}, environment...)})
	return watch(t, &watched{name: "gnatsd-ev", address: p.Address(), pid: p.Pid, output: p.Output})
}

// watchPeer runs a nats-server, or returns nil when none is named.
func watchPeer(t *testing.T, environment ...string) *watched {
	t.Helper()
	path := os.Getenv(peerVariable)
	if path == "" {
		return nil
	}
	dir := t.TempDir()
	cmd := exec.Command(path, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", dir)
	cmd.Env = append(append(os.Environ(), "GODEBUG=gctrace=1"), environment...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var output bytes.Buffer // read once the process has ended
	cmd.Stderr = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	stop := func() {
		select {
		case <-done:
		default:
			_ = cmd.Process.Kill() // fails only when it has ended
			_ = cmd.Wait()         // that it was killed is known
			close(done)
		}
	}
	t.Cleanup(stop)
	w := &watched{name: "nats-server", pid: cmd.Process.Pid, output: func() string { stop(); return output.String() }}
	var ports struct{ Nats []string }
	for deadline := time.Now().Add(wait); len(ports.Nats) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s wrote no ports file", path)
		}
		found, _ := filepath.Glob(filepath.Join(dir, "*.ports")) // fails only for a bad pattern
		if len(found) == 1 {
			text, _ := os.ReadFile(found[0])
			_ = json.Unmarshal(text, &ports) // half written: again
		}
	}
	w.address = strings.TrimPrefix(ports.Nats[0], "nats://")
	return watch(t, w)
}

// watch follows the resident memory of a process until the test ends.
func watch(t *testing.T, w *watched) *watched {
	w.end, w.ended = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			n := w.resident()
			w.peak.Store(max(w.peak.Load(), n))
			if n > stopAt && !w.killed.Swap(true) {
				_ = syscall.Kill(w.pid, syscall.SIGKILL)
			}
			select {
			case <-w.end:
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { close(w.end); <-w.ended })
	return w
}

// resident is how much memory the process has now, 0 if there is none.
func (w *watched) resident() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", w.pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel writes numbers
	return pages * int64(os.Getpagesize())
}

var (
	gcShare  = regexp.MustCompile(`gc \d+ @[\d.]+s (\d+)%`)
	slowLine = regexp.MustCompile(`.*Slow Consumer.*`)
)

// collectorShare is how much of its processors' time the collector took, in percent.
func (w *watched) collectorShare() int {
	all := gcShare.FindAllStringSubmatch(w.output(), -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1][1]) // digits
	return n
}

// printFigure prints one line of JSON.
func printFigure(t *testing.T, figure any) {
	t.Helper()
	b, err := json.Marshal(figure)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", b)
}

// slowLines is what the broker says of slow consumers.
func slowLines(w *watched) string { return strings.Join(slowLine.FindAllString(w.output(), -1), "\n") }
