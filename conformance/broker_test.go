package conformance

// The brokers under test: the oracle in this process, and gnatsd-ev with one
// loop and with several.

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/conformance/oracle"
	"gnatsd-ev/internal/transcript"
)

// binaryVariable names a gnatsd-ev to test instead of a fresh build.
const binaryVariable = "GNATSD_EV_BINARY"

// server is one running broker.
type server interface {
	Address() string
	Dial() (net.Conn, error)
}

// broker is one kind of broker and how it is configured.
type broker struct {
	name  string
	loops int // of gnatsd-ev; 0 is the oracle
}

var brokers = []broker{
	{"nats-server", 0},
	{"gnatsd-ev-1-loop", 1},
	{"gnatsd-ev-4-loops", 4},
}

// start runs the broker until the test ends; port 0 is any free one.
func (b broker) start(t testing.TB, options transcript.Options, port int) server {
	t.Helper()
	started, stop := b.startUntil(t, options, port)
	t.Cleanup(stop)
	return started
}

// startUntil runs the broker until stop is called.
func (b broker) startUntil(t testing.TB, options transcript.Options, port int) (s server, stop func()) {
	t.Helper()
	if b.loops > 0 {
		p := startProcess(t, candidate.Setting{Options: options, Loops: b.loops, Port: port})
		return p, func() {
			if err := p.Stop(); err != nil {
				t.Errorf("gnatsd-ev: %v", err)
			}
		}
	}
	if port == 0 {
		port = -1
	}
	real, err := oracle.Start(options, port)
	if err != nil {
		t.Fatal(err)
	}
	return real, real.Stop
}

// onEach runs a test on every broker.
func onEach(t *testing.T, options transcript.Options, test func(t *testing.T, s server)) {
	t.Helper()
	for _, b := range brokers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, b.start(t, options, 0))
		})
	}
}

// startProcess runs gnatsd-ev; who calls it must stop it.
func startProcess(t testing.TB, s candidate.Setting) *candidate.Process {
	t.Helper()
	p, err := candidate.Start(binary(t), t.TempDir(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// process runs gnatsd-ev until the test ends and reports how it ended.
func process(t testing.TB, s candidate.Setting) *candidate.Process {
	t.Helper()
	p := startProcess(t, s)
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("gnatsd-ev: %v", err)
		}
	})
	return p
}

// binary returns the path of the gnatsd-ev to test.
func binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(binaryVariable); path != "" {
		return path
	}
	if _, err := os.Stat(filepath.Join("..", "cmd", "gnatsd-ev")); err != nil {
		t.Skipf("there is no ../cmd/gnatsd-ev to build yet and %s is not set", binaryVariable)
	}
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// buildDir holds the binary; TestMain makes and removes it.
var buildDir string

// build builds ../cmd/gnatsd-ev once, with the module of the broker.
var build = sync.OnceValues(func() (string, error) {
	return candidate.Build(buildDir, "..", "gnatsd-ev", "./cmd/gnatsd-ev")
})

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "conformance-"+strconv.Itoa(os.Getpid())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// These tests wait more than they compute.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(code)
}
