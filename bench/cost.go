package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// A Process is one we read the cost of, by its id. Zero is unknown: it has no
// cost.
type Process int

// A Usage is what a process has used since it began, and holds now.
type Usage struct {
	CPU      time.Duration // user and system time of all threads, ended ones as well
	Resident int64         // bytes
	Switches int64         // context switches of the threads that live
	Calls    int64         // read and write system calls, of files as well; 0 where nobody counts them
}

// Usage reads the process's cost. It takes milliseconds for a process with much
// memory; the time is read first.
func (p Process) Usage() (Usage, error) {
	var u Usage
	var err error
	if u.CPU, err = processCPU(int(p)); err != nil {
		return u, fmt.Errorf("read processor time of process %d: %w", p, err)
	}
	if u.Resident, err = p.resident(); err != nil {
		return u, fmt.Errorf("read memory of process %d: %w", p, err)
	}
	u.Calls = p.calls()
	u.Switches, err = p.switches()
	return u, err
}

// calls is what the kernel counts without being asked to: read(2), write(2) and
// their kin, by which Go and Redis serve sockets. Waits for events are not in it.
func (p Process) calls() int64 {
	b, err := os.ReadFile(p.path("io"))
	if err != nil {
		return 0 // somebody else's process, or not Linux
	}
	reads, _ := field(b, "syscr:")
	writes, _ := field(b, "syscw:")
	return reads + writes
}

// resident prefers smaps_rollup, which is exact; VmRSS may be off by some
// hundred kilobytes, which counts when a connection costs half of one.
func (p Process) resident() (int64, error) {
	for _, source := range [...]struct{ file, key string }{{"smaps_rollup", "Rss:"}, {"status", "VmRSS:"}} {
		b, err := os.ReadFile(p.path(source.file))
		if err != nil {
			continue
		}
		if n, ok := field(b, source.key); ok {
			return n << 10, nil
		}
	}
	return 0, errors.New("neither smaps_rollup nor status tells")
}

func (p Process) switches() (int64, error) {
	files, err := filepath.Glob(p.path("task/*/status"))
	if err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		voluntary, _ := field(b, "\nvoluntary_ctxt_switches:")
		involuntary, _ := field(b, "nonvoluntary_ctxt_switches:")
		sum += voluntary + involuntary
	}
	return sum, nil
}

func (p Process) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(int(p)), name)
}

// ticksPerSecond is the unit of /proc/stat, the same on all Linux systems we run on.
const ticksPerSecond = 100

// machineBusy is how long all processors together have not idled since the
// machine started; 0 where /proc/stat does not tell.
func machineBusy() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	ticks := int64(0)
	for i, word := range bytes.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 7 { // name; idle, iowait; steal, guests
			continue
		}
		n, err := strconv.ParseInt(string(word), 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// field returns the number behind key in a file of "key: number unit" lines.
func field(b []byte, key string) (int64, bool) {
	_, rest, ok := bytes.Cut(b, []byte(key))
	if !ok {
		return 0, false
	}
	words := bytes.Fields(rest[:min(len(rest), 64)])
	if len(words) == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(words[0]), 10, 64)
	return n, err == nil
}

// heapObjects is what a process has allocated so far, and what asking costs it.
func (t Target) heapObjects() (total, asking int64, err error) {
	first, err := heapObjects(t.Profile)
	if err != nil {
		return 0, 0, err
	}
	total, err = heapObjects(t.Profile)
	return total, total - first, err
}

// heapObjects is how many heap objects a Go process with net/http/pprof on port
// has allocated since it began.
func heapObjects(port int) (int64, error) {
	url := fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/allocs?debug=1", port)
	resp, err := http.Get(url)
	if err != nil {
		return 0, fmt.Errorf("ask for heap objects: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", url, err)
	}
	n, ok := field(b, "# Mallocs =")
	if !ok {
		return 0, fmt.Errorf("%s has no line \"# Mallocs =\"", url)
	}
	return n, nil
}
