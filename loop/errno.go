package loop

import (
	"errors"

	"golang.org/x/sys/unix"
)

const (
	errIntr      = unix.EINTR
	errNoBuffers = unix.ENOBUFS
)

// again reports whether err says that the call would have blocked.
func again(err error) bool { return err == unix.EAGAIN || err == unix.EWOULDBLOCK }

// ErrStopped is what Ended is told when the group stops.
var ErrStopped = errors.New("loop: stopped")
