package loop

import (
	"net"
	"net/netip"
)

// A Kernel is the seam between the loops and the operating system: every call
// that waits, reads the clock, touches a socket or starts a thread goes through it,
// so that a test can put a made-up system below real loops. System() is the real one.
//
// Errors are syscall.Errno values, never wrapped: callers compare them.
type Kernel interface {
	// OpenPoller returns a new poller; each loop has one.
	OpenPoller() (Poller, error)
	// Now returns monotonic time in nanoseconds. Safe from any goroutine.
	Now() int64
	// Yield lets other threads that want this processor run first. False says that
	// the system cannot, and that nothing has been done.
	Yield() bool
	// Go runs f on a thread of its own and returns a function that waits for its end.
	Go(f func()) (wait func())
	// Listen opens a listening socket, non-blocking and close-on-exec.
	Listen(addr string) (fd int, bound net.Addr, err error)
	// Accept takes one connection from a listening descriptor; the new
	// descriptor is non-blocking and close-on-exec.
	Accept(fd int) (nfd int, remote netip.AddrPort, err error)
	// Read, Write and Writev never block.
	Read(fd int, p []byte) (int, error)
	Write(fd int, p []byte) (int, error)
	Writev(fd int, bufs [][]byte) (int, error)
	// OpenBatch returns what writes to many sockets in one call, for the calling
	// thread. An error says that the system cannot.
	OpenBatch() (Batch, error)
	// ShutdownWrite ends the sending half; the peer reads end of file.
	ShutdownWrite(fd int) error
	// Close gives the descriptor back. It is never repeated, whatever it says.
	Close(fd int) error
}

// A Poller tells one loop which of its descriptors may have become readable
// or writable. Only Ring may be called from other goroutines.
type Poller interface {
	// Add registers a connected socket once, for both directions,
	// edge-triggered.
	Add(fd int) error
	// AddListener registers a listening socket, edge-triggered.
	AddListener(fd int) error
	// Wait fills events and returns how many; timeout is in nanoseconds, 0
	// polls, negative waits without limit. EINTR is reported as zero events.
	Wait(events []Event, timeout int64) (int, error)
	// Ring makes the current or the next Wait return early.
	Ring()
	// Close gives back the poller's descriptors.
	Close() error
}

// An Event is a hint that something happened to a descriptor. Only the result
// of a read or a write says what.
type Event struct {
	FD   int32
	What Happening
}

// Happening is the set of things an Event can hint at.
type Happening uint8

const (
	// Readable: a read may return bytes or end of file.
	Readable Happening = 1 << iota
	// Writable: a write that would have blocked may now take bytes.
	Writable
	// Hangup: hang-up, half-close, error or urgent data. A short read does not
	// mean drained any more: data and FIN may have come in one edge.
	Hangup
)
