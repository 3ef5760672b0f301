//go:build !invariants

package parser

// Mangling tells whether Mangle does anything.
const Mangling = false

// Mangle does nothing without the build tag invariants.
func Mangle([]byte) {}
