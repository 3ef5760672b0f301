package bench

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gnatsd-ev/internal/transport"
	"gnatsd-ev/loop"
)

const (
	// greetingsMax is how many connections are between connect and PONG at a
	// time: below the usual listen backlog of 4,096, so that no SYN is dropped
	// and repeated a second later.
	greetingsMax = 256

	// portsMax is how many connections one source address is used for. The usual range has
	// 28,232 ports, and Linux looks at every second one first: when those are taken, each
	// connect looks at all 14,116 of them. A broker then gets connections one by one instead
	// of in batches, which doubled what each cost it.
	portsMax = 14_000

	// sourcesMax is how many addresses a fleet uses by itself.
	sourcesMax = 250

	// answerTime is how long a broker may be silent before a run gives up.
	answerTime = 20 * time.Second

	// stopTime is how long closing connections may take.
	stopTime = int64(2 * time.Second)
)

// A host is one loop of a fleet.
type host struct {
	l     *loop.Loop
	fleet *fleet

	// Its loop only.
	sources   []committer
	delivered uint64    // messages its connections have had
	latency   *recorder // nil records nothing

	total atomic.Uint64 // delivered, as of the end of the last turn
}

// A committer publishes at the end of a turn; true asks for another turn.
type committer interface{ commit() bool }

// Adopt takes the record that was made for the socket.
func (h *host) Adopt(_ int, _ netip.AddrPort, with any) (*loop.Conn, loop.Peer) {
	c := with.(*client)
	c.host = h
	return &c.conn, c
}

// Commit lets the publishers of this loop add to what the turn writes.
func (h *host) Commit() (more bool) {
	h.total.Store(h.delivered)
	for _, s := range h.sources {
		if s.commit() {
			more = true
		}
	}
	return more
}

// count is how many messages the loop's connections have had, those of the present turn
// included: total may lack what came in one read with an answer. Not on the loop.
func (h *host) count() uint64 {
	n := make(chan uint64)
	h.l.Do(func(*loop.Loop) { n <- h.delivered })
	return <-n
}

// add puts a publisher on the loop. Any goroutine.
func (h *host) add(s committer) {
	h.l.Do(func(*loop.Loop) { h.sources = append(h.sources, s) })
}

// Post has nothing to hand over.
func (h *host) Post() {}

// AcceptFailed cannot happen: nobody listens.
func (h *host) AcceptFailed(error) {}

// PollFailed ends the run.
func (h *host) PollFailed(err error) { h.fleet.fail(err) }

// A fleet is the connections of one run. Loop 0 is for publishers, the others
// for subscribers, so that a publisher does not wait for readers.
type fleet struct {
	to       netip.AddrPort
	dialect  dialect
	login    Login        // of every connection
	connect  []byte       // CONNECT of every connection, if they are all the same
	logins   atomic.Int64 // connections that have logged in as one of several users
	openRate int          // connections a second that open opens at most, 0 for as fast as it goes
	bind     []netip.Addr // source addresses, in turn; none is the system's choice
	group    *loop.Group
	hosts    []*host

	initiator *transport.Initiator // nil is plain

	mu      sync.Mutex   // leaf; guards info
	info    []byte       // the first greeting
	opened  atomic.Int64 // connections so far
	members []*client    // those that stay; one goroutine opens them
	closing atomic.Bool
	failed  chan error

	awaited  atomic.Int64  // answers that have not come
	complete chan struct{} // the last of them has
	greeting chan struct{} // holds one item for each unanswered connection while opening
	gate     atomic.Bool   // answers take an item from greeting
}

// newFleet starts the loops: one for publishers and readers for subscribers.
func newFleet(to netip.AddrPort, readers int) (*fleet, error) {
	f := &fleet{
		to:       to,
		dialect:  natsDialect{},
		failed:   make(chan error, 1),
		complete: make(chan struct{}, 1),
		greeting: make(chan struct{}, greetingsMax),
	}
	config := loop.Config{Loops: 1 + readers, WriteDeadline: int64(answerTime)}
	g, err := loop.NewGroup(config, func(l *loop.Loop) loop.Host {
		h := &host{l: l, fleet: f}
		f.hosts = append(f.hosts, h)
		return h
	})
	if err != nil {
		return nil, err
	}
	f.group = g
	return f, g.Start()
}

// prepare gives the fleet what the run wants of it, before anything is opened.
func (f *fleet) prepare(r *run) {
	f.bind, f.dialect = r.load.Bind, r.dialect()
	f.login = r.target.Login
	f.connect = f.dialect.connect(f.login)
	f.initiator = initiator(r.target.TLS)
	f.greeting = make(chan struct{}, f.dialect.greetings())
	r.fleet.Store(f)
}

// publishers is the loop publishers live on.
func (f *fleet) publishers() *host { return f.hosts[0] }

// reader is the loop of the i-th subscriber.
func (f *fleet) reader(i int) *host { return f.hosts[1+i%(len(f.hosts)-1)] }

// close ends every connection and every loop.
func (f *fleet) close() {
	f.closing.Store(true)
	f.group.Stop(stopTime)
	if f.initiator != nil {
		f.initiator.Wait()
	}
}

// fail ends the run with err; the first one counts. Any goroutine.
func (f *fleet) fail(err error) {
	if f.closing.Load() {
		return
	}
	select {
	case f.failed <- err:
	default:
	}
}

// failure is what failed since it was last asked for, or nil.
func (f *fleet) failure() error {
	select {
	case err := <-f.failed:
		return err
	default:
		return nil
	}
}

// noteInfo keeps the first greeting.
func (f *fleet) noteInfo(line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.info == nil {
		f.info = append([]byte{}, line...)
	}
}

// answered counts one PONG. Any loop.
func (f *fleet) answered() {
	if f.gate.Load() {
		<-f.greeting
	}
	if f.awaited.Add(-1) == 0 {
		f.complete <- struct{}{}
	}
}

// open connects clients to where place says and waits until all are greeted,
// have connected and subscribed, and have had their PONG.
func (f *fleet) open(clients []*client, place func(i int) *host) error {
	if len(clients) == 0 {
		return nil
	}
	f.awaited.Store(int64(len(clients)))
	f.gate.Store(true)
	p := pace{rate: max(1, f.openRate), start: monotonic()}
	for i, c := range clients {
		for wait := p.due() - monotonic(); f.openRate > 0 && wait > 0; wait = p.due() - monotonic() {
			nap(time.Duration(wait))
		}
		p.done()
		select {
		case f.greeting <- struct{}{}:
		case err := <-f.failed:
			return err
		case <-time.After(answerTime):
			return fmt.Errorf("broker answered %d of %d new connections", i-cap(f.greeting), len(clients))
		}
		fd, err := f.dial()
		if err != nil {
			return err
		}
		f.group.HandTo(place(i).l, fd, f.to, c)
	}
	f.members = append(f.members, clients...)
	err := f.wait("greeting")
	f.gate.Store(false)
	return err
}

// dial opens the next connection. Any goroutine.
func (f *fleet) dial() (fd int, err error) { return loop.Dial(f.to, f.from(f.opened.Add(1)-1)) }

// from is the source address of the i-th connection: one of those the load names,
// in turn, or the system's choice as long as one address has ports enough.
func (f *fleet) from(i int64) netip.Addr {
	if len(f.bind) > 0 {
		return f.bind[i%int64(len(f.bind))]
	}
	if i < portsMax || !f.to.Addr().IsLoopback() || !f.to.Addr().Is4() {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i/portsMax%sourcesMax)})
}

// ask sends the bytes text returns and a PING on every connection, and waits
// for the answers: the broker has handled everything sent before.
func (f *fleet) ask(clients []*client, text func(i int) []byte) error {
	if len(clients) == 0 {
		return nil
	}
	f.awaited.Store(int64(len(clients)))
	for i, c := range clients {
		var b []byte
		if text != nil {
			b = text(i)
		}
		c.host.l.Do(func(l *loop.Loop) {
			question := f.dialect.question()
			tail := append(l.Tail(len(b)+len(question)), b...)
			l.Send(&c.conn, l.Span(append(tail, question...)))
		})
	}
	return f.wait("PING")
}

// wait waits for the answers to a question as long as some keep coming.
func (f *fleet) wait(what string) error {
	left := f.awaited.Load()
	for {
		select {
		case <-f.complete:
			return nil
		case err := <-f.failed:
			return err
		case <-time.After(answerTime):
			now := f.awaited.Load()
			if now == left {
				return fmt.Errorf("broker answered no %s for %v, %d missing", what, answerTime, now)
			}
			left = now
		}
	}
}

// delivered is how many messages all subscribers have had. Any goroutine.
func (f *fleet) delivered() uint64 {
	n := uint64(0)
	for _, h := range f.hosts {
		n += h.total.Load()
	}
	return n
}
