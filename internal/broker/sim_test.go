//go:build invariants

package broker

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// simNumber returns a number from the environment.
func simNumber(t *testing.T, name string, otherwise uint64) (n uint64, given bool) {
	text := os.Getenv(name)
	if text == "" {
		return otherwise, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n, true
}

// TestSimulation runs many seeds, or prints all of one: see sim in the Makefile.
func TestSimulation(t *testing.T) {
	if seed, one := simNumber(t, "GNATSD_EV_SIM_SEED", 0); one {
		o := simulate(seed, -1, func(line string) { fmt.Println(line) })
		t.Logf("seed %d: %d actions, %d turns, %d deliveries, hash %016x", o.seed, o.actions, o.turns, o.deliveries, o.hash)
		if o.failure != "" {
			t.Fatal(o.failure)
		}
		return
	}
	many, long := simNumber(t, "GNATSD_EV_SIM_SEEDS", uint64(scale(100, 500, 20_000)))
	first, _ := simNumber(t, "GNATSD_EV_SIM_FROM", 1)
	begun, said, deliveries := time.Now(), time.Now(), 0
	for seed := first; seed < first+many; seed++ {
		o := simulate(seed, -1, nil)
		if o.failure != "" {
			t.Fatal(explain(o))
		}
		deliveries += o.deliveries
		if long && time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Printf("%d seeds, %.0f a second, %d deliveries\n", seed-first+1, float64(seed-first+1)/time.Since(begun).Seconds(), deliveries)
		}
	}
	t.Logf("%d seeds, %.0f a second, %d deliveries", many, float64(many)/time.Since(begun).Seconds(), deliveries)
}

// explain says how a seed fails: after the fewest actions of clients it fails with, and
// with the end of its trace.
func explain(o outcome) string {
	for n := range o.actions {
		if s := simulate(o.seed, n, nil); s.failure != "" {
			o = s
			break
		}
	}
	var lines []string
	again := simulate(o.seed, o.actions, func(line string) { lines = append(lines, line) })
	note := ""
	if again.failure != o.failure || again.hash != o.hash {
		note = "\nIT DID NOT FAIL THE SAME WAY AGAIN: " + again.failure
	}
	return fmt.Sprintf("seed %d fails, first after %d actions, in turn %d of the scheduler (make sim SEED=%d):\n%s%s\n\n%s",
		o.seed, o.actions, o.turns, o.seed, o.failure, note, strings.Join(lines[max(0, len(lines)-100):], "\n"))
}

// A seed that fails is worth nothing if it does not fail again.
func TestSimulationsRepeatThemselves(t *testing.T) {
	hashes := map[uint64]bool{}
	for seed := range uint64(scale(20, 60, 1000)) {
		var lines []string
		first, at := simulate(seed, -1, func(line string) { lines = append(lines, line) }), 0
		again := simulate(seed, -1, func(line string) {
			if at < len(lines) && lines[at] != line {
				t.Errorf("seed %d: line %d of the trace was %s, then %s", seed, at, lines[at], line)
				at = len(lines)
			}
			at++
		})
		if first != again {
			t.Fatalf("seed %d came out differently: %+v, then %+v", seed, first, again)
		}
		hashes[first.hash] = true
	}
	if len(hashes) < 20 {
		t.Errorf("seeds make only %d different worlds", len(hashes))
	}
}
