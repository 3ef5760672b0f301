package loop

import (
	"net/netip"
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

func (system) ShutdownWrite(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }

func (system) Close(fd int) error { return unix.Close(fd) }

func (system) Accept(fd int) (int, netip.AddrPort, error) { return acceptNonblock(fd) }
