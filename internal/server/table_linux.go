package server

import "golang.org/x/sys/unix"

// tableMax bounds the table of descriptors made at start: 8 MB of the kernel's memory.
const tableMax = 1 << 20

// growDescriptorTable makes the kernel's table of our descriptors as large as limit at once. It doubles
// as needed otherwise, and of a process with threads each doubling waits for all processors to pass a
// quiet state (expand_fdtable in Linux' fs/file.c): 10 to 20 ms in the midst of accepting. A refusal
// only means that this is so.
func growDescriptorTable(limit int) {
	if fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, min(limit, tableMax)-1); err == nil {
		_ = unix.Close(fd) // a copy that nobody has used
	}
}
