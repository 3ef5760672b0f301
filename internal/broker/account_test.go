package broker

import (
	"testing"

	"gnatsd-ev/loop"
)

// The last loop a group may have takes the sign bit of a word.
func TestInterestOfEachLoop(t *testing.T) {
	for id := range loop.LoopsMax {
		only := loopSet(1) << id
		if in := newInterest(only, nil); in == nil || in.loops != only {
			t.Errorf("the interest of loop %d alone is %+v", id, in)
		}
		if in := newInterest(only|1, nil); in == nil || in.loops != only|1 {
			t.Errorf("the interest of loops 0 and %d is %+v", id, in)
		}
	}
	if in := newInterest(0, nil); in != nil {
		t.Errorf("nobody's interest is %+v, want none", in)
	}
}
