package chaos

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// Idlers are connections that say what they are told to and read nothing: ten thousand
// of them cost no goroutine.
type Idlers struct {
	to  netip.AddrPort
	fds []int
}

// NewIdlers connects count of them; they are closed when the test ends.
func NewIdlers(t testing.TB, address string, count int) *Idlers {
	t.Helper()
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	i := &Idlers{to: to}
	t.Cleanup(func() { i.Close(len(i.fds)) })
	for range count {
		fd, err := dial(to, 0)
		if err != nil {
			t.Fatal(err)
		}
		i.fds = append(i.fds, fd)
	}
	return i
}

// Len is how many are connected.
func (i *Idlers) Len() int { return len(i.fds) }

// Say has the idlers from up to, not including, to send text, and returns how many could not.
func (i *Idlers) Say(from, to int, text string) (failed int) {
	for _, fd := range i.fds[from:to] {
		if n, err := syscall.Write(fd, []byte(text)); err != nil || n < len(text) {
			failed++
		}
	}
	return failed
}

// Ended is how many connections the broker has ended; what it sent them is thrown away.
func (i *Idlers) Ended() (n int) {
	buf := make([]byte, 64<<10)
	for _, fd := range i.fds {
		for {
			got, err := syscall.Read(fd, buf)
			if err == syscall.EINTR || got > 0 {
				continue
			}
			if err != syscall.EAGAIN {
				n++
			}
			break
		}
	}
	return n
}

// Greeted waits until one of the connections was sent something, and returns what.
func (i *Idlers) Greeted(which int, patience time.Duration) (string, error) {
	buf := make([]byte, 4096)
	for start := time.Now(); time.Since(start) < patience; time.Sleep(time.Millisecond) {
		n, err := syscall.Read(i.fds[which], buf)
		if n > 0 || err != syscall.EAGAIN && err != syscall.EINTR {
			return string(buf[:max(n, 0)]), err
		}
	}
	return "", fmt.Errorf("nothing came in %v", patience)
}

// Close closes the first count.
func (i *Idlers) Close(count int) { i.end(count, false) }

// Reset closes the first count with a reset, as a machine does that has lost its memory.
func (i *Idlers) Reset(count int) { i.end(count, true) }

func (i *Idlers) end(count int, abrupt bool) {
	for _, fd := range i.fds[:count] {
		if abrupt {
			_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		}
		syscall.Close(fd)
	}
	i.fds = i.fds[count:]
}
