package loop

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A ring is a Batch made of an io_uring: sends are put on a queue shared with the
// kernel, one call makes them all, and all have completed when it returns, since
// none may block. So bytes need to stay only for the length of the call.
type ring struct {
	fd             int
	queues, sqes   []byte // mapped
	sqTail         *uint32
	sqHead         *uint32
	cqHead, cqTail *uint32
	sqMask, cqMask uint32
	entries        []sqe // view of sqes
	completions    []cqe // view of queues

	queued  int
	results [batchMax]Written
	headers [batchMax]unix.Msghdr
	iov     [4 * batchMax]unix.Iovec // pieces of all queued writes
	iovUsed int
}

// sqe is a submission queue entry.
type sqe struct {
	opcode   uint8
	flags    uint8
	ioprio   uint16
	fd       int32
	off      uint64
	addr     uint64
	length   uint32
	msgFlags uint32
	userData uint64
	_        [3]uint64
}

// cqe is a completion queue entry.
type cqe struct {
	userData uint64
	res      int32
	flags    uint32
}

const (
	opSendmsg = 9
	opSend    = 26

	enterGetevents = 1 << 0
)

// Add queues one send.
func (b *ring) Add(fd int, pieces [][]byte) bool {
	if b.queued == batchMax || b.iovUsed+len(pieces) > len(b.iov) {
		return false
	}
	i := b.queued
	e := &b.entries[(*b.sqTail+uint32(i))&b.sqMask]
	*e = sqe{fd: int32(fd), msgFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, userData: uint64(i)}
	if len(pieces) == 1 {
		e.opcode, e.addr, e.length = opSend, address(unsafe.SliceData(pieces[0])), uint32(len(pieces[0]))
	} else {
		e.opcode, e.addr, e.length = opSendmsg, address(b.message(i, pieces)), 1
	}
	b.results[i] = Written{Err: unix.EINTR} // until the kernel says otherwise
	b.queued++
	return true
}

// message describes the pieces of the i-th send.
func (b *ring) message(i int, pieces [][]byte) *unix.Msghdr {
	iov := b.iov[b.iovUsed : b.iovUsed+len(pieces)]
	b.iovUsed += len(pieces)
	for k, p := range pieces {
		iov[k].Base = unsafe.SliceData(p)
		iov[k].SetLen(len(p))
	}
	h := &b.headers[i]
	h.Iov = &iov[0]
	h.SetIovlen(len(iov))
	return h
}

// address is what the kernel calls a place in memory; whoever queued it holds on to it.
func address[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

// Write makes the queued sends.
func (b *ring) Write() []Written {
	wanted, results := b.queued, b.results[:b.queued]
	atomic.StoreUint32(b.sqTail, *b.sqTail+uint32(wanted))
	for done := 0; done < wanted; {
		left := *b.sqTail - atomic.LoadUint32(b.sqHead)
		_, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(b.fd), uintptr(left), uintptr(wanted-done), enterGetevents, 0, 0)
		done += b.reap()
		if errno != 0 && errno != unix.EINTR {
			// What the kernel has not taken is taken back, and then written singly; what it
			// has taken it completes.
			left = *b.sqTail - atomic.LoadUint32(b.sqHead)
			atomic.StoreUint32(b.sqTail, *b.sqTail-left)
			wanted -= int(left)
		}
	}
	clear(b.iov[:b.iovUsed]) // else they would hold on to large messages
	b.queued, b.iovUsed = 0, 0
	return results
}

// reap notes what has completed, and returns how many that were.
func (b *ring) reap() int {
	head, tail := *b.cqHead, atomic.LoadUint32(b.cqTail)
	for at := head; at != tail; at++ {
		c := &b.completions[at&b.cqMask]
		w := Written{N: int(c.res)}
		if c.res < 0 {
			w = Written{Err: syscall.Errno(-c.res)}
		}
		b.results[c.userData%batchMax] = w
	}
	atomic.StoreUint32(b.cqHead, tail)
	return int(tail - head)
}
