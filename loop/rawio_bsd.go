//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package loop

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

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

func acceptNonblock(fd int) (int, netip.AddrPort, error) {
	nfd, sa, err := unix.Accept(fd)
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	unix.CloseOnExec(nfd)
	if err := unix.SetNonblock(nfd, true); err != nil {
		unix.Close(nfd)
		return -1, netip.AddrPort{}, err
	}
	// What a listener passes on differs between the systems: ask again.
	_ = unix.SetsockoptInt(nfd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return nfd, addrPort(sa), nil
}

// addrPort turns a socket address into Go's form; IPv4 inside IPv6 is IPv4.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
