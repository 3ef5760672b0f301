//go:build invariants

package invariant

import "fmt"

// Enabled is true in builds with the invariants tag.
const Enabled = true

// Check panics with the formatted message if what must hold does not.
func Check(holds bool, format string, args ...any) {
	if !holds {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}
