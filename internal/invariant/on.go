//go:build invariants

package invariant

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Enabled is true in builds with the invariants tag.
const Enabled = true

// Check panics with the formatted message if what must hold does not.
func Check(holds bool, format string, args ...any) {
	if !holds {
		panic(Broken(fmt.Sprintf(format, args...)))
	}
}

// planted is called at the places that Reached names.
var planted atomic.Pointer[func(place string, who any)]

// Plant has f called at every place that Reached names, on the goroutine that reaches it;
// nil takes it away. For tests, which let it panic there.
func Plant(f func(place string, who any)) {
	if f == nil {
		planted.Store(nil)
		return
	}
	planted.Store(&f)
}

// Reached tells what a test has planted that a place is reached, and on whose behalf.
func Reached(place string, who any) {
	if f := planted.Load(); f != nil {
		(*f)(place, who)
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
