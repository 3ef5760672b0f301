package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEveryRowHasItsScenario(t *testing.T) {
	for _, k := range tasks {
		s, ok := Find(k.scenario)
		if !ok {
			t.Errorf("%s: no scenario %q", k.name, k.scenario)
			continue
		}
		k.load.Readers = 1
		if err := k.load.Check(s); err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
	}
}

// What is to hold of rows can be read, and is about their contenders.
func TestWhatIsToHoldCanBeRead(t *testing.T) {
	contenders := []string{"ours", "nats", "redis", "mosquitto", "floor", "one", "no-uring"}
	for _, k := range tasks {
		for _, r := range k.rows {
			limits, err := r.limits()
			if err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
			for _, l := range limits {
				if err := l.Check([]string{r.name}, contenders); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// What takes minutes is for full runs, and for who asks for it.
func TestLoadsFollowTheDurations(t *testing.T) {
	load := func(p Plan, name string) (Load, string, bool) {
		p.Table = CompareTable
		for _, k := range p.chosen() {
			if k.name == name {
				return k.load, k.rows[0].label, true
			}
		}
		return Load{}, "", false
	}
	for scale, want := range map[float64]bool{1: true, 0.35: false} {
		if _, _, ok := load(Plan{Scale: scale}, "match-1000000"); ok != want {
			t.Errorf("a million subscriptions at durations x %v: %v", scale, ok)
		}
	}
	if _, _, ok := load(Plan{Scale: 0.35, Only: []string{"match-1000000"}}, "match-1000000"); !ok {
		t.Error("a million subscriptions cannot be asked for")
	}
	for scale, want := range map[float64]time.Duration{1: time.Minute, 0.35: 10 * time.Second} {
		got, label, _ := load(Plan{Scale: scale}, "after")
		if got.Hold != want || !strings.Contains(label, fmt.Sprintf("connection %v s after", want.Seconds())) {
			t.Errorf("durations x %v hold for %v: %q", scale, got.Hold, label)
		}
	}
	for n := 1000; n <= 1_000_000; n *= 10 {
		for _, kind := range []string{"match", "wild"} {
			got, _, ok := load(Plan{Scale: 1}, fmt.Sprintf("%s-%d", kind, n))
			if !ok || got.Conns*got.PerConn != n || got.Wild != (kind == "wild") {
				t.Errorf("%s of %d: %+v", kind, n, got)
			}
		}
	}
}

// Rows and tasks are named on command lines and in stored files.
func TestNamesAreUnique(t *testing.T) {
	for _, table := range []Table{FiguresTable, CompareTable} {
		seen := map[string]bool{}
		for _, name := range (Plan{Table: table, Scale: 1}).Rows() {
			if seen[name] {
				t.Errorf("two rows are called %s", name)
			}
			seen[name] = true
		}
		seen = map[string]bool{}
		for _, name := range table.Tasks() {
			if seen[name] {
				t.Errorf("two tasks are called %s", name)
			}
			seen[name] = true
		}
		if len(seen) == 0 {
			t.Errorf("table %d is empty", table)
		}
	}
}
