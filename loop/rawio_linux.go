package loop

import (
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

func acceptNonblock(fd int) (int, unix.Sockaddr, error) {
	return unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
}
