//go:build !linux

package bench

// sharpenTimers has nothing to change: here a priority is the whole process's.
func sharpenTimers() {}
