package loop

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A ring is a Batch made of an io_uring: sends are put on a queue shared with the
// kernel, one call makes them all, and all have completed when it returns, since
// none may block. So bytes need to stay only for the length of the call.
//
// Layouts and numbers are those of the kernel's include/uapi/linux/io_uring.h.
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

// ringParams is struct io_uring_params.
type ringParams struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, ringMask, ringEntries, flags, dropped, array, _ uint32
		userAddr                                                    uint64
	}
	cq struct {
		head, tail, ringMask, ringEntries, overflow, cqes, flags, _ uint32
		userAddr                                                    uint64
	}
}

const (
	opSendmsg = 9
	opSend    = 26

	setupCoopTaskrun  = 1 << 8
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13

	featSingleMmap = 1 << 0

	enterGetevents = 1 << 0

	offSQEs = 0x10000000
)

// OpenBatch opens a ring for the calling thread.
func (system) OpenBatch() (Batch, error) {
	var p ringParams
	fd, err := 0, error(nil)
	for _, flags := range [...]uint32{setupSingleIssuer | setupDeferTaskrun, setupCoopTaskrun, 0} { // newest first
		p = ringParams{flags: flags}
		r, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, batchMax, uintptr(unsafe.Pointer(&p)), 0)
		if fd, err = int(r), errno; errno == 0 {
			err = nil
			break
		}
		if errno != unix.EINVAL {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("io_uring_setup: %w", err)
	}
	b := &ring{fd: fd}
	if p.features&featSingleMmap == 0 {
		b.Close()
		return nil, fmt.Errorf("io_uring_setup: kernel too old: %w", unix.ENOSYS)
	}
	if err := b.mapQueues(&p); err != nil {
		b.Close()
		return nil, fmt.Errorf("map io_uring: %w", err)
	}
	if err := b.try(); err != nil {
		b.Close()
		return nil, fmt.Errorf("send by io_uring: %w", err)
	}
	return b, nil
}

// mapQueues maps the queues and finds their parts.
func (b *ring) mapQueues(p *ringParams) (err error) {
	size := max(int(p.sq.array)+4*int(p.sqEntries), int(p.cq.cqes)+int(unsafe.Sizeof(cqe{}))*int(p.cqEntries))
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if b.queues, err = unix.Mmap(b.fd, 0, size, prot, flags); err != nil {
		return err
	}
	if b.sqes, err = unix.Mmap(b.fd, offSQEs, int(unsafe.Sizeof(sqe{}))*int(p.sqEntries), prot, flags); err != nil {
		return err
	}
	word := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&b.queues[at])) }
	b.sqHead, b.sqTail, b.sqMask = word(p.sq.head), word(p.sq.tail), *word(p.sq.ringMask)
	b.cqHead, b.cqTail, b.cqMask = word(p.cq.head), word(p.cq.tail), *word(p.cq.ringMask)
	for i := range p.sqEntries { // entry i always stands in place i
		*word(p.sq.array + 4*i) = i
	}
	b.entries = unsafe.Slice((*sqe)(unsafe.Pointer(&b.sqes[0])), p.sqEntries)
	b.completions = unsafe.Slice((*cqe)(unsafe.Pointer(&b.queues[p.cq.cqes])), p.cqEntries)
	return nil
}

// try sends one byte through a pair of sockets: a ring may exist and its
// operations be forbidden.
func (b *ring) try() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	one := []byte{1}
	b.Add(pair[0], [][]byte{one})
	b.Add(pair[0], [][]byte{one, one})
	for i, w := range b.Write() {
		if w.Err != nil {
			return w.Err
		}
		if w.N != i+1 {
			return fmt.Errorf("wrote %d bytes of %d", w.N, i+1)
		}
	}
	return nil
}

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
	b.queued, b.iovUsed = 0, 0
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

// Close unmaps the queues and closes the ring.
func (b *ring) Close() {
	if b.sqes != nil {
		unix.Munmap(b.sqes)
	}
	if b.queues != nil {
		unix.Munmap(b.queues)
	}
	unix.Close(b.fd)
}
