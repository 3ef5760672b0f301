//go:build invariants

package parser

// mangled is what consumed bytes look like: no letter, digit or blank.
const mangled = 0xCC

// Mangling tells whether Mangle does anything.
const Mangling = true

// Mangle overwrites bytes whose operations have been applied. The owner of the
// buffer calls it when it calls Next again or frees the bytes, so that whoever
// kept a view finds nonsense instead of something that is right most of the time.
func Mangle(b []byte) {
	for i := range b {
		b[i] = mangled
	}
}
