//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package loop

import (
	"golang.org/x/sys/unix"
)

// PollerName names the system's event notification facility.
const PollerName = "kqueue"

// waiter is the memory one poller hands to kevent.
type waiter struct {
	raw [eventsMax]unix.Kevent_t
}

func (w *waiter) wait(fd, bellFD int, b *bell, events []Event, timeout int64) (int, error) {
	raw := w.raw[:min(len(events), eventsMax)]
	var ts *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(timeout)
		ts = &t
	}
	n, err := unix.Kevent(fd, nil, raw, ts)
	if err != nil {
		if err == unix.EINTR {
			return 0, nil
		}
		return 0, err
	}
	out := 0
	for i := range raw[:n] {
		ev := &raw[i]
		if int(ev.Ident) == bellFD {
			b.hush()
			continue
		}
		var what Happening
		switch ev.Filter {
		case unix.EVFILT_READ:
			what = Readable
		case unix.EVFILT_WRITE:
			what = Writable
		default: // gnet's own wake-up event, which nobody here triggers
			continue
		}
		if ev.Flags&(unix.EV_EOF|unix.EV_ERROR) != 0 {
			what |= Readable | Writable | Hangup
		}
		events[out] = Event{FD: int32(ev.Ident), What: what}
		out++
	}
	return out, nil
}
