//go:build invariants

package invariant

import (
	"fmt"
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
