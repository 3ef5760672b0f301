package broker

import (
	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/sublist"
)

// Commit. Runs at the end of a turn, before anything leaves the loop.
// in: topics whose subscribers changed in this turn    out: the account's index says what is true now
//
// What is written is the present truth of each changed topic, not what happened
// to it: SUB, UNSUB and close within a turn cancel by themselves. Gains are
// written in full, since the PONG that confirms a SUB leaves in the same turn;
// losses may wait, as a message that comes for nobody does no harm.

// lossSlice is how many topics that only lost subscribers one turn tells.
const lossSlice = 256

// gained lists a topic that got a subscriber.
func (sh *shard) gained(tp *topic) {
	sh.loop.AssertEntered()
	if tp.listed != listedGain {
		tp.listed = listedGain
		sh.gains = append(sh.gains, tp)
	}
}

// lost lists a topic that lost one.
func (sh *shard) lost(tp *topic) {
	sh.loop.AssertEntered()
	if tp.listed == unlisted {
		tp.listed = listedLoss
		sh.losses = append(sh.losses, tp)
	}
}

// Commit ends subscriptions whose last message was delivered, and tells the
// index what changed.
func (sh *shard) Commit() (more bool) {
	sh.expire()
	sh.tornDown = 0
	for i, tp := range sh.gains {
		sh.gains[i] = nil
		invariant.Between()
		sh.tell(tp)
	}
	sh.gains = sh.gains[:0]

	n := min(len(sh.losses), lossSlice)
	for _, tp := range sh.losses[:n] {
		invariant.Between()
		if tp.listed == listedLoss { // else it has been told among the gains
			sh.tell(tp)
		}
	}
	rest := copy(sh.losses, sh.losses[n:])
	clear(sh.losses[rest:])
	sh.losses = sh.losses[:rest]
	return rest > 0
}

// expire removes the subscriptions whose last message was delivered. Who looks
// for a subscription by its sid calls it first, since for the peer they have
// been gone since that message.
func (sh *shard) expire() {
	for i, sub := range sh.expired {
		sh.expired[i] = nil
		if sub.session.subs.take(sub) {
			if sh.log.DebugOn() {
				sh.log.Debugf("%s - Auto-unsubscribe limit of %d reached for sid '%s'", sub.session, sub.max, logging.Show(nil, []byte(sub.sid)))
			}
			sub.session.drop(sub)
		}
	}
	sh.expired = sh.expired[:0]
}

// tell writes the present truth about one topic.
func (sh *shard) tell(tp *topic) {
	tp.listed = unlisted
	t := tp.table
	if !sh.alone {
		t.account.index.Batch(func(w *sublist.Writer[interest]) { sh.write(w, tp) })
	}
	tp.told()
	if tp.empty() {
		t.drop(tp)
	}
}

// write changes the index entry of a topic to what is true now.
func (sh *shard) write(w *sublist.Writer[interest], tp *topic) {
	old := w.Get(tp.subject)
	invariant.Reached("commit", sh)
	var loops loopSet
	var groups []*queueGroup
	if old != nil {
		loops, groups = old.loops, old.groups
	}
	if tp.plain() {
		loops |= sh.self
	} else {
		loops &^= sh.self
	}
	changed := old == nil || loops != old.loops
	if updated, different := sh.writeGroups(tp, old); different {
		groups, changed = updated, true
	}
	if !changed {
		return
	}
	if next := newInterest(loops, groups); next != nil {
		w.Set(tp.subject, next)
	} else if old != nil {
		w.Delete(tp.subject)
	}
}

// writeGroups stores this loop's member counts of the groups that changed and
// returns the list of groups if another list is needed. A group that is not among
// them has what it had: so long as a loop counts members, its group stays listed.
func (sh *shard) writeGroups(tp *topic, old *interest) (list []*queueGroup, different bool) {
	if tp.crowd == nil {
		return nil, false
	}
	if tp.table.groups == nil {
		tp.table.groups = map[*queueGroup]*group{}
	}
	changed, groups := tp.crowd.changed, tp.table.groups
	var fresh []*queueGroup
	find := finder(old, changed)
	for _, g := range changed {
		if len(g.members.subs) == 0 {
			continue
		}
		if g.shared == nil {
			if g.shared = find(g.name); g.shared == nil {
				g.shared = sh.broker.newQueueGroup(g.name)
				fresh = append(fresh, g.shared)
			}
			groups[g.shared] = g
		}
		g.shared.clients[sh.id].Store(int32(len(g.members.subs)))
	}
	gone := false
	for _, g := range changed { // now, since another of the same name may have taken its place
		if len(g.members.subs) == 0 && g.shared != nil && groups[g.shared] == g {
			delete(groups, g.shared)
			g.shared.clients[sh.id].Store(0)
			gone = gone || g.shared.empty()
		}
	}
	if !gone && len(fresh) == 0 {
		return nil, false
	}
	return relisted(old, fresh), true
}

// finder looks groups up by name for those of the changed that the index knows
// nothing of yet.
func finder(in *interest, changed []*group) func(name string) *queueGroup {
	if in == nil || len(in.groups) <= setsScanned || len(changed) <= setsScanned {
		return in.find
	}
	named := make(map[string]*queueGroup, len(in.groups))
	for _, g := range in.groups {
		named[g.name] = g
	}
	return func(name string) *queueGroup { return named[name] }
}

// relisted returns a new list, as readers hold the old one: the groups that have
// members anywhere, and fresh ones.
func relisted(old *interest, fresh []*queueGroup) []*queueGroup {
	if old == nil {
		return fresh
	}
	list := make([]*queueGroup, 0, len(old.groups)+len(fresh))
	for _, g := range old.groups {
		if !g.empty() {
			list = append(list, g)
		}
	}
	return append(list, fresh...)
}
