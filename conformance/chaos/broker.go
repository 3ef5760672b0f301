package chaos

import (
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/internal/transcript"
)

// binaryVariable names a gnatsd-ev to test instead of a fresh build.
const binaryVariable = "GNATSD_EV_BINARY"

// A Setting says which broker to run and how. Its zero value is gnatsd-ev on any
// port, with as many loops as it likes.
type Setting struct {
	Real    bool               // nats-server, not gnatsd-ev
	Loops   int                // of gnatsd-ev; 0 leaves it to the broker
	Options transcript.Options // as nats-server's configuration file names them
	Flags   []string           // further arguments
	Env     []string           // NAME=value
	Limits  []string           // arguments of prlimit, as in --nofile=256
	Port    int                // 0 is any
}

// Name is the broker in words.
func (s Setting) Name() string {
	switch {
	case s.Real:
		return "nats-server"
	case s.Loops == 1:
		return "gnatsd-ev, 1 loop"
	case s.Loops > 1:
		return fmt.Sprintf("gnatsd-ev, %d loops", s.Loops)
	}
	return "gnatsd-ev"
}

// A Broker is one that runs as a child process.
type Broker struct {
	*candidate.Process
	setting Setting
	binary  string
}

// Start runs a broker until the test ends; the test fails if it ends otherwise.
func Start(t testing.TB, s Setting) *Broker {
	t.Helper()
	b := &Broker{setting: s, binary: binaryOf(t, s.Real)}
	b.start(t)
	stop := b.progress()
	t.Cleanup(func() {
		stop()
		if err := b.Stop(); err != nil {
			t.Errorf("%s: %v", s.Name(), err)
		}
	})
	return b
}

func (b *Broker) start(t testing.TB) {
	t.Helper()
	s := candidate.Setting{Loops: b.setting.Loops, Port: b.setting.Port, Env: b.setting.Env, Options: b.setting.Options}
	s.Flags = append(s.Flags, b.setting.Flags...)
	if b.setting.Real {
		s.Options = nil
		s.Flags = append(s.Flags, "-c", configuration(t, b.setting.Options))
	}
	if len(b.setting.Limits) > 0 {
		prlimit, err := exec.LookPath("prlimit")
		if err != nil {
			t.Skip("there is no prlimit to set limits with")
		}
		s.Wrapper = append([]string{prlimit}, b.setting.Limits...)
	}
	p, err := candidate.Start(b.binary, t.TempDir(), s)
	if err != nil {
		t.Fatal(err)
	}
	b.Process = p
}

// progressEvery is how often a long test says that it is on its way.
const progressEvery = 10 * time.Second

// progress prints now and then what the broker uses, in long forms, until it is stopped.
func (b *Broker) progress() (stop func()) {
	if !Long() {
		return func() {}
	}
	ticker, done, start := time.NewTicker(progressEvery), make(chan struct{}), time.Now()
	go func() {
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			if u, err := b.usage(); err == nil {
				fmt.Fprintf(os.Stderr, "  %s: %.0f s, %.1f MB, %.1f s of processor, %d descriptors\n",
					b.setting.Name(), time.Since(start).Seconds(), u.ResidentMB, u.CPU.Seconds(), u.Descriptors)
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
	}
}

// configuration writes options down as a file for nats-server.
func configuration(t testing.TB, options transcript.Options) string {
	t.Helper()
	var text strings.Builder
	for name, value := range options {
		if _, err := strconv.Atoi(value); err != nil {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(&text, "%s: %s\n", name, value)
	}
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Restart kills the broker and runs it anew on the same port.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	_, port, err := net.SplitHostPort(b.Address())
	if err != nil {
		t.Fatal(err)
	}
	if b.setting.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	b.Kill()
	b.start(t)
}

// Signal sends a signal to the broker, as SIGSTOP and SIGCONT.
func (b *Broker) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(b.Pid, signal); err != nil {
		t.Fatal(err)
	}
}

// A Usage is what a broker has used and holds.
type Usage struct {
	CPU         time.Duration // of all threads since it began
	ResidentMB  float64
	PeakMB      float64 // the most it was resident with
	Descriptors int
	Threads     int
}

// Usage reads what the broker uses from /proc.
func (b *Broker) Usage(t testing.TB) Usage {
	t.Helper()
	u, err := b.usage()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (b *Broker) usage() (u Usage, err error) {
	if u.CPU, err = b.CPU(); err != nil {
		return u, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.Pid))
	if err != nil {
		return u, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.Pid))
	if err != nil {
		return u, err
	}
	u.ResidentMB = statusNumber(string(status), "VmRSS:") / 1024
	u.PeakMB = statusNumber(string(status), "VmHWM:") / 1024
	u.Threads = int(statusNumber(string(status), "Threads:"))
	u.Descriptors = len(open)
	return u, nil
}

// statusNumber is the number behind a key of /proc's status.
func statusNumber(status, key string) float64 {
	_, rest, _ := strings.Cut(status, key)
	if words := strings.Fields(rest); len(words) > 0 {
		if n, err := strconv.ParseFloat(words[0], 64); err == nil {
			return n
		}
	}
	return math.NaN()
}

// Main is the body of TestMain of a package that uses this one.
func Main(m *testing.M) int {
	if code, crowd := serveCrowd(); crowd {
		return code
	}
	var err error
	if buildDir, err = os.MkdirTemp("", "chaos-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(buildDir)
	return m.Run()
}

var buildDir string // Main makes and removes it

func binaryOf(t testing.TB, real bool) string {
	t.Helper()
	build := buildOurs
	if real {
		build = buildReal
	} else if path := os.Getenv(binaryVariable); path != "" {
		return path
	}
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildOurs = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gnatsd-ev").Output()
	if err != nil {
		return "", fmt.Errorf("where is the broker's source: %w", err)
	}
	return candidate.Build(buildDir, strings.TrimSpace(string(root)), "gnatsd-ev", "./cmd/gnatsd-ev")
})

var buildReal = sync.OnceValues(func() (string, error) {
	return candidate.Build(buildDir, "", "nats-server", "github.com/nats-io/nats-server/v2")
})
