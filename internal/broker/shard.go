package broker

import (
	"net/netip"
	"sync/atomic"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
	"gnatsd-ev/parser"
	"gnatsd-ev/sublist"
)

const (
	infoLevel  = logging.Info
	errorLevel = logging.Error
)

// A shard is what one loop owns of the broker. It is the loop's Host.
type shard struct {
	// Fixed when made; any goroutine may read.
	id     int
	self   loopSet // only this loop
	alone  bool    // there is no other loop
	broker *Broker
	loop   *loop.Loop
	log    *logging.Logger

	// Limits, copied here because every delivery looks at them.
	pendingMax  int
	softLimits  [2]int // of pendingSoft: as a rule, and while memory is short
	inFlightMax int64  // see inFlightMax

	// Any loop. By target: bytes of ours on their way there, and whether
	// publishers here wait for it to take them.
	inFlight []atomic.Int64
	waiting  []atomic.Bool

	// Written on the home loop, read by any: what an entry for this loop weighs besides
	// its bytes; see weighEntries.
	entryWeight atomic.Int64

	// Written on the home loop, read by any.
	shown shown

	// Home loop only: what sessions are served by, and of it what every operation looks at.
	terms *terms
	trace bool

	// Home loop only: what has happened so far.
	counts [counters]int64

	// Home loop only: memory of one operation.
	op          parser.Op
	message     message
	matched     matched // whose topics and interests follow
	topics      []*topic
	replyTopics []*topic
	interests   []*interest
	contestList []contest
	contestAt   map[string]int // index in contestList by name, while there are many
	own         []*group
	anew        []*queueGroup
	connect     proto.Connect
	lastIP      netip.Addr
	lastIPText  string
	verdicts    *auth.Verdicts // nil until a user with rules came
	seed        uint64

	// Home loop only: what the turn gathers.
	gains, losses []*topic
	expired       []*subscription
	tornDown      int       // subscriptions of closed sessions taken back
	out           []*parcel // by target
	pendingSoft   int       // bytes pending from which a reader's publisher is held up
	sharedWeight  int       // how much less a shared byte on its way weighs than a copied one
	congested     loopSet   // targets with no room left
	parked        []loop.Handle
	stalled       origin // the publisher elsewhere that was last told to wait
	stalledUntil  int64

	// Home loop only: what the accounts' tables match with; beside these each has its own.
	tables  *sublist.Matcher[topic]
	indexes *sublist.Matcher[interest]

	// Home loop only: what sessions share.
	clients map[clientInfo]*clientInfo
	strings sharedStrings
}

func newShard(b *Broker, l *loop.Loop) *shard {
	t := b.terms.Load()
	o := t.options
	n := len(b.global.tables)
	size := b.footing.matchCache
	sh := &shard{
		tables: sublist.NewMatcher[topic](nil, size), indexes: sublist.NewMatcher[interest](nil, size),
		id: l.ID(), self: 1 << l.ID(), alone: n == 1, broker: b, loop: l, log: b.log, terms: t,
		pendingMax: int(o.MaxPending), softLimits: softLimits(o), inFlightMax: b.footing.inFlightMax, trace: o.Trace,
		inFlight: make([]atomic.Int64, n), waiting: make([]atomic.Bool, n), out: make([]*parcel, n),
		replyTopics: make([]*topic, 0, 8), contestAt: map[string]int{},
		seed: uint64(l.ID()+1) * 0x9E3779B97F4A7C15, clients: map[clientInfo]*clientInfo{}, strings: sharedStrings{},
	}
	b.global.on(sh)
	sh.heedMemory()
	return sh
}

// Adopt makes the session of a new connection.
func (sh *shard) Adopt(_ int, remote netip.AddrPort, _ any) (*loop.Conn, loop.Peer) {
	b := sh.broker
	s := &Session{
		shard: sh, table: b.global.on(sh), id: b.clientIDs.Add(1),
		traits: verbose | pedantic | wantsEcho, remote: remote,
	}
	s.parser.MaxControlLine = sh.terms.options.MaxControlLine
	s.parser.MaxPayload = sh.terms.options.MaxPayload
	return &s.conn, s
}

// AcceptFailed reports that the system has no room for connections, or the budget.
func (sh *shard) AcceptFailed(err error) {
	if err == loop.ErrCrowded {
		sh.log.Limited(errorLevel, "crowded", "Client Accept Error: connections that have not sent CONNECT hold all that unfinished input of theirs may take, %d bytes; others wait",
			sh.broker.budget.Guarded)
		return
	}
	sh.log.Limited(errorLevel, "accept", "Client Accept Error: %v; trying again when a connection closes, and every 100ms", err)
}

// PollFailed reports what should not happen.
func (sh *shard) PollFailed(err error) {
	sh.log.Limited(errorLevel, "poll", "Loop %d cannot wait for events: %v", sh.id, err)
}

// session returns the session an origin names, if it still lives. Home loop of the origin.
func (sh *shard) session(o origin) *Session {
	c := sh.loop.Lookup(o.name)
	if c == nil {
		return nil
	}
	return sh.sessionOf(c)
}

func (sh *shard) sessionOf(c *loop.Conn) *Session { return c.Peer().(*Session) }

// clientIP returns the peer's address as INFO shows it. Many connections often
// come from one address, one after the other.
func (sh *shard) clientIP(a netip.AddrPort) string {
	if ip := a.Addr(); ip != sh.lastIP {
		sh.lastIP, sh.lastIPText = ip, ip.String()
	}
	return sh.lastIPText
}

// intern returns the shared copy of what a client program says of itself.
func (sh *shard) intern(c *proto.Connect) *clientInfo {
	key := clientInfo{name: c.Name, lang: c.Lang, version: c.Version}
	if key == (clientInfo{}) {
		return nil
	}
	if known := sh.clients[key]; known != nil {
		return known
	}
	if len(sh.clients) >= sharedStringsMax {
		clear(sh.clients)
	}
	info := &clientInfo{name: c.Name, lang: c.Lang, version: c.Version}
	sh.clients[key] = info
	return info
}

// sharedStrings holds one copy of each string that CONNECTs repeat.
type sharedStrings map[string]string

// String returns the shared copy of b.
func (t sharedStrings) String(b []byte) string {
	if s, ok := t[string(b)]; ok {
		return s
	}
	if len(t) >= sharedStringsMax {
		clear(t)
	}
	s := string(b)
	t[s] = s
	return s
}

// sharedStringsMax bounds how many strings and programs a shard remembers to
// share.
const sharedStringsMax = 1024
