package broker

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gnatsd-ev/loop"
)

// A system in memory, below real loops on threads of their own: as many sockets as a test
// wants, of eight bytes each, where a process may hold some thousand descriptors. The
// clock is the real one, and so is the listener, which nobody outside connects to.
//
// What the peers of these sockets do is in mempeers_test.go.

// memFirst is the number of the first socket: the real descriptors are below.
const memFirst = 1 << 10

// memSocket is one connection.
type memSocket struct {
	// Its poller's lock.
	what loop.Happening // to be told at the next look; 0 when it is not listed
	says says           // what the peer has sent and nobody has read

	// Its loop; and a test when all loops have come to rest.
	home uint8 // number of its poller plus one; 0 before it is added
	done steps
	got  uint32 // messages to all, or bytes where the kernel only weighs
}

// memKernel is the system. Its sockets come in the order of their numbers.
type memKernel struct {
	loop.Kernel // the real one: for the clock

	script  script
	actors  []*actor // the first sockets: peers of which a test wants more
	count   int
	sockets []memSocket // use at
	pollers []*memPoller
	weighs  atomic.Bool // what answered sockets get is not looked at, only counted
	stands  atomic.Bool // every other client takes nothing any more

	listener int // the real descriptor
	dialled  atomic.Int64
	accepted atomic.Int64

	mu     sync.Mutex // leaf; guards wrongs
	wrongs []string
}

// newMemKernel makes room for n sockets besides the actors.
func newMemKernel(n int, s script, actors ...*actor) *memKernel {
	k := &memKernel{
		Kernel: loop.System(), script: s, actors: actors, listener: -1,
		count: n + len(actors), sockets: make([]memSocket, (n+len(actors)+columns)/columns*columns),
	}
	for i, a := range actors {
		a.kernel, a.fd = k, memFirst+i
	}
	return k
}

// columns is how many sockets stand between one and the next in memory. Neighbours are on
// different loops, and would share lines of their caches.
const columns = 64

// at is the i-th socket.
func (k *memKernel) at(i int) *memSocket {
	return &k.sockets[i%columns*(len(k.sockets)/columns)+i/columns]
}

// wrong notes what no correct broker does.
func (k *memKernel) wrong(format string, args ...any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.wrongs) < 10 {
		k.wrongs = append(k.wrongs, fmt.Sprintf(format, args...))
	}
}

// sum adds up what one counter says on all loops. Any goroutine.
func (k *memKernel) sum(of func(*memPoller) *atomic.Int64) int64 {
	n := int64(0)
	for _, p := range k.pollers {
		n += of(p).Load()
	}
	return n
}

// dial lets n more peers connect. Any goroutine.
func (k *memKernel) dial(n int) {
	k.dialled.Add(int64(n))
	k.pollers[0].knock()
}

func (k *memKernel) Yield() bool { return false }

func (k *memKernel) OpenBatch() (loop.Batch, error) { return nil, syscall.ENOSYS }

func (k *memKernel) OpenPoller() (loop.Poller, error) {
	p := &memPoller{kernel: k, number: len(k.pollers), bell: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	p.list = make([]int32, 0, k.count) // so that it never grows while memory is measured
	k.pollers = append(k.pollers, p)
	return p, nil
}

func (k *memKernel) Accept(int) (int, netip.AddrPort, error) {
	i := k.accepted.Load() // the listener is one loop's
	if i == k.dialled.Load() {
		return -1, netip.AddrPort{}, syscall.EAGAIN
	}
	k.accepted.Add(1)
	addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	return memFirst + int(i), netip.AddrPortFrom(addr, 1024), nil
}

// socket returns an open socket and its poller.
func (k *memKernel) socket(call string, fd int) (*memSocket, *memPoller) {
	i := fd - memFirst
	if i < 0 || i >= k.count || k.at(i).home == 0 || k.at(i).done&closed != 0 {
		k.wrong("%s on %d, which is no open socket", call, fd)
		return nil, nil
	}
	s := k.at(i)
	return s, k.pollers[s.home-1]
}

func (k *memKernel) Read(fd int, b []byte) (int, error) {
	s, p := k.socket("read", fd)
	if s == nil {
		return 0, syscall.EBADF
	}
	if i := fd - memFirst; i < len(k.actors) {
		return k.actors[i].read(b)
	}
	p.mu.Lock()
	what := s.says
	s.says &= sentEnd // an end stays
	p.mu.Unlock()
	return k.script.say(b, what, fd-memFirst)
}

func (k *memKernel) Write(fd int, b []byte) (int, error) {
	s, p := k.socket("write", fd)
	if s == nil {
		return 0, syscall.EBADF
	}
	if k.stands.Load() && k.standing(fd-memFirst) {
		return 0, syscall.EAGAIN
	}
	if k.weighs.Load() && s.done&answered != 0 && s.done&acting == 0 {
		s.got += uint32(len(b))
		p.weight.Add(int64(len(b)))
		return len(b), nil
	}
	k.hear(s, p, fd, b)
	return len(b), nil
}

// standing reports whether socket i is one of those that may take nothing.
func (k *memKernel) standing(i int) bool {
	return i >= len(k.actors) && (i-len(k.actors))/len(k.pollers)%2 == 0
}

func (k *memKernel) Writev(fd int, bufs [][]byte) (int, error) {
	total := 0
	for _, b := range bufs {
		n, err := k.Write(fd, b)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func (k *memKernel) ShutdownWrite(fd int) error {
	if s, _ := k.socket("shutdown", fd); s == nil {
		return syscall.EBADF
	}
	return nil
}

func (k *memKernel) Close(fd int) error {
	if fd == k.listener {
		return syscall.Close(fd)
	}
	s, p := k.socket("close", fd)
	if s == nil {
		return syscall.EBADF
	}
	p.mu.Lock()
	s.what = 0
	p.mu.Unlock()
	s.done |= closed
	p.closed.Add(1)
	return nil
}

// memPoller tells one loop of its sockets.
type memPoller struct {
	kernel *memKernel
	number int
	bell   chan struct{}
	timer  *time.Timer // the loop's only

	mu     sync.Mutex // leaf; guards what follows, and what of a socket it says
	list   []int32    // list[head:] have something to tell
	head   int
	knocks bool // somebody waits to be accepted
	asleep bool

	// How long the loop did not look while there was something to see.
	looked  int64 // when the last look ended
	ready   int64 // when the first of the list came
	longest int64

	// Any goroutine.
	answers, pinged, delivered, own, weight, closed atomic.Int64
	_                                               [64]byte // the next poller's are another loop's
}

func (p *memPoller) Add(fd int) error {
	s := p.kernel.at(fd - memFirst)
	p.mu.Lock()
	defer p.mu.Unlock()
	s.home = uint8(p.number + 1)
	if fd-memFirst < len(p.kernel.actors) {
		s.done |= acting
	}
	return nil
}

func (p *memPoller) AddListener(fd int) error {
	p.kernel.listener = fd
	return nil
}

// knock says that somebody waits to be accepted. Any goroutine.
func (p *memPoller) knock() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteReady()
	p.knocks = true
	p.wakeLocked()
}

// happen lists a socket. Any goroutine; the lock is held.
func (p *memPoller) happenLocked(s *memSocket, i int, what loop.Happening) {
	if s.what == 0 {
		p.noteReady()
		p.list = append(p.list, int32(i))
	}
	s.what |= what
	p.wakeLocked()
}

func (p *memPoller) noteReady() {
	if p.head == len(p.list) && !p.knocks {
		p.ready = p.kernel.Now()
	}
}

func (p *memPoller) wakeLocked() {
	if p.asleep {
		p.Ring()
	}
}

func (p *memPoller) Ring() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

func (p *memPoller) Close() error { return nil }

func (p *memPoller) Wait(events []loop.Event, timeout int64) (int, error) {
	if n := p.look(events, timeout != 0); n > 0 || timeout == 0 {
		return n, nil
	}
	if timeout > 0 {
		p.timer.Reset(time.Duration(timeout))
	} else {
		p.timer.Stop()
	}
	select {
	case <-p.bell:
	case <-p.timer.C:
	}
	return p.look(events, false), nil
}

// look takes what has happened. It falls asleep, if it may, when that is nothing.
func (p *memPoller) look(events []loop.Event, mayFallAsleep bool) int {
	now := p.kernel.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.head < len(p.list) || p.knocks {
		p.longest = max(p.longest, now-max(p.looked, p.ready))
	}
	n := 0
	if p.knocks {
		events[0], p.knocks = loop.Event{FD: int32(p.kernel.listener), What: loop.Readable}, false
		n++
	}
	for ; n < len(events) && p.head < len(p.list); p.head++ {
		i := p.list[p.head]
		s := p.kernel.at(int(i))
		if s.what == 0 {
			continue // it was closed
		}
		events[n] = loop.Event{FD: memFirst + i, What: s.what}
		s.what = 0
		n++
	}
	if p.head == len(p.list) {
		p.list, p.head = p.list[:0], 0
	} else if len(p.list) == cap(p.list) {
		p.list, p.head = p.list[:copy(p.list, p.list[p.head:])], 0
	}
	p.asleep = n == 0 && mayFallAsleep
	p.looked = p.kernel.Now()
	return n
}

// takeLongest returns the longest stall since it was last asked for. Any goroutine.
func (p *memPoller) takeLongest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.longest
	p.longest = 0
	return time.Duration(n)
}
