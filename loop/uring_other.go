//go:build !linux

package loop

import "golang.org/x/sys/unix"

// OpenBatch fails: only Linux has a call for it.
func (system) OpenBatch() (Batch, error) { return nil, unix.ENOSYS }
