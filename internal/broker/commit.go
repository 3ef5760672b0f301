package broker

import (
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
	if tp.listed != listedGain {
		tp.listed = listedGain
		sh.gains = append(sh.gains, tp)
	}
}

// lost lists a topic that lost one.
func (sh *shard) lost(tp *topic) {
	if tp.listed == unlisted {
		tp.listed = listedLoss
		sh.losses = append(sh.losses, tp)
	}
}

// Commit ends subscriptions whose last message was delivered, and tells the
// index what changed.
func (sh *shard) Commit() (more bool) {
	sh.expire()
	for i, tp := range sh.gains {
		sh.gains[i] = nil
		sh.tell(tp)
	}
	sh.gains = sh.gains[:0]

	n := min(len(sh.losses), lossSlice)
	for _, tp := range sh.losses[:n] {
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
	if tp.empty() {
		t.drop(tp)
	}
}

// write changes the index entry of a topic to what is true now.
func (sh *shard) write(w *sublist.Writer[interest], tp *topic) {
	old := w.Get(tp.subject)
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

// writeGroups stores this loop's member counts and returns the list of groups
// if another list is needed.
func (sh *shard) writeGroups(tp *topic, old *interest) (list []*queueGroup, different bool) {
	var mine []*group
	if tp.crowd != nil {
		mine = tp.crowd.groups
	}
	if old == nil && len(mine) == 0 {
		return nil, false
	}
	if old != nil {
		list = old.groups
		for _, g := range old.groups {
			if g.clients[sh.id].Load() > 0 && !hasGroup(mine, g.name) {
				g.clients[sh.id].Store(0)
				delete(tp.table.groups, g)
				if g.empty() {
					list, different = without(list, g), true
				}
			}
		}
	}
	for _, g := range mine {
		shared := old.find(g.name)
		if shared == nil {
			shared = sh.broker.newQueueGroup(g.name)
			list, different = with(list, shared), true
		}
		if g.shared != shared {
			g.shared = shared
			tp.table.groups[shared] = g
		}
		shared.clients[sh.id].Store(int32(len(g.members.subs)))
	}
	return list, different
}

func hasGroup(groups []*group, name string) bool {
	for _, g := range groups {
		if g.name == name {
			return true
		}
	}
	return false
}

// with and without return new lists: readers hold the old one.
func with(list []*queueGroup, g *queueGroup) []*queueGroup {
	return append(append(make([]*queueGroup, 0, len(list)+1), list...), g)
}

func without(list []*queueGroup, gone *queueGroup) []*queueGroup {
	kept := make([]*queueGroup, 0, len(list))
	for _, g := range list {
		if g != gone {
			kept = append(kept, g)
		}
	}
	return kept
}
