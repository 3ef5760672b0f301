package loop

import (
	"net/netip"
	"sync/atomic"

	"gnatsd-ev/internal/age"
	"gnatsd-ev/internal/invariant"
)

// A Host is what the owner of a loop gives it: the loop's upward calls that are
// not about one connection. All run on the loop.
type Host interface {
	// Adopt makes the record for a new connection and returns the Conn embedded in it
	// and its Peer; with is what came with the listener or the handover. A nil
	// Conn refuses: the socket is closed.
	Adopt(fd int, remote netip.AddrPort, with any) (*Conn, Peer)
	// Commit makes the turn's changes visible to other loops, in slices: true
	// asks for another turn. It runs before Post and before anything is written.
	Commit() (more bool)
	// Post hands what was gathered for other loops to them, with PostTo.
	Post()
	// AcceptFailed says that the system refused to accept; it is tried again.
	AcceptFailed(err error)
	// PollFailed says that waiting for events failed, which should not happen.
	PollFailed(err error)
}

// A Loop is one event loop: one locked thread, some connections, and the memory their output
// lives in. Unless a method says otherwise, only the loop's own
// thread may call it: the "home loop" of the connections on it.
type Loop struct {
	// Fixed before Start; any goroutine may read.
	id     int
	group  *Group
	kernel Kernel
	poller Poller
	host   Host

	// Shared with other goroutines.
	mail         mailbox
	state        tenancy
	connCount    atomic.Int64 // connections here or on their way
	shown        shown
	lag          lag
	ownGoroutine Count // the number of its goroutine

	// Written by the watchdog, read by any.
	stuckTimes Count
	stuckSince Count // kernel time, 0 while it turns

	// Home loop only.
	now        int64
	events     [eventsMax]Event
	conns      []*Conn // by descriptor
	open       int     // connections in conns
	generation uint32
	readBuffer []byte
	rawBuffer  []byte  // what is read for layers, nil before there is one
	joined     []byte  // room for joined pieces of output, nil before it is needed
	runQueue   []*Conn // runQueue[runHead:] have more to say than one visit allowed
	runHead    int
	visiting   *Conn
	spent      int // work done, ever growing
	spentMax   int // where the present visit's share ends
	inputs     []*input
	inputBytes int   // kept input of all connections
	unfinished ages  // of it: operations whose rest has not come
	guarded    ages  // those of guarded connections
	posted     []int // by target: work posted in this turn
	vigil      vigil
	way        way
	awaited    int64 // until when its thread waits at the latest
	wantTurn   bool  // something was posted to ourselves
	entered    int   // stretches begun that others rely on; see Enter
	told       bool  // of a panic that ends the process, and the owner left it to Go
	goroutine  uint64
	opened     int64 // connections, ever
	turns      int64
	loans      int64 // turns that other loops' threads did
	letters    int64

	// Home loop only: output.
	current       *Block
	sealed        age.List[Block] // that somebody refers to
	heldBytes     int
	wanted        int      // bytes all connections have still to write
	compactAt     int      // held bytes above which compact may find something
	compactLow    int      // and wanted bytes below which it may
	freeBlocks    []*Block // with the memory of a block
	bareBlocks    []*Block // without
	foreign       []*Block // shared bytes this turn holds on to
	unflushed     int      // bytes encoded since the round before this one began
	owed          int      // bytes handed to connections since then
	dirtyList     []*Conn  // dirtyList[flushed:] are owed something
	flushed       int
	round         round
	heard         bool // the run queue had its turn since the last round ended
	expressList   []*Conn
	answered      bool // somebody who was on dirtyList already, since the last flush
	over          []*Conn
	iov           [][]byte
	batch         Batch   // nil where connections are written to one by one
	offers        []offer // connections in the batch
	borrowed      bool    // another loop's thread is doing the turn
	backlogs      []*backlog
	backlogPieces int // what backlogs have room for
	slow          []*Conn

	// Home loop only: the budget.
	counts       counts
	level        level
	hunting      bool      // the budget was exceeded when this loop last looked
	saving       bool      // nobody is read until it is kept again
	suspects     []suspect // slow readers, worst first, the first of them gone
	suspectsRoom [suspectsMax]suspect
	moreSuspects bool // others are slow than those of the last ranking
	ranked       bool
	rankAt       int   // slow[:rankAt] were looked at by the present ranking
	guardAt      int64 // when guarded input is looked at again

	// Home loop only: ends, time, listeners.
	closing       []*Conn // Teardown is not done
	doomed        []*Conn // closed at the end of this turn
	wheel         wheel
	wheelDue      int64
	delays        []delayed
	delayDue      int64
	listeners     []*listener
	acceptPending bool
	acceptAt      int64
	quiet         bool   // reads no more: the group is stopping
	afterTurn     func() // called once, after the end of the turn
	writeDeadline int64  // how long a socket may refuse the same bytes
	stopping      bool   // closes everything
	stopAt        int64
}

func newLoop(g *Group, id int) (*Loop, error) {
	p, err := g.config.Kernel.OpenPoller()
	if err != nil {
		return nil, err
	}
	l := &Loop{
		id: id, group: g, kernel: g.config.Kernel, poller: p,
		readBuffer: make([]byte, headRoom+readSize),
		posted:     make([]int, g.config.Loops),
		iov:        make([][]byte, 0, iovecsMax),
		wheelDue:   never, delayDue: never, acceptAt: never, stopAt: never, guardAt: never,
		compactAt: g.config.HeldMax, entered: 1, writeDeadline: g.config.WriteDeadline,
	}
	l.now = l.kernel.Now()
	l.lag.looked = l.now
	l.wheel.tick = l.now >> tickBits
	l.nextBlock(blockSize)
	return l, nil
}

// ID is the loop's number, from 0. Any goroutine.
func (l *Loop) ID() int { return l.id }

// Group is the set of loops this one belongs to. Any goroutine.
func (l *Loop) Group() *Group { return l.group }

// Now is monotonic time in nanoseconds, read once after each wait and slice.
func (l *Loop) Now() int64 { return l.now }

// InputBytes is how much memory unfinished input of all connections takes.
func (l *Loop) InputBytes() int { return l.inputBytes }

// HeldBytes is how much memory blocks take that are not written yet.
func (l *Loop) HeldBytes() int { return l.heldBytes }

// SetWriteDeadline changes how long, in nanoseconds, sockets may refuse the same bytes. For those that refuse some
// already a longer time holds at once, and a shorter one when the old one is over. Home loop only.
func (l *Loop) SetWriteDeadline(d int64) { l.writeDeadline = d }

// Each calls f for every connection of the loop.
func (l *Loop) Each(f func(*Conn, Peer)) {
	for _, c := range l.conns {
		if c != nil {
			f(c, c.peer)
		}
	}
}

// EachFrom calls f for open connections of the loop in the order of their descriptors, beginning at
// from, n of them at most; a panic of f is the connection's own. It returns where to go on, and
// a negative number when there are no more.
func (l *Loop) EachFrom(from, n int, f func(*Conn, Peer)) (next int) {
	for fd := from; fd < len(l.conns); fd++ {
		c := l.conns[fd]
		if c == nil || c.state != stateOpen {
			continue
		}
		if n == 0 {
			return fd
		}
		n--
		l.own(c, func() { f(c, c.peer) })
	}
	return -1
}

// AssertOn panics, under the invariants tag, if the caller is not on this loop.
func (l *Loop) AssertOn() {
	if invariant.Enabled {
		id := invariant.GoroutineID()
		invariant.Check(l.goroutine == 0 || l.goroutine == id, "goroutine %d touches what belongs to loop %d of goroutine %d", id, l.id, l.goroutine)
	}
}

// main is the loop's thread: it ends when the group stops. It calls ready once its
// thread is bound.
func (l *Loop) main(cpu int, ready func()) {
	defer countLoops(-1)
	defer l.lastResort()
	if cpu >= 0 {
		if err := pinThread(cpu); err != nil {
			l.group.pinFailed.CompareAndSwap(nil, &err)
		}
	}
	if invariant.Enabled {
		l.goroutine = invariant.GoroutineID()
	}
	l.ownGoroutine.Set(int64(invariant.GoroutineID()))
	for _, ln := range l.listeners {
		ln.pending, l.acceptPending = true, true
	}
	l.openBatch()
	ready()
	l.lag.looked = l.kernel.Now()
	l.run()
}
