//go:build invariants

package invariant

import (
	"fmt"
	"sync"
)

// Enabled is true in builds with the invariants tag.
const Enabled = true

// Check panics with the formatted message if what must hold does not.
func Check(holds bool, format string, args ...any) {
	if !holds {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}

// Interleave, if set, runs at each Between. Only a simulation of threads sets it,
// before they start.
var Interleave func()

// HashSeed, if not zero, is what hash functions that draw their seed use instead, so that
// a simulation that fails fails again. It stays as it is while anything hashed lives.
var HashSeed uint64

// Thread, if not zero, is the thread of a simulation that runs, and what GoroutineID says.
var Thread uint64

// Between stands where what another thread does in this very moment matters, and no
// call to the system would let it: a simulation lets it run there.
func Between() {
	if Interleave != nil {
		Interleave()
	}
}

// Lock locks m. In a simulation, where only one thread runs at a time, it lets the
// others run until m is free.
func Lock(m *sync.Mutex) {
	for Interleave != nil {
		if m.TryLock() {
			return
		}
		Interleave()
	}
	m.Lock()
}
