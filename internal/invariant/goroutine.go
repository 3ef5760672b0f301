package invariant

import "runtime"

// GoroutineID returns the number of the calling goroutine, read from its stack
// header. It takes a microsecond or two: for checks under the tag, and once a thread.
func GoroutineID() uint64 {
	if Thread != 0 {
		return Thread
	}
	var buf [64]byte
	n := runtime.Stack(buf[:], false)
	var id uint64
	for _, c := range buf[len("goroutine "):n] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}
