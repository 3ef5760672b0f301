package broker

// Queue groups. Each message goes to one member of each group, every member equally
// likely, whatever its loop: the publisher's loop picks a loop by its number
// of members, that loop picks among its own. A loop whose members have gone or
// refuse says it was tried and picks again, so a message is dropped only
// when no member lives anywhere.

// grouped is a group that a loop other than this one was chosen for.
type grouped struct {
	group *queueGroup
	loop  int
}

// deliverToGroups delivers to one member of each group of a crowd when there is no other loop.
func (sh *shard) deliverToGroups(c *crowd, m *message) (delivered bool) {
	for i := 0; i < len(c.groups); i++ {
		if sh.deliverToMember(c.groups[i], m) {
			delivered = true
		}
	}
	return delivered
}

// deliverToMember delivers to one member of this loop, at random; to the next
// one when it refuses.
func (sh *shard) deliverToMember(g *group, m *message) bool {
	subs := g.members.subs
	n := len(subs)
	if n == 0 {
		return false
	}
	for i, at := 0, sh.random(n); i < n; i++ {
		if sh.deliverOne(subs[at], m) {
			return true
		}
		if at++; at == n {
			at = 0
		}
	}
	return false
}

// chooseMembers delivers to this loop's share of the matched groups, notes
// those that other loops were chosen for, and adds these to targets.
func (sh *shard) chooseMembers(m *message, targets loopSet) (here bool, all loopSet) {
	for _, in := range sh.interests {
		for _, g := range in.groups {
			own := sh.ownGroup(g, in, m)
			delivered, target := sh.chooseMember(own, g, m, 0)
			here = here || delivered
			if target >= 0 {
				sh.grouped = append(sh.grouped, grouped{g, target})
				targets |= 1 << target
			}
		}
	}
	for _, tp := range sh.topics { // groups of this turn that the index does not know yet
		if tp.crowd == nil {
			continue
		}
		for _, g := range tp.crowd.groups {
			if !sh.known(g) && sh.deliverToMember(g, m) {
				here = true
			}
		}
	}
	return here, targets
}

// ownGroup returns this loop's part of a group, or nil.
func (sh *shard) ownGroup(g *queueGroup, in *interest, m *message) *group {
	if own := m.account.tables[sh.id].groups[g]; own != nil {
		if len(own.members.subs) > 0 {
			return own
		}
		return nil
	}
	if g.clients[sh.id].Load() > 0 {
		return nil
	}
	for _, tp := range sh.topics { // members of this turn, not committed yet
		if tp.crowd == nil || m.account.index.Get(tp.subject) != in {
			continue
		}
		for _, own := range tp.crowd.groups {
			if own.name == g.name {
				return own
			}
		}
	}
	return nil
}

// known reports whether the index knows the group, so that chooseMembers has
// met it among the interests.
func (sh *shard) known(g *group) bool {
	for _, in := range sh.interests {
		for _, shared := range in.groups {
			if shared == g.shared || g.shared == nil && shared.name == g.name && g.topic.table.account.index.Get(g.topic.subject) == in {
				return true
			}
		}
	}
	return false
}

// chooseMember picks a loop for a group by its number of members and delivers if
// it is this one. target is the loop to post to, or -1. Loops in tried have no member that accepts.
func (sh *shard) chooseMember(own *group, g *queueGroup, m *message, tried loopSet) (delivered bool, target int) {
	mine := 0
	if own != nil && !tried.has(sh.id) {
		mine = len(own.members.subs)
	}
	for {
		total := mine
		for id := range g.clients {
			if id != sh.id && !tried.has(id) {
				total += int(max(g.clients[id].Load(), 0))
			}
		}
		if total == 0 {
			return false, -1
		}
		pick := sh.random(total)
		if pick < mine {
			if sh.deliverToMember(own, m) {
				return true, -1
			}
			tried |= sh.self
			mine = 0
			continue
		}
		pick -= mine
		for id := range g.clients {
			if id == sh.id || tried.has(id) {
				continue
			}
			if pick -= int(max(g.clients[id].Load(), 0)); pick < 0 {
				return false, id
			}
		}
		// A count fell between the two passes: look again.
	}
}

// groupsFor calls for the groups that were noted for one target.
func (sh *shard) groupsFor(id int) []grouped {
	chosen := sh.chosen[:0]
	for _, g := range sh.grouped {
		if g.loop == id {
			chosen = append(chosen, g)
		}
	}
	sh.chosen = chosen
	return chosen
}

// receiveForGroup delivers a message that another loop chose this one for, or
// passes it on. It reports whether a member got it or may still get it.
func (sh *shard) receiveForGroup(g *queueGroup, m *message, tried loopSet) bool {
	own := m.account.tables[sh.id].groups[g]
	if own != nil && sh.deliverToMember(own, m) {
		return true
	}
	tried |= sh.self
	_, target := sh.chooseMember(nil, g, m, tried)
	if target < 0 {
		return false
	}
	p := sh.parcelFor(target)
	p.passOn(m, g, tried)
	sh.weigh(target)
	return true
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
