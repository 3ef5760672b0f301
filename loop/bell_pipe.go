//go:build !linux || pipebell

package loop

import "golang.org/x/sys/unix"

// bell is a non-blocking pipe, for systems without eventfd; the pipebell tag
// builds it on Linux as well, so that it is tested there.
type bell struct {
	fds [2]int // read end, write end
}

func (b *bell) open() error {
	if err := unix.Pipe(b.fds[:]); err != nil {
		return err
	}
	for _, fd := range b.fds {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			b.close()
			return err
		}
	}
	return nil
}

func (b *bell) readFD() int { return b.fds[0] }

var ringByte = []byte{1}

// ring writes a byte; a full pipe has been rung already.
func (b *bell) ring() {
	for {
		if _, err := unix.Write(b.fds[1], ringByte); err != unix.EINTR {
			return
		}
	}
}

// hush empties the pipe, so that the next ring is an edge again.
func (b *bell) hush() {
	var buf [64]byte
	for {
		n, err := unix.Read(b.fds[0], buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n < len(buf) {
			return
		}
	}
}

func (b *bell) close() {
	unix.Close(b.fds[0])
	unix.Close(b.fds[1])
}
