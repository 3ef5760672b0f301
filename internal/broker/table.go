package broker

import (
	"gnatsd-ev/internal/subject"
	"gnatsd-ev/loop"
	"gnatsd-ev/sublist"
)

// matchCache is how many subjects' wildcard matches a loop remembers, of all its accounts.
const matchCache = 4096

// A table is what one loop knows of one account: its own subscribers, by
// subject. Always current; the loop answers for itself from here, and asks the
// index only about the others. Home loop only.
type table struct {
	account *Account
	loop    int
	topics  *sublist.Index[topic]
	matcher *sublist.Matcher[topic]
	others  *sublist.Matcher[interest] // this loop's reader of the account's index
	groups  map[*queueGroup]*group     // groups the index knows that have members here; nil before the first
}

// newTable makes what a loop knows of an account, and gives it its place there.
func newTable(a *Account, sh *shard) *table {
	t := &table{account: a, loop: sh.id, topics: sublist.New[topic](), others: sh.indexes.Beside(a.index)}
	t.matcher = sh.tables.Beside(t.topics)
	a.tables[sh.id] = t
	return t
}

// match appends the topics a published subject reaches on this loop.
func (t *table) match(dst []*topic, published []byte) []*topic {
	return t.matcher.Match(dst, published)
}

// A topic is the subscribers of one subscription subject on one loop. Most have
// one; a crowd holds all others.
type topic struct {
	table   *table
	subject string        // its bytes are shared with the index
	only    *subscription // the single plain subscription
	crowd   *crowd        // or many, or some in queue groups
	listed  listing       // whether the end of the turn will tell the index
}

// listing says on which list of changed topics a topic is.
type listing uint8

const (
	unlisted listing = iota
	listedLoss
	listedGain
)

// A crowd is the subscribers of a topic with more than one.
type crowd struct {
	sets    []*set          // plain subscriptions by (sid, headers)
	bySID   map[setKey]*set // the same, when there are many
	special set             // plain subscriptions that are looked at one by one
	groups  []*group
	named   map[string]*group // the same, when there are many
	changed []*group          // whose members changed since the index was told
}

type setKey struct {
	sid     string
	headers bool
}

// setsScanned is up to how many sets, or groups, are searched one by one.
const setsScanned = 8

// A set is subscriptions that get the same bytes: one encoding for all.
type set struct {
	setKey
	conns     []*loop.Conn    // what a fan-out walks
	subs      []*subscription // subs[i] is of conns[i]
	delivered uint64          // messages since the set exists; a member counts from when it joined
	place     int             // index in crowd.sets
	group     *group          // whose members these are, nil for plain sets
	special   bool
}

// A group is the members of a queue group on one loop.
type group struct {
	topic   *topic
	name    string
	members set
	place   int         // index in crowd.groups
	shared  *queueGroup // what the index calls it, nil until the first commit
	noted   bool        // among the changed
}

// A subscription is one SUB of one session.
type subscription struct {
	session   *Session
	topic     *topic
	sid       string
	set       *set // where it is a member; nil when it is its topic's only one
	place     int32
	filtered  bool   // its user is denied some of what it matches
	max       uint64 // messages after which it ends, 0 for never
	delivered uint64 // messages so far; in a plain set, less what the set had when it joined
}

// find returns the topic of a subscription subject, made if there is none.
func (t *table) find(subj []byte) *topic {
	var tp *topic
	if subject.IsLiteral(subj) {
		tp = t.topics.Literal(subj)
	} else {
		tp = t.topics.Get(string(subj))
	}
	if tp == nil {
		tp = &topic{table: t, subject: string(subj)}
		t.topics.Set(tp.subject, tp)
	}
	return tp
}

// drop removes a topic nobody subscribes to any more.
func (t *table) drop(tp *topic) { t.topics.Delete(tp.subject) }

// empty reports whether the topic has no subscriber.
func (tp *topic) empty() bool { return tp.only == nil && (tp.crowd == nil || tp.crowd.empty()) }

func (c *crowd) empty() bool {
	return len(c.sets) == 0 && len(c.special.subs) == 0 && len(c.groups) == 0
}

// plain reports whether the topic has subscribers outside queue groups.
func (tp *topic) plain() bool {
	return tp.only != nil || tp.crowd != nil && (len(tp.crowd.sets) > 0 || len(tp.crowd.special.subs) > 0)
}

// add enters a subscription of no queue group.
func (tp *topic) add(sub *subscription) {
	if tp.only == nil && tp.crowd == nil {
		tp.only = sub
		return
	}
	c := tp.gather()
	c.add(sub)
}

// gather makes the topic's crowd.
func (tp *topic) gather() *crowd {
	if tp.crowd == nil {
		tp.crowd = &crowd{special: set{special: true}}
		if first := tp.only; first != nil {
			tp.only = nil
			tp.crowd.add(first)
		}
	}
	return tp.crowd
}

// add puts a subscription in the set whose members get the same bytes.
func (c *crowd) add(sub *subscription) {
	if sub.alone() {
		c.special.add(sub)
		return
	}
	key := setKey{sub.sid, sub.session.has(takesHeaders)}
	s := c.find(key)
	if s == nil {
		s = &set{setKey: key, place: len(c.sets)}
		c.sets = append(c.sets, s)
		if c.bySID != nil {
			c.bySID[key] = s
		} else if len(c.sets) > setsScanned {
			c.bySID = make(map[setKey]*set, 2*len(c.sets))
			for _, s := range c.sets {
				c.bySID[s.setKey] = s
			}
		}
	}
	s.add(sub)
	sub.delivered -= s.delivered // modulo 2^64: their sum is what counts
}

// alone reports whether it depends on the message, or on those before it, whether the subscription gets it, or
// whether something is noted then: a set can have no such member.
func (sub *subscription) alone() bool {
	return sub.max > 0 || sub.filtered || sub.session.replies() != nil || !sub.session.has(wantsEcho)
}

func (c *crowd) find(key setKey) *set {
	if c.bySID != nil {
		return c.bySID[key]
	}
	for _, s := range c.sets {
		if s.setKey == key {
			return s
		}
	}
	return nil
}

func (s *set) add(sub *subscription) {
	sub.set, sub.place = s, int32(len(s.subs))
	s.subs = append(s.subs, sub)
	s.conns = append(s.conns, &sub.session.conn)
}

// addMember enters a subscription of a queue group.
func (tp *topic) addMember(sub *subscription, queue []byte) {
	c := tp.gather()
	name := string(queue)
	g := c.group(name)
	if g == nil {
		g = &group{topic: tp, name: name, place: len(c.groups)}
		g.members.group = g
		c.groups = append(c.groups, g)
		if c.named != nil {
			c.named[g.name] = g
		} else if len(c.groups) > setsScanned {
			c.named = make(map[string]*group, 2*len(c.groups))
			for _, g := range c.groups {
				c.named[g.name] = g
			}
		}
	}
	g.members.add(sub)
	c.note(g)
}

// group returns the group with a queue name, or nil.
func (c *crowd) group(name string) *group {
	if c.named != nil {
		return c.named[name]
	}
	for _, g := range c.groups {
		if g.name == name {
			return g
		}
	}
	return nil
}

// note lists a group whose members changed: the end of the turn tells the index
// about these alone, since a topic may have very many.
func (c *crowd) note(g *group) {
	if !g.noted {
		g.noted = true
		c.changed = append(c.changed, g)
	}
}

// told forgets what was listed for the index, and a crowd that was kept for that.
func (tp *topic) told() {
	c := tp.crowd
	if c == nil {
		return
	}
	for _, g := range c.changed {
		g.noted = false
	}
	c.changed = nil
	if c.empty() {
		tp.crowd = nil
	}
}

// count is how many messages the subscription got.
func (sub *subscription) count() uint64 {
	if s := sub.set; s != nil && s.group == nil && !s.special {
		return sub.delivered + s.delivered
	}
	return sub.delivered
}

// remove takes a subscription out of its topic.
func (tp *topic) remove(sub *subscription) {
	s := sub.set
	if s == nil {
		tp.only = nil
		return
	}
	sub.delivered = sub.count()
	s.remove(sub)
	c := tp.crowd
	if s.group != nil {
		c.note(s.group)
	}
	switch {
	case len(s.subs) > 0:
		return
	case s.group != nil:
		c.dropGroup(s.group)
	case !s.special:
		c.dropSet(s)
	}
	if c.empty() && len(c.changed) == 0 {
		tp.crowd = nil
	}
}

// remove fills the gap with the last member.
func (s *set) remove(sub *subscription) {
	last := len(s.subs) - 1
	s.subs[sub.place], s.conns[sub.place] = s.subs[last], s.conns[last]
	s.subs[sub.place].place = sub.place
	s.subs[last], s.conns[last] = nil, nil
	s.subs, s.conns = s.subs[:last], s.conns[:last]
	sub.set = nil
	if last < cap(s.subs)/4 && last > 16 { // give back what a crowd that left took
		s.subs = append(make([]*subscription, 0, 2*last), s.subs...)
		s.conns = append(make([]*loop.Conn, 0, 2*last), s.conns...)
	}
}

func (c *crowd) dropSet(s *set) {
	last := len(c.sets) - 1
	c.sets[s.place] = c.sets[last]
	c.sets[s.place].place = s.place
	c.sets[last] = nil
	c.sets = c.sets[:last]
	if c.bySID != nil {
		delete(c.bySID, s.setKey)
	}
}

// dropGroup forgets a group without members; the index learns of it at the end of the turn.
func (c *crowd) dropGroup(g *group) {
	last := len(c.groups) - 1
	c.groups[g.place] = c.groups[last]
	c.groups[g.place].place = g.place
	c.groups[last] = nil
	c.groups = c.groups[:last]
	if c.named != nil {
		delete(c.named, g.name)
	}
}

// limit makes the subscription end after max messages, counted from its start.
func (tp *topic) limit(sub *subscription, max uint64) {
	if s := sub.set; s == nil || s.group != nil || s.special {
		sub.max = max
		return
	}
	tp.remove(sub)
	sub.max = max
	tp.add(sub)
}
