package broker

import (
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/internal/transport"
	"gnatsd-ev/loop"
)

// An Identity is how the broker introduces itself.
type Identity struct {
	ID        string // public server nkey
	Name      string
	Version   string // our own; INFO's version is the nats-server level
	GitCommit string
}

// Facts are what there is to say of a broker. Those of a moment do not change; a reload makes others.
type Facts struct {
	Options      *config.Options // in force
	Loaded       time.Time       // when they were read
	Loops        int
	Poller       string // epoll or kqueue
	Pinning      string // to which processors loops are bound, or why they are not
	Listeners    []net.Addr
	CertNotAfter time.Time     // when the server's certificate ends; zero without TLS
	AuthRequired bool          // clients prove who they are, or are taken for somebody
	AuthTimeout  time.Duration // how long they have for that
}

// A ListenError says which address could not be bound, and why.
type ListenError struct {
	Addr string // as it was asked for
	Err  error
}

// Error returns both.
func (e *ListenError) Error() string { return fmt.Sprintf("listen on %s: %v", e.Addr, e.Err) }

// Unwrap returns what the system or the resolver said.
func (e *ListenError) Unwrap() error { return e.Err }

// A Broker routes messages between its sessions.
type Broker struct {
	// Fixed by New; any goroutine may read.
	id      Identity
	footing footing
	log     *logging.Logger
	group   *loop.Group
	shards  []*shard // by loop
	global  *Account // $G, where everybody lives who has no other
	budget  loop.Budget
	gate    *transport.Gate // for what computes long beside the loops

	unwatch func() // ends the watchdog; set by Start

	// Any goroutine. Each shard has a pointer to terms of its own, and goes by that.
	terms atomic.Pointer[terms]
	facts atomic.Pointer[Facts]

	// changing is held by Start, Apply and Shutdown, and guards what follows.
	changing sync.Mutex
	helpers  helpers // nil where no check was slow so far
	ended    bool

	// Any goroutine.
	lameDuck  atomic.Bool
	clientIDs atomic.Uint64
	sessions  atomic.Int64 // admitted and not closed

	// Fixed before Start.
	onBroken func()
}

// New builds a broker and binds its listeners; nothing is accepted before Start.
func New(o *config.Options, id Identity, log *logging.Logger) (*Broker, error) {
	return newOver(standing(nil, o), o, id, log)
}

// A footing is what a broker stands on, and bounds inside it. Tests put other systems
// below it, and lower the bounds to reach them sooner.
type footing struct {
	kernel      loop.Kernel // nil is the real system
	place       placement
	inFlightMax int64
	matchCache  int
	heldMax     int // bytes of blocks of which little is wanted, a loop
}

// standing is the footing of a broker in life, above a kernel.
func standing(k loop.Kernel, o *config.Options) footing {
	place := placeLoops(o)
	return footing{kernel: k, place: place, inFlightMax: inFlightMax, matchCache: matchCache, heldMax: heldMax(budgetOf(o), place.loops)}
}

// newOver is New on a footing of the caller's.
func newOver(f footing, o *config.Options, id Identity, log *logging.Logger) (*Broker, error) {
	place := f.place
	b := &Broker{id: id, footing: f, log: log, budget: budgetOf(o), gate: transport.NewGate(helperThreads)}
	t, err := newTerms(o, b.gate, nil, place.loops)
	if err != nil {
		return nil, err
	}
	b.terms.Store(t)
	b.global = t.grants[proto.GlobalAccount].account
	group, err := loop.NewGroup(loop.Config{
		Kernel: f.kernel, Loops: place.loops, CPUs: place.cpus, WriteDeadline: int64(o.WriteDeadline),
		HeldMax: f.heldMax, Budget: b.budget,
		NoBatch: o.IOUring == config.Off, Panicked: b.panicked, Broken: b.broken,
	}, func(l *loop.Loop) loop.Host {
		sh := newShard(b, l)
		b.shards = append(b.shards, sh)
		return sh
	})
	if err != nil {
		return nil, err
	}
	b.group = group
	facts := Facts{Loops: place.loops, Poller: loop.PollerName, Pinning: place.text}
	for _, addr := range o.Addresses() {
		bound, err := group.Listen(addr, nil)
		if err != nil {
			group.Abandon()
			return nil, &ListenError{Addr: addr, Err: err}
		}
		facts.Listeners = append(facts.Listeners, bound)
	}
	b.state(facts, t)
	t.greet(b.info(t))
	return b, nil
}

// state makes the facts that follow from terms.
func (b *Broker) state(f Facts, t *terms) {
	f.Options, f.Loaded = t.options, time.Now()
	f.AuthRequired, f.AuthTimeout, f.CertNotAfter = t.authority.Required(), t.authority.Timeout(), t.certEnds
	b.facts.Store(&f)
}

// info is what INFO says to every client.
func (b *Broker) info(t *terms) proto.Info {
	o, id := t.options, b.id
	host, port := o.Host, b.Facts().Port()
	if adv := o.ClientAdvertise; adv != "" {
		host, port, _ = config.SplitAdvertised(adv, port) // checked when it was read
	}
	return proto.Info{
		ServerID: id.ID, ServerName: id.Name, Version: proto.VersionLevel, Proto: proto.ProtoLevel,
		GitCommit: id.GitCommit, GoVersion: runtime.Version(), Host: host, Port: port, Headers: true,
		TLSRequired: o.TLS.Required(), TLSVerify: o.TLS.Verify, TLSAvailable: o.TLS.On() && !o.TLS.Required(),
		MaxPayload: o.MaxPayload, GnatsdEv: id.Version,
	}
}

// Facts returns what there is to say now. Any goroutine.
func (b *Broker) Facts() Facts { return *b.facts.Load() }

// Port is the one that was bound for clients first.
func (f Facts) Port() int {
	if a, ok := f.Listeners[0].(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// Start runs the loops: connections are accepted from now on. A watchdog looks after
// them until Shutdown.
func (b *Broker) Start() error {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.engage(b.terms.Load()) // before loops look at GOMAXPROCS
	if err := b.group.Start(); err != nil {
		if b.helpers != nil {
			b.helpers.Stop()
		}
		return err
	}
	b.unwatch = b.group.Watch(watcher{b.log})
	return nil
}

// engage gives the terms the helpers they need.
func (b *Broker) engage(t *terms) {
	if t.authority.Slow() && b.helpers == nil {
		n := helpersFor(len(b.shards))
		runtime.GOMAXPROCS(len(b.shards) + helperThreads + n)
		b.helpers = auth.StartHelpers(n)
	}
	t.helpers = b.helpers
}

// PinError says why a loop's thread could not be bound to its processor, if one
// could not. Call it after Start. Any goroutine.
func (b *Broker) PinError() error { return b.group.PinError() }

// BatchError says why connections are written to one by one although that was not
// asked for, or nil. Call it after Start. Any goroutine.
func (b *Broker) BatchError() error { return b.group.BatchError() }

// Shutdown stops reading, delivers what was read, writes what is pending as far
// as the deadline allows, and closes. It returns when all loops have ended.
func (b *Broker) Shutdown(deadline time.Duration) {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.ended = true
	b.group.Stop(int64(deadline))
	b.gate.Wait()
	b.terms.Load().throttle.stop()
	if b.unwatch != nil {
		b.unwatch()
	}
	if b.helpers != nil {
		b.helpers.Stop()
	}
}

// watcher logs what the watchdog has seen.
type watcher struct{ log *logging.Logger }

// Stuck logs a loop that stands still; all its connections do.
func (w watcher) Stuck(l *loop.Loop, since time.Duration, stack string) {
	w.log.Errorf("Loop %d has not turned for %v: %s", l.ID(), since.Round(time.Millisecond), stack)
}

// Unstuck logs its end.
func (w watcher) Unstuck(l *loop.Loop, after time.Duration) {
	w.log.Warnf("Loop %d turns again after %v", l.ID(), after.Round(time.Millisecond))
}

// admit counts a new session and reports whether there is room for it.
func (b *Broker) admit(max int) bool {
	n := b.sessions.Add(1)
	if max < 0 || max > 0 && n > int64(max) {
		b.sessions.Add(-1)
		return false
	}
	return true
}

// leave counts a session that was admitted and has closed.
func (b *Broker) leave() { b.sessions.Add(-1) }

func (b *Broker) newQueueGroup(name string) *queueGroup {
	return &queueGroup{name: name, clients: make([]atomic.Int32, len(b.shards))}
}
