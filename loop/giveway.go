package loop

// Giving way. Readers on the same machine want a processor just when a loop has written much to
// them, and find it in the processor's caches if they get one soon. Where loops and readers share
// processors the scheduler lets a loop go on for milliseconds instead: it fills sockets with
// megabytes that are cold when somebody reads them, and then waits for their reader. So a loop
// that has written much lets others go first.

const (
	// giveWayBytes is how many bytes written are much: a few of these fit into a processor's cache.
	giveWayBytes = 512 << 10

	// A reader gives the processor back within half a millisecond as a rule. Who takes it for
	// longer than giveWayLate, and as often as not, only computes: each such time costs
	// giveWayFine, others pay one back, and at giveWayFines giving way rests for giveWayRest.
	// That is a hundredth of the time for those who compute.
	giveWayLate  = int64(2_000_000)
	giveWayFine  = 4
	giveWayFines = 20
	giveWayRest  = int64(1e9)
)

// way is how giving way has gone.
type way struct {
	written   int // bytes since the last time
	fined     int
	restUntil int64
}

// giveWay lets other threads go first if much has been written.
func (l *Loop) giveWay() {
	w := &l.way
	if w.written < giveWayBytes || l.borrowed {
		return
	}
	w.written = 0
	at := l.kernel.Now()
	if at < w.restUntil {
		return
	}
	if !l.kernel.Yield() {
		w.restUntil = never
		return
	}
	back := l.kernel.Now()
	w.gave(back-at, back)
}

// gave notes how long others took, until now.
func (w *way) gave(took, now int64) {
	if took < giveWayLate {
		w.fined = max(w.fined-1, 0)
		return
	}
	if w.fined += giveWayFine; w.fined >= giveWayFines {
		w.fined = 0
		w.restUntil = now + giveWayRest
	}
}
