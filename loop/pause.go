package loop

import "golang.org/x/sys/unix"

// pauseThread gives the processor to others for some tens of microseconds.
func pauseThread() {
	pause := unix.NsecToTimeval(20_000)
	// Interrupted or not: the caller looks again.
	_, _ = unix.Select(0, nil, nil, nil, &pause)
}
