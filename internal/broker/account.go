package broker

import (
	"sync/atomic"

	"gnatsd-ev/sublist"
)

// An Account is a subject space of its own: nothing published in one is seen in
// another. It is made once and stays while terms name it; what it may take stands in the terms.
type Account struct {
	// Fixed when made; any goroutine may read.
	name string

	// By loop; each touches its own alone. There may be very many accounts, and most live on few
	// loops: a table is made when it is first needed.
	tables []*table

	// Written by every loop at the end of its turns, read by all without a lock.
	index *sublist.Index[interest]

	// Any loop.
	sessions atomic.Int64 // of its users
}

func newAccount(name string, loops int) *Account {
	return &Account{name: name, index: sublist.New[interest](), tables: make([]*table, loops)}
}

// on returns what a loop knows of the account. That loop only.
func (a *Account) on(sh *shard) *table {
	if t := a.tables[sh.id]; t != nil {
		return t
	}
	return newTable(a, sh)
}

// admit counts one more session, unless there are max; negative is no limit.
func (a *Account) admit(max int) bool {
	for {
		n := a.sessions.Load()
		if max >= 0 && n >= int64(max) {
			return false
		}
		if a.sessions.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave counts a session that was admitted and has gone.
func (a *Account) leave() { a.sessions.Add(-1) }

// An interest is what the index holds for one subject: which loops have
// subscriptions to it. It never changes once it is in the index; only the
// counts inside its groups do.
type interest struct {
	loops  loopSet       // loops with plain subscriptions
	groups []*queueGroup // queue groups with members anywhere
}

// A loopSet is a set of loops, a bit for each.
type loopSet uint64

func (s loopSet) has(loop int) bool { return s&(1<<loop) != 0 }

// plainInterests are the interests without groups that small sets of loops
// need: a million subjects share them.
var plainInterests = func() (all [16]interest) {
	for i := range all {
		all[i].loops = loopSet(i)
	}
	return all
}()

// newInterest returns an interest, or nil if it would be empty.
func newInterest(loops loopSet, groups []*queueGroup) *interest {
	switch {
	case len(groups) > 0:
		return &interest{loops: loops, groups: groups}
	case loops == 0:
		return nil
	case loops < loopSet(len(plainInterests)):
		return &plainInterests[loops]
	}
	return &interest{loops: loops}
}

// A queueGroup is one queue name on one subscription subject of one account.
// It lives from its first member to its last, anywhere; messages on their way
// name it by its address, which is not used again while they hold it.
type queueGroup struct {
	name    string
	clients []atomic.Int32 // members on each loop, as of its last commit
}

// find returns the group with the given queue name.
func (i *interest) find(name string) *queueGroup {
	if i == nil {
		return nil
	}
	for _, g := range i.groups {
		if g.name == name {
			return g
		}
	}
	return nil
}

// empty reports whether no loop has members.
func (g *queueGroup) empty() bool {
	for i := range g.clients {
		if g.clients[i].Load() > 0 {
			return false
		}
	}
	return true
}
