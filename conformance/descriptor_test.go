package conformance

// Too few descriptors: those who are connected do not notice, those who wait
// are served as soon as somebody leaves, and nobody spins meanwhile.

import (
	"os/exec"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/internal/transcript"
)

const (
	descriptors = "64" // what the broker may have
	callers     = 100  // how many want a connection
	leavers     = 10   // how many of the served go
	idleWindow  = 2 * time.Second
	idleCPU     = 200 * time.Millisecond // a tenth of one processor; spinning takes all of it
)

func limited(t *testing.T) []string {
	t.Helper()
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("there is no prlimit to take descriptors away with")
	}
	return []string{prlimit, "--nofile=" + descriptors}
}

// TestDescriptorsRunOut allows more connections than there are descriptors.
func TestDescriptorsRunOut(t *testing.T) {
	p := process(t, candidate.Setting{
		Loops: 2, Wrapper: limited(t), Options: transcript.Options{"max_connections": "1000"},
	})
	served, waiting := call(t, p)
	if len(served) < 10 || len(waiting) < leavers {
		t.Fatalf("%d served and %d waiting of %d with %s descriptors", len(served), len(waiting), callers, descriptors)
	}
	before, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(idleWindow)
	after, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	if after-before > idleCPU {
		t.Errorf("used %v of processor in %v without anything to do", after-before, idleWindow)
	}
	mustPing(t, served, time.Second)
	for _, c := range served[:leavers] {
		c.conn.Close()
	}
	// They are served in the order they came.
	for i, c := range waiting[:leavers] {
		if err := c.greeted(time.Second); err != nil {
			t.Errorf("the %d. of those who wait: %v", i+1, err)
		}
	}
	mustPing(t, waiting[:leavers], time.Second)
	mustPing(t, served[leavers:], time.Second)
}

// call connects all callers and tells those who are greeted from those who
// hang in the kernel's queue.
func call(t *testing.T, p *candidate.Process) (served, waiting []*rawClient) {
	t.Helper()
	for range callers {
		// One who waits is enough to know that all who follow do.
		patience := time.Second
		if len(waiting) > 0 {
			patience = time.Millisecond
		}
		c, err := dialRaw(t, p, patience)
		switch {
		case err == nil:
			served = append(served, c)
		case c != nil:
			waiting = append(waiting, c)
		default:
			t.Fatal(err)
		}
	}
	return served, waiting
}

// TestDescriptorsLimitConnections leaves max_connections to the broker: it
// must not promise more than the descriptors allow, so that the one too many
// is told instead of left waiting.
func TestDescriptorsLimitConnections(t *testing.T) {
	p := process(t, candidate.Setting{Loops: 2, Wrapper: limited(t)})
	var served []*rawClient
	for range callers {
		c, err := dialRaw(t, p, wait)
		if err != nil {
			t.Fatalf("after %d: %v", len(served), err)
		}
		if c.ping(wait) == nil {
			served = append(served, c)
			continue
		}
		break
	}
	if len(served) == 0 || len(served) == callers {
		t.Fatalf("%d of %d served with %s descriptors", len(served), callers, descriptors)
	}
	extra, err := dialRaw(t, p, wait)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := extra.line(wait); line != "-ERR 'maximum connections exceeded'" {
		t.Errorf("the one too many was told %q (%v)", line, err)
	}
	if line, err := extra.line(wait); err == nil {
		t.Errorf("the one too many was told %q instead of the end", line)
	}
	mustPing(t, served, wait)
	served[0].conn.Close()
	for deadline := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		if c, err := dialRaw(t, p, wait); err == nil && c.ping(wait) == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody is let in after one has left")
		}
	}
}
