//go:build !linux

package loop

// Yield does nothing: x/sys has no sched_yield for these systems.
func (system) Yield() bool { return false }
