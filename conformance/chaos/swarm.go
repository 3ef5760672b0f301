package chaos

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Subscription is what each of some members of a swarm subscribes to.
type Subscription struct {
	Subject string
	Queue   string
	// From is whose messages it gets: all of them, in order, unless it is of
	// a queue group or joins in the middle.
	From []uint16
	// Joins says that publishers may have begun: the first number that comes is right.
	Joins bool
	// ReceiveBuffer is what the kernel keeps for who does not read, in bytes; 0 leaves
	// that to it. Then a broker may be rid of many megabytes.
	ReceiveBuffer int
	// Ledger of the queue group, nil for none.
	Ledger *Ledger `json:"-"`
}

const (
	readBuffer   = 256 << 10
	greetingsMax = 256 // connections that are being opened at a time
	eventsMax    = 256
)

// A Swarm is many verifying subscribers that one goroutine serves. Its lock guards all of it.
type Swarm struct {
	to     netip.AddrPort
	poller int
	ended  sync.WaitGroup

	mu      sync.Mutex
	change  *sync.Cond // something that waitUntil looks at has changed
	members []*member
	byFD    map[int32]*member
	waiting int // members that owe a PONG
	tally   Tally
	times   *hdrhistogram.Histogram
	closed  bool
}

// NewSwarm makes a swarm without members; it is closed when the test ends.
func NewSwarm(t testing.TB, address string) *Swarm {
	t.Helper()
	s, err := newSwarm(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func newSwarm(address string) (*Swarm, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	poller, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	s := &Swarm{to: to, poller: poller, byFD: make(map[int32]*member), times: newHistogram()}
	s.change = sync.NewCond(&s.mu)
	s.ended.Go(s.serve) // ends with Close
	return s, nil
}

// Close ends all connections.
func (s *Swarm) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.mu.Unlock()
	s.ended.Wait()
	for _, m := range s.members {
		m.close()
	}
	syscall.Close(s.poller)
}

// serve handles what comes.
func (s *Swarm) serve() {
	buf := make([]byte, readBuffer)
	events := make([]syscall.EpollEvent, eventsMax)
	const look = 20 // milliseconds until it sees that it is closed
	for {
		n, err := syscall.EpollWait(s.poller, events, look)
		if err != nil && err != syscall.EINTR {
			panic(fmt.Sprintf("epoll_wait of a test: %v", err))
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		for _, e := range events[:max(n, 0)] {
			switch m := s.byFD[e.Fd]; {
			case m == nil: // ended by the same batch
			case m.paused:
				m.end(errors.New("ended by the broker while it did not read"))
			default:
				m.receive(buf)
			}
		}
		s.mu.Unlock()
		if n > 0 {
			s.change.Broadcast()
		}
	}
}

// Join adds count members and returns when they have subscribed.
func (s *Swarm) Join(t testing.TB, count int, sub Subscription) {
	t.Helper()
	if err := s.join(count, sub); err != nil {
		t.Fatal(err)
	}
}

func (s *Swarm) join(count int, sub Subscription) error {
	line := "SUB " + sub.Subject + " 1\r\n"
	if sub.Queue != "" {
		line = "SUB " + sub.Subject + " " + sub.Queue + " 1\r\n"
	}
	for range count {
		fd, err := dial(s.to, sub.ReceiveBuffer)
		if err != nil {
			return err
		}
		m := &member{swarm: s, fd: fd, ledger: sub.Ledger, queue: sub.Queue != ""}
		for _, id := range sub.From {
			m.books = append(m.books, book{publisher: id, open: sub.Joins || m.queue})
		}
		s.mu.Lock()
		s.members = append(s.members, m)
		s.byFD[int32(fd)] = m
		m.ask(connectLine + line)
		err = s.watch(m, syscall.EPOLL_CTL_ADD)
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if err := s.waitUntil(func() bool { return s.waiting < greetingsMax }); err != nil {
			return err
		}
	}
	return s.waitUntil(func() bool { return s.waiting == 0 })
}

// watch has the poller tell of what comes to a member; of nothing but its end while it
// is paused.
func (s *Swarm) watch(m *member, op int) error {
	events := uint32(syscall.EPOLLIN | syscall.EPOLLRDHUP)
	if m.paused {
		events = syscall.EPOLLRDHUP
	}
	return syscall.EpollCtl(s.poller, op, m.fd, &syscall.EpollEvent{Events: events, Fd: int32(m.fd)})
}

// waitUntil waits as long as members still get something.
func (s *Swarm) waitUntil(done func() bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	timer := time.AfterFunc(Patience, s.change.Broadcast)
	defer timer.Stop()
	last, at := s.tally.Delivered+uint64(s.waiting), time.Now()
	for !done() {
		if now := s.tally.Delivered + uint64(s.waiting); now != last {
			last, at = now, time.Now()
			timer.Reset(Patience)
		} else if time.Since(at) >= Patience {
			return fmt.Errorf("nothing came for %v; %d members wait for a PONG; %v", Patience, s.waiting, s.tally)
		}
		s.change.Wait()
	}
	return nil
}

// Settle returns when each member that is connected and not paused has got
// everything the broker had for it.
func (s *Swarm) Settle(t testing.TB) {
	t.Helper()
	if err := s.settle(); err != nil {
		t.Fatal(err)
	}
}

func (s *Swarm) settle() error {
	s.mu.Lock()
	for _, m := range s.members {
		if !m.over && !m.paused {
			m.ask("")
		}
	}
	s.mu.Unlock()
	return s.waitUntil(func() bool { return s.waiting == 0 })
}

// Tally is what the members have found so far.
func (s *Swarm) Tally() Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally
	t.Members = len(s.members)
	return t
}

// Missing is how many messages of a publisher that has sent so many have not come
// to members that are still connected; those that gaps are counted for are among them,
// those before the first one of who joined in the middle are not.
func (s *Swarm) Missing(publisher uint16, sent uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := uint64(0)
	for _, m := range s.members {
		if b := m.book(publisher); b != nil && !m.over && !m.queue && !b.open && sent > b.first+b.got {
			n += sent - b.first - b.got
		}
	}
	return n
}

// MustHaveAll fails a test in which members have not got every message of the
// publishers, or anything else, or have been ended.
func (s *Swarm) MustHaveAll(t testing.TB, who string, publishers ...*Publisher) {
	t.Helper()
	tally := s.Tally()
	lost := uint64(0)
	for _, p := range publishers {
		lost += s.Missing(p.ID, p.Sent())
	}
	if lost > 0 || tally.Wrong() > 0 || tally.Ended > 0 || tally.Errors > 0 {
		t.Errorf("%s: %d lost, %v", who, lost, tally)
	}
}

// Got is how many messages each member has had, in the order they joined.
func (s *Swarm) Got() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []uint64
	for _, m := range s.members {
		all = append(all, m.got)
	}
	return all
}

// Behind returns how many messages of the publishers the average member has not
// had, if all members get all of them.
func (s *Swarm) Behind(publishers ...*Publisher) func() uint64 {
	return func() uint64 {
		s.mu.Lock()
		have := s.tally.Delivered / uint64(max(1, len(s.members)))
		s.mu.Unlock()
		sent := uint64(0)
		for _, p := range publishers {
			sent += p.Sent()
		}
		return sent - min(sent, have)
	}
}

// TakeTimes returns the times from publishing to reading since it was called last.
func (s *Swarm) TakeTimes() *hdrhistogram.Histogram {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.times
	s.times = newHistogram()
	return t
}

// Pause has members from up to, not including, to read nothing; Resume has them read on.
func (s *Swarm) Pause(from, to int) { s.pause(from, to, true) }

// Resume undoes Pause.
func (s *Swarm) Resume(from, to int) { s.pause(from, to, false) }

func (s *Swarm) pause(from, to int, paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members[from:to] {
		if m.over || m.paused == paused {
			continue
		}
		m.paused = paused
		if err := s.watch(m, syscall.EPOLL_CTL_MOD); err != nil {
			m.end(err)
		}
	}
}

// Sip has paused members from up to, not including, to read n bytes each, or a whole
// message if it is larger.
func (s *Swarm) Sip(from, to, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	buf := make([]byte, n)
	for _, m := range s.members[from:to] {
		if !m.over && m.paused {
			m.receive(buf)
		}
	}
}

// Leave closes members from up to, not including, to; with a reset if abrupt. They
// are not counted as ended.
func (s *Swarm) Leave(from, to int, abrupt bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members[from:to] {
		if abrupt && !m.over {
			_ = syscall.SetsockoptLinger(m.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
		}
		m.close()
	}
}

// dial connects a non-blocking socket.
func dial(to netip.AddrPort, receiveBuffer int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket for a subscriber: %w", err)
	}
	if receiveBuffer > 0 {
		// Before the connection is made, or the window is announced already.
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer) // any size is taken
	}
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		syscall.Close(fd)
		return -1, fmt.Errorf("connect a subscriber: %w", err)
	}
	return fd, nil
}
