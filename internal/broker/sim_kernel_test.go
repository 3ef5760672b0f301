//go:build invariants

package broker

import (
	"net"
	"net/netip"
	"slices"
	"syscall"

	"gnatsd-ev/loop"
)

// The system of a simulation: descriptors, pollers, a clock, and calls that fail by the
// seed. All of it is memory.

// simFirstFD is the lowest number it gives out, as after the three standard streams.
const simFirstFD = 3

// simKernel is the system as loops see it.
type simKernel struct{ *sim }

// number gives x the lowest free descriptor, as kernels do.
func (s *sim) number(x any) int {
	for fd := simFirstFD; fd < len(s.table); fd++ {
		if s.table[fd] == nil {
			s.table[fd] = x
			return fd
		}
	}
	for len(s.table) < simFirstFD {
		s.table = append(s.table, nil)
	}
	s.table = append(s.table, x)
	return len(s.table) - 1
}

// fault draws an error of those given, rarely.
func (s *sim) fault(errs ...syscall.Errno) error {
	if s.mix.faults == 0 || s.settled || !s.dice.oneIn(s.mix.faults) {
		return nil
	}
	return errs[s.dice.n(len(errs))]
}

// cut makes n smaller, sometimes.
func (s *sim) cut(n int) int {
	if n < 2 || s.mix.cuts == 0 || s.settled || !s.dice.oneIn(s.mix.cuts) {
		return n
	}
	if s.dice.oneIn(2) {
		return 1 + s.dice.n(min(n-1, 16))
	}
	return 1 + s.dice.n(n-1)
}

func (k simKernel) Now() int64 {
	k.noteExcess()
	k.point()
	return k.clock
}

func (k simKernel) Yield() bool {
	if !k.mix.vigils {
		return false
	}
	k.did("yield", -1, 0, nil)
	k.clock += int64(1000 + k.dice.n(10_000))
	k.giveWay()
	return true
}

func (k simKernel) Listen(string) (int, net.Addr, error) {
	k.listener = &simListener{}
	k.listener.fd = k.number(k.listener)
	return k.listener.fd, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4222}, nil
}

func (k simKernel) OpenPoller() (loop.Poller, error) {
	p := &simPoller{sim: k.sim, what: map[int]loop.Happening{}, index: len(k.pollers)}
	p.fd = k.number(p)
	k.pollers = append(k.pollers, p)
	return p, nil
}

func (k simKernel) Accept(fd int) (int, netip.AddrPort, error) {
	k.point()
	n, err := k.accept()
	k.did("accept", fd, n, err)
	return n, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 1024), err
}

func (s *sim) accept() (int, error) {
	ln := s.listener
	if err := s.fault(syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM, syscall.ECONNABORTED, syscall.EPROTO, syscall.EINTR, syscall.EINTR); err != nil {
		if (err == syscall.ECONNABORTED || err == syscall.EPROTO) && len(ln.waiting) > 0 {
			ln.waiting[0].gone("aborted before it was accepted")
			ln.waiting[0].closed = true
			ln.waiting = ln.waiting[1:]
		}
		return -1, err
	}
	if len(ln.waiting) == 0 {
		return -1, syscall.EAGAIN
	}
	sock := ln.waiting[0]
	ln.waiting = ln.waiting[1:]
	sock.fd = s.number(sock)
	return sock.fd, nil
}

// socket returns the socket behind a descriptor, for one call on it.
func (s *sim) socket(call string, fd int) *simSocket {
	if fd >= 0 && fd < len(s.table) {
		if sock, ok := s.table[fd].(*simSocket); ok {
			return sock
		}
	}
	s.fail("%s on descriptor %d, which is no open socket", call, fd)
	return nil
}

func (k simKernel) Read(fd int, p []byte) (int, error) {
	k.point()
	sock := k.socket("read", fd)
	if sock == nil {
		return 0, syscall.EBADF
	}
	n, err := sock.read(p)
	k.did("read", fd, n, err)
	k.point()
	return n, err
}

func (k simKernel) Write(fd int, p []byte) (int, error) {
	return k.Writev(fd, [][]byte{p})
}

func (k simKernel) Writev(fd int, bufs [][]byte) (int, error) {
	k.point()
	n, err := k.write(fd, bufs)
	k.point()
	return n, err
}

func (s *sim) write(fd int, bufs [][]byte) (int, error) {
	sock := s.socket("write", fd)
	if sock == nil {
		return 0, syscall.EBADF
	}
	n, err := sock.write(bufs)
	s.did("write", fd, n, err)
	return n, err
}

func (k simKernel) ShutdownWrite(fd int) error {
	k.point()
	sock := k.socket("shutdown", fd)
	if sock == nil {
		return syscall.EBADF
	}
	err := k.fault(syscall.ENOTCONN)
	if err == nil {
		sock.shut = true
	}
	k.did("shutdown", fd, 0, err)
	return err
}

// Close frees the number whatever it answers, as Linux does.
func (k simKernel) Close(fd int) error {
	k.point()
	return k.free(fd)
}

func (s *sim) free(fd int) error {
	if fd < simFirstFD || fd >= len(s.table) || s.table[fd] == nil {
		s.fail("close of descriptor %d, which is not open", fd)
		return syscall.EBADF
	}
	x := s.table[fd]
	s.table[fd] = nil
	for _, p := range s.pollers {
		p.forget(fd)
	}
	if sock, ok := x.(*simSocket); ok {
		sock.closed = true
		s.checkEnd(sock)
	}
	err := s.fault(syscall.EINTR, syscall.EIO)
	s.did("close", fd, 0, err)
	return err
}

func (k simKernel) OpenBatch() (loop.Batch, error) {
	if !k.mix.batches {
		return nil, syscall.ENOSYS
	}
	return &simBatch{sim: k.sim, owner: k.current}, nil
}

// simBatch makes its writes one after the other, in any order, as a ring does.
type simBatch struct {
	*sim
	owner   *simThread
	fds     []int
	pieces  [][][]byte
	results []loop.Written
}

func (b *simBatch) Add(fd int, pieces [][]byte) bool {
	if len(b.fds) == 32 || len(pieces) > 4 || b.dice.oneIn(16) {
		return false
	}
	b.fds = append(b.fds, fd)
	b.pieces = append(b.pieces, slices.Clone(pieces))
	return true
}

func (b *simBatch) Write() []loop.Written {
	if b.current != b.owner {
		b.fail("a batch of %s is used by another thread", b.owner.name)
	}
	b.point()
	b.results = append(b.results[:0], make([]loop.Written, len(b.fds))...)
	order := b.dice.order(len(b.fds))
	for _, i := range order {
		n, err := b.write(b.fds[i], b.pieces[i])
		b.results[i] = loop.Written{N: n, Err: err}
	}
	b.fds, b.pieces = b.fds[:0], b.pieces[:0]
	b.point()
	return b.results
}

func (b *simBatch) Close() {}

// simListener is the listening descriptor.
type simListener struct {
	fd      int
	waiting []*simSocket
}

// simPoller tells one loop of its descriptors, edge-triggered.
type simPoller struct {
	*sim
	index int
	fd    int
	order []int // descriptors with something to tell
	what  map[int]loop.Happening
	rung  bool
	told  int64 // the last timeout it was given
}

func (p *simPoller) happen(fd int, what loop.Happening) {
	if p.what[fd] == 0 {
		p.order = append(p.order, fd)
	}
	p.what[fd] |= what
}

func (p *simPoller) forget(fd int) {
	if p.what[fd] != 0 {
		delete(p.what, fd)
		p.order = slices.DeleteFunc(p.order, func(n int) bool { return n == fd })
	}
}

// Add tells at once what is there already, as epoll does.
func (p *simPoller) Add(fd int) error {
	p.point()
	sock := p.socket("add", fd)
	if sock == nil {
		return syscall.EBADF
	}
	if sock.home != nil {
		p.fail("descriptor %d is added twice", fd)
	}
	p.broker.group.Loops()[p.index].Each(func(c *loop.Conn, peer loop.Peer) {
		if int(c.Handle().Slot) == fd {
			sock.session = peer.(*Session)
		}
	})
	err := p.fault(syscall.ENOMEM, syscall.ENOSPC)
	p.did("add", fd, p.index, err)
	if err != nil {
		sock.gone("not watched")
		return err
	}
	sock.home, sock.owner.openedAt = p, p.clock
	what := loop.Writable
	if len(sock.in) > 0 {
		what |= loop.Readable
	}
	sock.happen(what)
	return nil
}

func (p *simPoller) AddListener(int) error {
	p.listening = p
	return nil
}

func (p *simPoller) Wait(events []loop.Event, timeout int64) (int, error) {
	p.told = timeout
	p.point()
	if timeout != 0 && !p.rung && len(p.order) == 0 && p.current != nil {
		t := p.current
		t.poller, t.until = p, never
		if timeout > 0 {
			t.until = p.clock + timeout
		}
		p.giveWay()
		t.poller = nil
	}
	if err := p.fault(syscall.EINTR, syscall.EINTR, syscall.EINTR, syscall.ENOMEM); err != nil {
		if err == syscall.EINTR { // reported as zero events
			err = nil
		}
		p.did("wait", p.index, 0, err)
		return 0, err
	}
	p.rung = false
	n := min(len(p.order), len(events))
	if n > 1 {
		p.dice.shuffle(p.order)
		n = p.cut(n)
	}
	for i, fd := range p.order[:n] {
		events[i] = loop.Event{FD: int32(fd), What: p.what[fd]}
		delete(p.what, fd)
	}
	p.order = append(p.order[:0], p.order[n:]...)
	p.did("wait", p.index, n, nil)
	return n, nil
}

func (p *simPoller) Ring() {
	p.point()
	if p.table[p.fd] != p {
		p.fail("the bell of loop %d is rung after its end", p.index)
	}
	p.rung = true
	p.did("ring", p.index, 0, nil)
	p.point()
}

func (p *simPoller) Close() error { return p.free(p.fd) }
