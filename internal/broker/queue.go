package broker

import "gnatsd-ev/internal/invariant"

// Queue groups. A message goes to one member of each queue name it reaches,
// every member equally likely, whatever its loop and whatever pattern it
// subscribed to: the publisher's loop picks a loop by its number of members,
// that loop picks among its own. A loop whose members have gone or refuse says
// it was tried and picks again, so a message is dropped only when no member
// lives anywhere.

// A contest is one queue name a message reaches: members on different matching
// subjects compete for it together.
type contest struct {
	name   string
	shared []*queueGroup // what the index knows, on all loops
	own    []*group      // this loop's members, always current
	target int           // loop it was decided for, -1 if none or this one
}

// contests gathers the queue names a message reaches from the topics and
// interests it matched. The list is valid until the next call.
func (sh *shard) contests() []contest {
	sh.contestList = sh.contestList[:0]
	for _, in := range sh.interests {
		for _, g := range in.groups {
			c := sh.enter(g.name)
			c.shared = append(c.shared, g)
		}
	}
	for _, tp := range sh.topics {
		if tp.crowd == nil {
			continue
		}
		for _, g := range tp.crowd.groups {
			c := sh.enter(g.name)
			c.own = append(c.own, g)
		}
	}
	if len(sh.contestAt) > 0 {
		clear(sh.contestAt)
	}
	return sh.contestList
}

// contestsScanned is up to how many contests are searched one by one.
const contestsScanned = 8

// enter returns the contest of a name, added if there is none; its lists keep
// the memory of whoever had the place before.
func (sh *shard) enter(name string) *contest {
	list := sh.contestList
	n := len(list)
	if n <= contestsScanned {
		for i := range list {
			if list[i].name == name {
				return &list[i]
			}
		}
	} else if i, ok := sh.contestAt[name]; ok {
		return &list[i]
	}
	if n == contestsScanned {
		for i := range list {
			sh.contestAt[list[i].name] = i
		}
	}
	if n >= contestsScanned {
		sh.contestAt[name] = n
	}
	if n < cap(list) {
		list = list[:n+1]
	} else {
		list = append(list, contest{})
	}
	sh.contestList = list
	c := &list[n]
	c.name, c.shared, c.own, c.target = name, c.shared[:0], c.own[:0], -1
	return c
}

// decide delivers the contests that this loop wins and notes the loops that win
// the others; it adds these to targets.
func (sh *shard) decide(contests []contest, m *message, targets loopSet) (here bool, all loopSet) {
	for i := range contests {
		c := &contests[i]
		delivered := false
		delivered, c.target = sh.chooseMember(c.own, c.shared, m, 0)
		if !delivered && c.target < 0 && len(c.shared) > 0 && membersOf(c.own) == 0 {
			// They left since the message was matched, perhaps for others that came.
			own, shared := sh.contestNow(c.name, m)
			c.own, c.shared = append(c.own[:0], own...), append(c.shared[:0], shared...)
			delivered, c.target = sh.chooseMember(c.own, c.shared, m, 0)
		}
		here = here || delivered
		if c.target >= 0 {
			targets |= 1 << c.target
		}
	}
	sh.loop.Spend(len(contests))
	return here, targets
}

// chooseMember picks a loop by its number of members and delivers if it is this
// one. target is the loop to post to, or -1. Loops in tried have no member that
// accepts.
func (sh *shard) chooseMember(own []*group, shared []*queueGroup, m *message, tried loopSet) (delivered bool, target int) {
	mine := 0
	if !tried.has(sh.id) {
		mine = membersOf(own)
	}
	for {
		total := mine
		for id := range sh.out {
			total += sh.membersOn(id, shared, tried)
		}
		if total == 0 {
			return false, -1
		}
		pick := sh.random(total)
		if pick < mine {
			if sh.deliverToMember(own, pick, m) {
				return true, -1
			}
			tried |= sh.self
			mine = 0
			continue
		}
		pick -= mine
		invariant.Between()
		for id := range sh.out {
			if pick -= sh.membersOn(id, shared, tried); pick < 0 {
				return false, id
			}
		}
		// A count fell between the two passes: look again.
	}
}

// membersOn counts the members another loop had at its last commit.
func (sh *shard) membersOn(id int, shared []*queueGroup, tried loopSet) (n int) {
	if id == sh.id || tried.has(id) {
		return 0
	}
	for _, g := range shared {
		n += int(g.clients[id].Load())
	}
	return n
}

func membersOf(own []*group) (n int) {
	for _, g := range own {
		n += len(g.members.subs)
	}
	return n
}

// deliverToMember delivers to one of this loop's members, the one at first
// if it accepts, else to the next that does.
func (sh *shard) deliverToMember(own []*group, first int, m *message) bool {
	for range membersOf(own) {
		at := first
		for _, g := range own {
			if at < len(g.members.subs) {
				if sh.deliverOne(g.members.subs[at], m) {
					return true
				}
				break
			}
			at -= len(g.members.subs)
		}
		if first++; first == membersOf(own) {
			first = 0
		}
	}
	return false
}

// receiveForGroups delivers a message that another loop chose this one for, or
// passes it on. groups are of one queue name. It reports whether a member got
// it or may still get it, unless that is for others to ask; wants503 goes with the message, for the loop that
// finds nobody to answer; with several names that is the last one of all it went to.
func (sh *shard) receiveForGroups(groups []*queueGroup, m *message, tried loopSet, wants503, several bool) bool {
	own := sh.own[:0]
	t := m.account.on(sh)
	for _, g := range groups {
		if mine := t.groups[g]; mine != nil {
			own = append(own, mine)
		}
	}
	sh.own = own
	if n := membersOf(own); n > 0 && sh.deliverToMember(own, sh.random(n), m) {
		return true
	}
	tried |= sh.self
	laps := m.laps
	_, target := sh.chooseMember(nil, groups, m, tried)
	if target < 0 {
		own, groups = sh.contestNow(groups[0].name, m)
		if n := membersOf(own); n > 0 && sh.deliverToMember(own, sh.random(n), m) {
			return true
		}
		_, target = sh.chooseMember(nil, groups, m, tried)
		if target < 0 && laps < lapsMax { // who was tried before may have members by now
			laps, tried = laps+1, sh.self
			_, target = sh.chooseMember(nil, groups, m, tried)
		}
	}
	if target < 0 {
		return false
	}
	if m.ask == nil && wants503 && several {
		m.ask = &ask{}
		m.ask.left.Store(1) // this loop
	}
	if m.ask != nil { // one more looks, and nobody has it yet
		m.ask.left.Add(1)
		wants503 = true
	}
	sh.parcelFor(target).passOn(m, groups, tried, laps, wants503)
	sh.weigh(target)
	return m.ask == nil
}

// lapsMax is how often a message begins anew with the loops it was tried on: a group
// may be handed from loop to loop behind its back, but members that refuse
// must not keep it under way for as long as the index counts them.
const lapsMax = 3

// contestNow matches a message anew for one queue name: while it was on its way the
// members may have moved to patterns that had none before. The lists are valid
// until the next call.
func (sh *shard) contestNow(name string, m *message) (own []*group, shared []*queueGroup) {
	sh.match(m, true)
	own, shared = sh.own[:0], sh.anew[:0]
	for _, tp := range sh.topics {
		if tp.crowd == nil {
			continue
		}
		if g := tp.crowd.group(name); g != nil {
			own = append(own, g)
		}
	}
	for _, in := range sh.interests {
		if g := in.find(name); g != nil {
			shared = append(shared, g)
		}
	}
	sh.own, sh.anew = own, shared
	return own, shared
}

// random returns a number in [0, n). xorshift: cheap, and evenness is all that
// is asked of it.
func (sh *shard) random(n int) int {
	if n == 1 {
		return 0
	}
	x := sh.seed
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	sh.seed = x
	return int(uint64(uint32(x)) * uint64(n) >> 32)
}
