package loop

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Non-blocking calls go straight to the kernel: announcing each to Go's
// scheduler, for the case that it blocks, would cost 0.1 to 0.4 microseconds.

const iovecsMax = 64 // pieces in one writev; more are left to the next

func (system) Read(fd int, p []byte) (int, error) {
	return rawIO(unix.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(p)), uintptr(len(p)))
}

func (system) Write(fd int, p []byte) (int, error) {
	return rawIO(unix.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), uintptr(len(p)))
}

func (system) Writev(fd int, bufs [][]byte) (int, error) {
	var iov [iovecsMax]unix.Iovec
	n := min(len(bufs), iovecsMax)
	for i, b := range bufs[:n] {
		iov[i].Base = unsafe.SliceData(b)
		iov[i].SetLen(len(b))
	}
	return rawIO(unix.SYS_WRITEV, fd, unsafe.Pointer(&iov[0]), uintptr(n))
}

func rawIO(trap uintptr, fd int, p unsafe.Pointer, n uintptr) (int, error) {
	r, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(p), n)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// acceptNonblock is accept4 without the address x/sys would allocate.
func acceptNonblock(fd int) (int, netip.AddrPort, error) {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	r, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	return int(r), rawAddrPort(&sa), nil
}

// rawAddrPort turns the kernel's address into Go's form; IPv4 inside IPv6 is IPv4.
func rawAddrPort(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), hostOrder(in.Port))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), hostOrder(in.Port))
	}
	return netip.AddrPort{}
}

// hostOrder turns a port from the order of the network.
func hostOrder(port uint16) uint16 {
	return binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, port))
}
