package loop

// Vigil. To be woken costs a switch of threads, and on a virtual machine often
// ten or a hundred times what a message costs, for us and for who wakes us. So where
// events follow closely, a loop that has nothing to do looks again for some tens
// of microseconds before it sleeps, and lets every other thread that
// wants the processor go first.
//
// It does so only while that pays: a vigil in vain makes the next ones rarer, and
// where a yielded processor came back late without bringing
// work, somebody else needs it: there, being woken is quicker.

const (
	vigilMax = int64(50_000) // how long one lasts

	// A pause no longer than this makes the next vigil promising.
	vigilPause = int64(500_000)

	// vigilSkipsMax is how many promising ones are skipped at most after those in vain.
	vigilSkipsMax = 64

	// A yield that lasts longer than yieldLong should bring yieldWorth events at
	// least. Where more than one in five does not, vigils rest for vigilRest.
	yieldLong  = int64(500_000)
	yieldWorth = 8
	yieldFine  = 4 // what each that does not costs
	fineMax    = 8
	vigilRest  = int64(1e9)
)

// vigil is what a loop knows of how its vigils have gone.
type vigil struct {
	since     int64 // when the loop last had nothing to do
	restUntil int64
	fined     int
	promising bool
	skips     int32 // promising ones left to skip
	vain      int32 // how many are skipped after the next in vain
}

// worthIt reports whether a loop that has nothing to do at now should look around
// before it sleeps for at most timeout, negative for ever.
func (v *vigil) worthIt(now, timeout int64) bool {
	v.since = now
	if !v.promising || now < v.restUntil || timeout >= 0 && timeout < vigilMax {
		return false
	}
	if v.skips > 0 {
		v.skips--
		return false
	}
	return true
}

// woke notes how long the loop had nothing to do.
func (v *vigil) woke(pause int64) { v.promising = pause < vigilPause }

// inVain notes that nothing came.
func (v *vigil) inVain() {
	v.vain = min(2*v.vain+1, vigilSkipsMax)
	v.skips = v.vain
}

// yielded notes how long a yield took that ended at now, and what it brought.
func (v *vigil) yielded(took, now int64, events int) {
	switch {
	case took < yieldLong:
	case events >= yieldWorth:
		v.fined = max(v.fined-1, 0)
	default:
		v.fined += yieldFine
		if v.fined >= fineMax {
			v.fined = fineMax - 1 // the next one is enough
			v.restUntil = now + vigilRest
		}
	}
}

// lookAround polls, and yields the processor in between, until something comes or
// the vigil is over. The loop is asleep meanwhile: others may run it.
func (l *Loop) lookAround() (n int, err error) {
	v := &l.vigil
	at := l.kernel.Now()
	v.since = at
	for end := at + vigilMax; at < end; {
		if !l.kernel.Yield() {
			v.restUntil = never
			return 0, nil
		}
		n, err = l.poller.Wait(l.events[:], 0)
		back := l.kernel.Now()
		v.yielded(back-at, back, n)
		at = back
		if n > 0 || err != nil || l.state.Load() == awake {
			v.vain = 0
			return n, err
		}
	}
	v.inVain()
	return 0, nil
}
