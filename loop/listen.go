package loop

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// notSentLowat bounds what the kernel takes for one slow socket beyond what
// its peer has room for; without it that is up to 4 MB, outside every budget.
const notSentLowat = 256 << 10

// Listen binds addr as Go's net.Listen does (names, both families for an
// unspecified address) and gives each accepted connection, with the value
// with, to the loop that has the fewest. Nothing is accepted before Start.
func (g *Group) Listen(addr string, with any) (net.Addr, error) {
	fd, bound, err := g.config.Kernel.Listen(addr)
	if err != nil {
		return nil, err
	}
	g.loops[0].listeners = append(g.loops[0].listeners, &listener{fd: fd, addr: bound, with: with})
	return bound, nil
}

// Bind opens a listening, non-blocking socket that Go's runtime knows nothing of: Go
// resolves and binds, we keep a duplicate of the descriptor. Any goroutine.
func Bind(addr string) (int, net.Addr, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return -1, nil, err
	}
	defer ln.Close()
	raw, err := ln.(*net.TCPListener).SyscallConn()
	if err != nil {
		return -1, nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	fd, dupErr := -1, error(nil)
	if err := raw.Control(func(s uintptr) {
		fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 3)
	}); err != nil {
		return -1, nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	if dupErr != nil {
		return -1, nil, fmt.Errorf("listen on %s: keep the descriptor: %w", addr, dupErr)
	}
	return fd, ln.Addr(), nil
}

// setStreamOptions sets on a listener what its connections inherit, which saves
// two calls a connection, or sets it on one connection.
func setStreamOptions(fd int) {
	// Both are about speed and memory, and no socket fails for the want of them.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	setNotSentLowat(fd, notSentLowat)
}

// Dial connects to an address, from a given local address if it is valid, and
// returns a non-blocking descriptor for Hand. It waits for the connection. Any
// goroutine.
func Dial(to netip.AddrPort, from netip.Addr) (int, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, fmt.Errorf("dial %s: socket: %w", to, err)
	}
	if err := connect(fd, to, from); err != nil {
		unix.Close(fd)
		return -1, err
	}
	setStreamOptions(fd)
	return fd, nil
}

func connect(fd int, to netip.AddrPort, from netip.Addr) error {
	if from.IsValid() {
		choosePortLate(fd)
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			return fmt.Errorf("dial %s: bind %s: %w", to, from, err)
		}
	}
	for {
		err := unix.Connect(fd, sockaddr(to))
		if err == unix.EINTR {
			continue
		}
		if err != nil && err != unix.EISCONN {
			return fmt.Errorf("dial %s: %w", to, err)
		}
		break
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("dial %s: %w", to, err)
	}
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
