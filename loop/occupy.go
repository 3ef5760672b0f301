package loop

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Go's processors. A loop may keep the one it runs on while it waits briefly, as
// long as there are enough for everybody else: see wait_linux.go for why.

// spareProcessors is how many others need: with none, whoever is not a loop would wait
// until a loop is interrupted.
const spareProcessors = 2

// mayOccupy says whether the loops of this process may keep their processors.
var mayOccupy atomic.Bool

var running struct {
	sync.Mutex // a leaf; guards loops
	loops      int
}

// countLoops notes that n loops of this process start, or end if n is negative.
// Whoever changes GOMAXPROCS does so before.
func countLoops(n int) {
	running.Lock()
	defer running.Unlock()
	running.loops += n
	mayOccupy.Store(runtime.GOMAXPROCS(0) >= running.loops+spareProcessors)
}
