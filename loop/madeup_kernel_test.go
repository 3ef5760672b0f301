package loop

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A made-up system below real loops. Nothing in it blocks and nothing happens
// by itself: the test says what arrives, what a socket takes, which call fails,
// in which order events come, and what time it is.

// syscallName says which call of the seam is made.
type syscallName string

const (
	callAccept   syscallName = "accept"
	callRead     syscallName = "read"
	callWrite    syscallName = "write"
	callWritev   syscallName = "writev"
	callShutdown syscallName = "shutdown"
	callClose    syscallName = "close"
	callAdd      syscallName = "add"
	callWait     syscallName = "wait"
)

// firstFD is the lowest number the made-up kernel gives out, as after the three
// standard streams.
const firstFD = 3

// madeUpKernel is a Kernel for one thread.
type madeUpKernel struct {
	yield   func() bool // what Yield does, nil for cannot
	clock   int64
	step    int64 // what one look at the clock takes
	table   []any // by descriptor number: *madeUpSocket, *madeUpListener, *madeUpPoller or nil
	sockets []*madeUpSocket
	pollers []*madeUpPoller
	calls   map[syscallName]int

	// script, if set, is asked before each call, the n-th of its name from 1 on;
	// an error is the call's result.
	script func(name syscallName, n, fd int) error

	// wrongs is what no correct program does: a call on a closed descriptor.
	wrongs []string
}

// madeUpListener is a listening descriptor.
type madeUpListener struct {
	fd      int
	waiting []*madeUpSocket
	poller  *madeUpPoller
}

func newMadeUpKernel() *madeUpKernel {
	return &madeUpKernel{clock: 1 << 40, table: make([]any, firstFD), calls: make(map[syscallName]int)}
}

// enter counts a call and gives the script its chance.
func (k *madeUpKernel) enter(name syscallName, fd int) error {
	k.calls[name]++
	if k.script == nil {
		return nil
	}
	return k.script(name, k.calls[name], fd)
}

func (k *madeUpKernel) wrong(format string, args ...any) {
	k.wrongs = append(k.wrongs, fmt.Sprintf(format, args...))
}

// number gives x the lowest free descriptor number, as kernels do.
func (k *madeUpKernel) number(x any) int {
	for fd := firstFD; fd < len(k.table); fd++ {
		if k.table[fd] == nil {
			k.table[fd] = x
			return fd
		}
	}
	k.table = append(k.table, x)
	return len(k.table) - 1
}

// inUse is how many descriptors are open.
func (k *madeUpKernel) inUse() int {
	n := 0
	for _, x := range k.table {
		if x != nil {
			n++
		}
	}
	return n
}

func (k *madeUpKernel) listen() *madeUpListener {
	ln := &madeUpListener{}
	ln.fd = k.number(ln)
	return ln
}

// dial is a peer that connects and waits to be accepted.
func (k *madeUpKernel) dial(ln *madeUpListener) *madeUpSocket {
	s := &madeUpSocket{kernel: k, fd: -1, room: unlimited}
	k.sockets = append(k.sockets, s)
	ln.waiting = append(ln.waiting, s)
	if ln.poller != nil {
		ln.poller.happen(ln.fd, Readable)
	}
	return s
}

func (k *madeUpKernel) Now() int64 {
	k.clock += k.step
	return k.clock
}

// Yield cannot, unless the test says what happens: time stands still here.
func (k *madeUpKernel) Yield() bool { return k.yield != nil && k.yield() }

// Go is not for here: the test runs the turns itself.
func (k *madeUpKernel) Go(func()) func() { panic("a made-up kernel has no threads") }

func (k *madeUpKernel) Listen(string) (int, net.Addr, error) {
	return k.listen().fd, &net.TCPAddr{}, nil
}

func (k *madeUpKernel) OpenPoller() (Poller, error) {
	p := &madeUpPoller{kernel: k, what: make(map[int]Happening)}
	p.fd = k.number(p)
	k.pollers = append(k.pollers, p)
	return p, nil
}

func (k *madeUpKernel) Accept(fd int) (int, netip.AddrPort, error) {
	ln, ok := k.table[fd].(*madeUpListener)
	if !ok {
		k.wrong("accept on %d, which does not listen", fd)
		return -1, netip.AddrPort{}, unix.EBADF
	}
	if err := k.enter(callAccept, fd); err != nil {
		if (err == unix.ECONNABORTED || err == unix.EPROTO) && len(ln.waiting) > 0 {
			ln.waiting[0].aborted = true
			ln.waiting = ln.waiting[1:]
		}
		return -1, netip.AddrPort{}, err
	}
	if len(ln.waiting) == 0 {
		return -1, netip.AddrPort{}, unix.EAGAIN
	}
	s := ln.waiting[0]
	ln.waiting = ln.waiting[1:]
	s.fd = k.number(s)
	s.accepted = true
	return s.fd, netip.MustParseAddrPort("192.0.2.1:1024"), nil
}

// socket returns the socket behind a descriptor, for one call on it.
func (k *madeUpKernel) socket(name syscallName, fd int) *madeUpSocket {
	if fd < len(k.table) {
		if s, ok := k.table[fd].(*madeUpSocket); ok {
			return s
		}
	}
	k.wrong("%s on %d, which is no open socket", name, fd)
	return nil
}

func (k *madeUpKernel) Read(fd int, p []byte) (int, error) {
	s := k.socket(callRead, fd)
	if s == nil {
		return 0, unix.EBADF
	}
	if err := k.enter(callRead, fd); err != nil {
		if err == unix.EAGAIN {
			s.happen(Readable) // what is there is announced again
		}
		return 0, err
	}
	return s.read(p)
}

func (k *madeUpKernel) Write(fd int, p []byte) (int, error) {
	return k.write(callWrite, fd, [][]byte{p})
}

func (k *madeUpKernel) Writev(fd int, bufs [][]byte) (int, error) {
	return k.write(callWritev, fd, bufs)
}

func (k *madeUpKernel) OpenBatch() (Batch, error) { return &madeUpBatch{kernel: k}, nil }

// madeUpBatch makes its writes one after the other, as a ring does.
type madeUpBatch struct {
	kernel  *madeUpKernel
	fds     []int
	pieces  [][][]byte
	results []Written
}

func (b *madeUpBatch) Add(fd int, pieces [][]byte) bool {
	if len(b.fds) == batchMax || len(pieces) > 8 {
		return false
	}
	b.fds = append(b.fds, fd)
	b.pieces = append(b.pieces, append([][]byte(nil), pieces...))
	return true
}

func (b *madeUpBatch) Write() []Written {
	b.results = b.results[:0]
	for i, fd := range b.fds {
		name := callWrite
		if len(b.pieces[i]) > 1 {
			name = callWritev
		}
		n, err := b.kernel.write(name, fd, b.pieces[i])
		b.results = append(b.results, Written{n, err})
	}
	b.fds, b.pieces = b.fds[:0], b.pieces[:0]
	return b.results
}

func (b *madeUpBatch) Close() {}

func (k *madeUpKernel) write(name syscallName, fd int, bufs [][]byte) (int, error) {
	s := k.socket(name, fd)
	if s == nil {
		return 0, unix.EBADF
	}
	if err := k.enter(name, fd); err != nil {
		if err == unix.EAGAIN {
			s.happen(Writable) // it was full for this moment only
		}
		return 0, err
	}
	return s.write(bufs)
}

func (k *madeUpKernel) ShutdownWrite(fd int) error {
	s := k.socket(callShutdown, fd)
	if s == nil {
		return unix.EBADF
	}
	if err := k.enter(callShutdown, fd); err != nil {
		return err
	}
	s.shut = true
	return nil
}

// Close frees the number whatever it answers, as Linux does.
func (k *madeUpKernel) Close(fd int) error {
	if fd < firstFD || fd >= len(k.table) || k.table[fd] == nil {
		k.wrong("close of %d, which is not open", fd)
		return unix.EBADF
	}
	switch x := k.table[fd].(type) {
	case *madeUpSocket:
		x.closed = true
		if x.poller != nil {
			x.poller.forget(fd)
		}
	case *madeUpListener:
		if x.poller != nil {
			x.poller.forget(fd)
		}
	}
	k.table[fd] = nil
	return k.enter(callClose, fd)
}
