//go:build !invariants

package invariant

// Enabled is true in builds with the invariants tag.
const Enabled = false

// Check does nothing in this build.
func Check(bool, string, ...any) {}

// Plant does nothing in this build.
func Plant(func(place string, who any)) {}

// Reached does nothing in this build.
func Reached(string, any) {}
