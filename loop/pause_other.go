//go:build !linux

package loop

import "time"

// pauseThread gives the processor to others for some tens of microseconds.
func pauseThread() { time.Sleep(20 * time.Microsecond) }
