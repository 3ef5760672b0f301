package differential

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// What make differential sets: how many scripts, and from which seed on.
const (
	countVariable = "GNATSD_EV_DIFFERENTIAL"
	seedVariable  = "GNATSD_EV_SEED"
)

// The short form plays the first scripts, and as many from a seed that changes.
const (
	shortFixed  = 1200
	shortRandom = 800
)

// workers is how many scripts are played at once.
const workers = 8

// failuresMax is how many differences are shown.
const failuresMax = 5

// gnatsd-ev answers generated scripts as nats-server does, whatever the number of loops.
func TestDifferential(t *testing.T) {
	count, long := numberOf(t, countVariable)
	first, given := numberOf(t, seedVariable)
	switch {
	case given && !long:
		count = 1
	case !long:
		t.Run("fixed", func(t *testing.T) { allReached(t, playAll(t, 1, shortFixed)) })
		count = shortRandom
	}
	if !given {
		first = rand.Uint64N(1 << 40)
	}
	t.Logf("seeds from %d on", first)
	playAll(t, first, int(count))
}

func numberOf(t *testing.T, variable string) (n uint64, given bool) {
	text := os.Getenv(variable)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n, true
}

// playAll plays scripts and reports every one that differs, shrunk.
func playAll(t *testing.T, first uint64, count int) *Totals {
	run := Run{First: first, Count: count, Workers: workers, Servers: set, Realm: kingdom.enter, Progress: os.Stderr, FailuresMax: failuresMax}
	totals, err := run.Do()
	t.Log(totals)
	for _, f := range totals.Failures {
		report(t, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return totals
}

// allReached says whether the scripts came to every deviation: one that is never
// reached allows nothing and belongs deleted.
func allReached(t *testing.T, totals *Totals) {
	for _, id := range deviationIDs() {
		if id != deviationPassed && totals.Reached[id] == 0 { // that one is rare, and has a test of its own
			t.Errorf("no script came to the deviation %s", id)
		}
	}
}

func report(t *testing.T, f *Failure) {
	servers, leave, err := serversOf(f.Script)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if r := f.Script.realm(); r != nil {
		t.Logf("seed %d has the configuration\n%s", f.Script.Seed, r.config)
	}
	script, v := servers.Shrink(f.Script, f.Verdict)
	t.Errorf("seed %d: %s differs: %s\nafter shrinking: %s: %s\n%s", f.Script.Seed, f.Verdict.Name, f.Verdict.Difference,
		v.Name, v.Difference, script.Wire(v.theirs))
}
