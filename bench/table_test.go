package bench

import (
	"fmt"
	"slices"
	"testing"
)

// Names of rows hold numbers too: what is condensed is of one row, one contender and one sentence.
func TestWarningsThatSayTheSameAreOne(t *testing.T) {
	got := condensed([]string{"burst, floor: took 1.00 of a processor", "burst, ours: took 0.98 of a processor", "burst, floor: took 0.97 of a processor", "burst-15000, floor: took 1.00 of a processor"})
	want := []string{"burst, floor: took 1.00 of a processor (and 1 more like it)", "burst, ours: took 0.98 of a processor", "burst-15000, floor: took 1.00 of a processor"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	var many []string
	for i := range warningsMax + 5 {
		many = append(many, fmt.Sprintf("row %d, ours: slow", i))
	}
	if got := condensed(many); len(got) != warningsMax+1 || got[warningsMax] != "and 5 more, see the JSON" {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
}
