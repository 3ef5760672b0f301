package loop

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// How a ring is opened. Layouts and numbers are those of the kernel's
// include/uapi/linux/io_uring.h.

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
	setupCoopTaskrun  = 1 << 8
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13

	featSingleMmap = 1 << 0

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
