//go:build !linux && !freebsd

package loop

import "errors"

// AllowedCPUs returns the processors this process may run on, or nil where the
// system does not say.
func AllowedCPUs() []int { return nil }

// CanPin reports whether this system can bind a thread to a processor.
const CanPin = false

func pinThread(int) error { return errors.ErrUnsupported }
