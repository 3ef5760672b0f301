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

// A loop that may occupy its Go processor keeps it for this long while it
// waits, in slices: Go's monitor thread may interrupt a wait every 10 ms.
const (
	occupyMax   = 100 // milliseconds
	occupySlice = 10
)

func (w *waiter) wait(fd, bellFD int, b *bell, events []Event, timeout int64) (int, error) {
	raw := w.raw[:min(len(events), eventsMax)]
	n, err := w.poll(fd, raw, epollTimeout(timeout))
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

// poll polls with a raw system call when it cannot block, since announcing a
// call to Go's scheduler costs as much as the call.
//
// A loop that may occupy its processor waits with a raw call as well, for a while.
// Go's monitor thread takes the processor of a goroutine that has run for more than
// 10 ms as soon as it finds it in an announced call, and looks every 20 microseconds
// while it finds some. Loops have always run that long, so that was a tenth to a
// quarter of the broker's time. Found running, a loop is interrupted every 10 ms at
// most, which is also what lets the collector stop it.
func (w *waiter) poll(fd int, raw []unix.EpollEvent, timeout int) (int, error) {
	if timeout == 0 {
		return rawEpollWait(fd, raw, 0)
	}
	for left := occupyMax; mayOccupy.Load() && left > 0 && timeout != 0; left -= occupySlice {
		slice := occupySlice
		if timeout > 0 {
			slice = min(slice, timeout)
			timeout -= slice
		}
		if n, err := rawEpollWait(fd, raw, slice); n > 0 || err != nil && err != unix.EINTR {
			return n, err
		}
	}
	if timeout == 0 {
		return 0, nil
	}
	return unix.EpollWait(fd, raw, timeout)
}

func rawEpollWait(fd int, raw []unix.EpollEvent, milliseconds int) (int, error) {
	r, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw)), uintptr(milliseconds), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
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
