package loop

import (
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// System returns the operating system this process runs on.
func System() Kernel { return system{} }

// system is the real Kernel. How a socket is read and written is in
// rawio_linux.go and in rawio_bsd.go.
type system struct{}

var epoch = time.Now()

func (system) Now() int64 { return int64(time.Since(epoch)) }

func (system) OpenPoller() (Poller, error) { return openPoller() }

// Go locks the thread to f: what f opens may belong to the thread.
func (system) Go(f func()) (wait func()) {
	var running sync.WaitGroup
	running.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f()
	})
	return running.Wait
}

// Listen binds as Bind does, and sets what connections inherit.
func (system) Listen(addr string) (int, net.Addr, error) {
	fd, bound, err := Bind(addr)
	if err != nil {
		return -1, nil, err
	}
	setStreamOptions(fd)
	return fd, bound, nil
}

func (system) ShutdownWrite(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }

func (system) Close(fd int) error { return unix.Close(fd) }

func (system) Accept(fd int) (int, netip.AddrPort, error) { return acceptNonblock(fd) }
