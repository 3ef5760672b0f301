package bench

import "testing"

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
