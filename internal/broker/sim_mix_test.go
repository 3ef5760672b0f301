//go:build invariants

package broker

import "strings"

// Chance, and what a seed decides before anything happens.

// dice are the source of all chance: splitmix64.
type dice struct{ x uint64 }

func (d *dice) next() uint64 {
	d.x += 0x9E3779B97F4A7C15
	z := d.x
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// n returns a number in [0, n).
func (d *dice) n(n int) int { return int(d.next() >> 1 % uint64(n)) }

// oneIn is true once in n times.
func (d *dice) oneIn(n int) bool { return d.n(n) == 0 }

func (d *dice) word(of []string) string { return of[d.n(len(of))] }

func (d *dice) shuffle(list []int) {
	for i := len(list) - 1; i > 0; i-- {
		j := d.n(i + 1)
		list[i], list[j] = list[j], list[i]
	}
}

// order returns the numbers below n in any order.
func (d *dice) order(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	d.shuffle(list)
	return list
}

// mix is what kind of world a seed makes: some have no faults, some no queue groups, so that
// each thing also happens where nothing else disturbs it.
type mix struct {
	loops, clients, actions int

	// How threads take turns.
	stay    int  // a thread is kept from going on at one call in so many
	act     int  // one turn of the scheduler in so many is a client's
	tick    int  // nanoseconds a call takes at most
	freezes bool // threads may stand still for long
	vigils  bool // the system can yield
	jumps   bool // clients let time pass

	// What the system does; one in so many, 0 for none.
	faults, cuts int  // calls that fail, or do less than they were asked to
	windows      bool // sockets have little room
	batches      bool // the system can write to many

	// What clients do.
	burst                     int // messages at once, at most
	large                     int // one message in so many is large, 0 for none
	queues, maxima, noEcho    bool
	slow, stale, ends         bool // clients stop reading, vanish, leave
	subjects, patterns, names []string
	spies                     bool // subscribe to the inboxes of all
	smallPending, stopInMidst bool // max_pending is small; the broker is stopped while clients talk
	inFlight                  int64
	held                      int
	budget                    int // max_pending_total, 0 for none
	users, slowLogins         bool
}

func newMix(d *dice, actions int) mix {
	m := mix{
		loops: 1 + d.n(4), clients: 2 + d.n(5), actions: 20 + d.n(100),
		stay: 1 << (1 + d.n(6)), act: 2 << d.n(5), tick: []int{100, 1000, 5_000, 50_000}[d.n(4)],
		cuts: []int{0, 3, 20}[d.n(3)], faults: []int{0, 0, 200, 40}[d.n(4)], large: []int{0, 12, 4}[d.n(3)], burst: 1 + d.n(6),
		queues: d.oneIn(2), maxima: d.oneIn(2), noEcho: d.oneIn(3), slow: d.oneIn(3), stale: d.oneIn(2), ends: d.oneIn(2), windows: d.oneIn(3),
		batches: d.oneIn(2), vigils: d.oneIn(3), jumps: d.oneIn(3), smallPending: d.oneIn(4), stopInMidst: d.oneIn(5), spies: d.oneIn(4), freezes: d.oneIn(2),
		inFlight: inFlightMax, held: 0,
	}
	if m.loops == 1 && d.oneIn(2) {
		m.loops = 2
	}
	if actions >= 0 {
		m.actions = min(m.actions, actions)
	}
	if d.oneIn(3) {
		m.inFlight = 1 << (7 + d.n(8))
	}
	if d.oneIn(3) {
		m.held = 1 << (17 + d.n(3))
	}
	all := []string{"a", "a.b", "a.c", "b.b", "b.c", "b.c.d"}
	for range 1 + d.n(4) {
		m.subjects = append(m.subjects, d.word(all))
	}
	allPatterns := []string{"a.*", "a.>", "*.b", "*.*", "b.>", "b.*.d", ">", "*"}
	for range d.n(4) {
		m.patterns = append(m.patterns, d.word(allPatterns))
	}
	m.names = []string{"q1", "q2"}[:1+d.n(2)]
	if d.oneIn(8) { // more than are searched one by one
		m.names = strings.Fields("q1 q2 q3 q4 q5 q6 q7 q8 q9 q10 q11 q12")
	}
	if d.oneIn(4) {
		m.limitMemory(d)
	}
	if d.oneIn(4) {
		m.users, m.slowLogins, m.jumps = true, d.oneIn(2), d.oneIn(2)
	}
	return m
}

// limitMemory makes a budget that clients use up: many stop, and messages are large.
func (m *mix) limitMemory(d *dice) {
	m.budget = 256 << 10 << d.n(4)
	m.slow, m.jumps, m.large, m.burst = true, d.oneIn(2), 2, 1+d.n(10)
}
