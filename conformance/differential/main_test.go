package differential

// The servers that the tests of this package share.

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/conformance/oracle"
)

// loopCounts are how many loops the gnatsd-ev under test have.
var loopCounts = []int{1, 4}

// binaryVariable names a gnatsd-ev to test instead of a fresh build.
const binaryVariable = "GNATSD_EV_BINARY"

// servers are the running ones of each class.
var servers [classCount]Set

// set returns the servers of a class, with observers of its own.
func set(c Class) *Set {
	s := &Set{Oracle: &Server{Name: servers[c].Oracle.Name, Address: servers[c].Oracle.Address, Oracle: true}}
	for _, o := range servers[c].Ours {
		s.Ours = append(s.Ours, &Server{Name: o.Name, Address: o.Address, Loops: o.Loops})
	}
	return s
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "differential")
	if err == nil {
		err = start(dir, m.Run)
	}
	os.RemoveAll(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// start starts all servers, runs the tests, and stops what was started.
func start(dir string, run func() int) error {
	binary := os.Getenv(binaryVariable)
	if binary == "" {
		var err error
		if binary, err = candidate.Build(dir, "../..", "gnatsd-ev", "./cmd/gnatsd-ev"); err != nil {
			return err
		}
	}
	kingdom.binary, kingdom.dir = binary, dir
	defer kingdom.end()
	for c := range classCount {
		if c == Guarded {
			continue // those are started when a script asks for them
		}
		real, err := oracle.Start(c.Options(), -1)
		if err != nil {
			return err
		}
		defer real.Stop()
		servers[c].Oracle = &Server{Name: "nats-server", Address: real.Address()}
		for _, loops := range loopCounts {
			name := fmt.Sprintf("gnatsd-ev with %d loops", loops)
			ports := filepath.Join(dir, fmt.Sprintf("%d-%d", c, loops))
			if err := os.Mkdir(ports, 0o755); err != nil {
				return err
			}
			p, err := candidate.Start(binary, ports, candidate.Setting{Options: c.Options(), Loops: loops})
			if err != nil {
				return err
			}
			defer p.Stop()
			servers[c].Ours = append(servers[c].Ours, &Server{Name: name, Address: p.Address(), Loops: loops})
		}
	}
	if code := run(); code != 0 {
		return fmt.Errorf("tests ended with status %d", code)
	}
	return nil
}
