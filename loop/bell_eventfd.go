//go:build linux && !pipebell

package loop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// bell is an eventfd. Registered edge-triggered, each ring is an edge of its
// own, so nobody ever needs to read it.
type bell struct {
	fd int
}

func (b *bell) open() (err error) {
	b.fd, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return err
}

func (b *bell) readFD() int { return b.fd }

// ring adds one. The counter would overflow after 2^64 rings.
func (b *bell) ring() {
	one := uint64(1)
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(b.fd), uintptr(unsafe.Pointer(&one)), 8)
		if errno != unix.EINTR {
			return
		}
	}
}

func (b *bell) hush() {}

func (b *bell) close() { unix.Close(b.fd) }
