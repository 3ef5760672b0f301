package loop

import (
	"slices"

	"golang.org/x/sys/unix"
)

const unlimited = int(1) << 60

// madeUpSocket is one connection, seen from both of its ends. The methods
// arrive, finish, reset, urgent and take are what the peer does.
type madeUpSocket struct {
	kernel *madeUpKernel
	fd     int
	poller *madeUpPoller

	in     []byte // on its way to the loop
	mark   int    // one read ends before the urgent byte, this far in
	end    bool   // the peer has sent its last byte
	err    error  // what every call says since the peer reset it
	out    []byte // all that the socket took
	room   int    // how much more it takes before it is full
	full   bool   // it took less than it was offered: more room is an edge
	shut   bool   // the loop has ended its half
	signal bool   // the next read stands in front of an urgent byte and a signal waits
	reads  int    // calls of read
	cutIn  func(n int) int

	// cutOut, if set, says how many of n bytes one call takes; it may take fewer
	// than there is room for, and then the rest waits for an edge.
	cutOut func(n int) int

	accepted, aborted, closed bool
}

// happen tells the poller. An end, once there, shows in every event.
func (s *madeUpSocket) happen(what Happening) {
	if s.end || s.err != nil {
		what |= Readable | Hangup
	}
	if s.poller != nil && !s.closed {
		s.poller.happen(s.fd, what)
	}
}

// arrive lets bytes come in.
func (s *madeUpSocket) arrive(b []byte) {
	s.in = append(s.in, b...)
	s.happen(Readable)
}

// finish is the peer's FIN.
func (s *madeUpSocket) finish() {
	s.end = true
	s.happen(Readable | Hangup)
}

// reset is the peer's RST: what was on its way is lost.
func (s *madeUpSocket) reset() {
	s.err, s.in = unix.ECONNRESET, nil
	s.happen(Readable | Writable | Hangup)
}

// take makes room for n more bytes: the peer reads.
func (s *madeUpSocket) take(n int) {
	s.room = min(s.room+n, unlimited)
	if s.full && n > 0 {
		s.full = false
		s.happen(Writable)
	}
}

func (s *madeUpSocket) read(p []byte) (int, error) {
	s.reads++
	switch {
	case s.err != nil:
		return 0, s.err
	case s.signal:
		s.signal = false
		return 0, unix.EAGAIN
	case len(s.in) > 0:
		n := min(len(p), len(s.in))
		if s.cutIn != nil {
			// A short read with more behind it means that the rest comes as an edge of its own.
			if cut := s.cutIn(n); cut < n {
				n = cut
				s.happen(Readable)
			}
		}
		if s.mark > 0 {
			n = min(n, s.mark)
			s.mark -= n
		}
		copy(p, s.in[:n])
		s.in = s.in[n:]
		return n, nil
	case s.end:
		return 0, nil
	}
	return 0, unix.EAGAIN
}

func (s *madeUpSocket) write(bufs [][]byte) (int, error) {
	switch {
	case s.shut:
		s.kernel.wrong("write on %d after its half was ended", s.fd)
		return 0, unix.EPIPE
	case s.err != nil:
		return 0, unix.EPIPE
	}
	offered := 0
	for _, b := range bufs {
		offered += len(b)
	}
	n := min(offered, s.room)
	if s.cutOut != nil && n > 0 {
		if cut := s.cutOut(n); cut < n {
			n = cut
			s.happen(Writable)
		}
	}
	s.room -= n
	if s.room == 0 && n < offered {
		s.full = true
	}
	if n == 0 && offered > 0 {
		return 0, unix.EAGAIN
	}
	for left := n; left > 0; bufs = bufs[1:] {
		b := bufs[0][:min(left, len(bufs[0]))]
		s.out = append(s.out, b...)
		left -= len(b)
	}
	return n, nil
}

// madeUpPoller hands events out in the order in which they happened, joined by
// descriptor as epoll does, unless the test reorders or cuts them.
type madeUpPoller struct {
	kernel *madeUpKernel
	fd     int
	order  []int // descriptors with something to tell
	what   map[int]Happening
	most   int                 // events in one batch, 0: no bound
	mix    func(events []int)  // reorders what is about to be told
	told   func(batch []Event) // sees each batch that is handed out

	timeout int64 // of the last Wait
	events  int   // that it returned
	rings   int
}

func (p *madeUpPoller) happen(fd int, what Happening) {
	if p.what[fd] == 0 {
		p.order = append(p.order, fd)
	}
	p.what[fd] |= what
}

func (p *madeUpPoller) forget(fd int) {
	delete(p.what, fd)
	p.order = slices.DeleteFunc(p.order, func(n int) bool { return n == fd })
}

// Add tells at once what is there already, as epoll does.
func (p *madeUpPoller) Add(fd int) error {
	s := p.kernel.socket(callAdd, fd)
	if s == nil {
		return unix.EBADF
	}
	if err := p.kernel.enter(callAdd, fd); err != nil {
		return err
	}
	if s.poller != nil {
		p.kernel.wrong("%d is added twice", fd)
	}
	s.poller = p
	what := Writable
	if len(s.in) > 0 || s.end || s.err != nil {
		what |= Readable
	}
	if s.end || s.err != nil {
		what |= Hangup
	}
	s.happen(what)
	return nil
}

func (p *madeUpPoller) AddListener(fd int) error {
	ln := p.kernel.table[fd].(*madeUpListener)
	ln.poller = p
	if len(ln.waiting) > 0 {
		p.happen(fd, Readable)
	}
	return nil
}

func (p *madeUpPoller) Wait(events []Event, timeout int64) (int, error) {
	p.timeout, p.events = timeout, 0
	if err := p.kernel.enter(callWait, p.fd); err != nil {
		if err == unix.EINTR { // reported as zero events
			return 0, nil
		}
		return 0, err
	}
	if p.mix != nil {
		p.mix(p.order)
	}
	n := min(len(p.order), len(events))
	if p.most > 0 {
		n = min(n, p.most)
	}
	for i, fd := range p.order[:n] {
		events[i] = Event{FD: int32(fd), What: p.what[fd]}
		delete(p.what, fd)
	}
	p.order = p.order[n:]
	p.events = n
	if p.told != nil {
		p.told(events[:n])
	}
	return n, nil
}

func (p *madeUpPoller) Ring() { p.rings++ }

func (p *madeUpPoller) Close() error {
	p.kernel.table[p.fd] = nil
	return nil
}
