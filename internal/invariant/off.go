//go:build !invariants

package invariant

import "sync"

// Enabled is true in builds with the invariants tag.
const Enabled = false

// Check does nothing in this build.
func Check(bool, string, ...any) {}

// Plant does nothing in this build.
func Plant(func(place string, who any)) {}

// Reached does nothing in this build.
func Reached(string, any) {}

// HashSeed is zero in this build: hash functions draw their seed.
const HashSeed = uint64(0)

// Thread is zero in this build: there is no simulation.
const Thread = uint64(0)

// Between does nothing in this build.
func Between() {}

// Lock locks m.
func Lock(m *sync.Mutex) { m.Lock() }
