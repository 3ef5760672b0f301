//go:build !invariants

package invariant

// Enabled is true in builds with the invariants tag.
const Enabled = false

// Check does nothing in this build.
func Check(bool, string, ...any) {}
