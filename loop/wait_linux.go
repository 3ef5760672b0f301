package loop

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PollerName names the system's event notification facility.
const PollerName = "epoll"

const hangupEvents = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR | unix.EPOLLPRI

// waiter is the memory one poller hands to epoll_wait.
type waiter struct {
	raw [eventsMax]unix.EpollEvent
}

// wait polls with a raw system call when it cannot block, since announcing a
// call to Go's scheduler costs as much as the call.
func (w *waiter) wait(fd, bellFD int, b *bell, events []Event, timeout int64) (int, error) {
	raw := w.raw[:min(len(events), eventsMax)]
	var n int
	var err error
	if timeout == 0 {
		r, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw)), 0, 0, 0)
		n = int(r)
		if errno != 0 {
			n, err = 0, errno
		}
	} else {
		n, err = unix.EpollWait(fd, raw, epollTimeout(timeout))
	}
	if err != nil {
		if err == unix.EINTR {
			return 0, nil
		}
		return 0, err
	}
	out := 0
	for i := range raw[:n] {
		ev := &raw[i]
		if int(ev.Fd) == bellFD {
			b.hush()
			continue
		}
		var what Happening
		if ev.Events&unix.EPOLLIN != 0 {
			what |= Readable
		}
		if ev.Events&unix.EPOLLOUT != 0 {
			what |= Writable
		}
		if ev.Events&hangupEvents != 0 {
			what |= Readable | Writable | Hangup
		}
		events[out] = Event{FD: ev.Fd, What: what}
		out++
	}
	return out, nil
}

// epollTimeout rounds up to whole milliseconds, so that a timer is never met early
// and spun for.
func epollTimeout(ns int64) int {
	if ns < 0 {
		return -1
	}
	ms := (ns + int64(time.Millisecond) - 1) / int64(time.Millisecond)
	return int(min(ms, 1<<30))
}
