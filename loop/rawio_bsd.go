//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package loop

import "golang.org/x/sys/unix"

const iovecsMax = 64 // pieces in one Writev; more are left to the next

func (system) Read(fd int, p []byte) (int, error) { return unix.Read(fd, p) }

func (system) Write(fd int, p []byte) (int, error) { return unix.Write(fd, p) }

// Writev writes piece by piece: x/sys has no portable writev for these systems.
func (system) Writev(fd int, bufs [][]byte) (int, error) {
	total := 0
	for _, b := range bufs[:min(len(bufs), iovecsMax)] {
		n, err := unix.Write(fd, b)
		if err != nil {
			if total > 0 {
				return total, nil
			}
			return 0, err
		}
		total += n
		if n < len(b) {
			break
		}
	}
	return total, nil
}

func acceptNonblock(fd int) (int, unix.Sockaddr, error) {
	nfd, sa, err := unix.Accept(fd)
	if err != nil {
		return -1, nil, err
	}
	unix.CloseOnExec(nfd)
	if err := unix.SetNonblock(nfd, true); err != nil {
		unix.Close(nfd)
		return -1, nil, err
	}
	// What a listener passes on differs between the systems: ask again.
	_ = unix.SetsockoptInt(nfd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return nfd, sa, nil
}
