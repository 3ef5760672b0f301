//go:build invariants

package broker

import "slices"

// How queue groups pass from member to member in a simulation: by chance, and by plots.

// A plot is made while a loop stands still over a message it has routed to a group and not
// posted: another member joins, by a pattern that had none, and then all others leave. The
// message must find him. Or, if it is a request and for no group, all leave: then the loop
// that gets it must say so.
type plot struct {
	queue, subject string // no queue: all leave
	heir           *simSub
}

func newPlot(p *parcel) *plot {
	for _, e := range p.entries {
		subj := string(p.bytes[e.at : e.at+e.subject])
		switch {
		case e.groups > 0:
			return &plot{queue: p.groups[e.groupsAt].name, subject: subj}
		case e.wants503:
			return &plot{subject: subj}
		}
	}
	return nil
}

// plotted goes on with the plot, and reports whether a client did something for it.
func (s *sim) plotted() bool {
	p := s.plot
	if p == nil || s.dice.oneIn(3) {
		return false
	}
	if p.queue != "" && p.heir == nil {
		if p.heir = s.joinUnseen(p); p.heir == nil {
			s.plot = nil
		}
		return p.heir != nil
	}
	if p.heir != nil && (p.heir.confirmedAt == 0 || !p.heir.talks()) {
		return false
	}
	waiting := false
	for _, old := range s.everSubs {
		if old == p.heir || old.queue != p.queue || !simMatches(old.subject, p.subject) {
			continue
		}
		if old.talks() {
			old.conn.unsubscribe(old, 0)
			old.conn.ping()
			return true
		}
		waiting = waiting || old.goneAt == 0 && old.conn.whole() && old.conn.reads()
	}
	if !waiting { // all have left
		s.frozen, s.plot = nil, nil
	}
	return false
}

// joinUnseen has a client join the plot's group by a subject without members, if there is one.
func (s *sim) joinUnseen(p *plot) *simSub {
	k := s.clients[s.dice.n(len(s.clients))]
	if k.conn == nil || !k.conn.whole() || !k.conn.reads() || k.conn.unanswered() > 8 {
		return nil
	}
	for _, i := range s.dice.order(len(s.mix.patterns) + len(s.mix.subjects)) {
		subj := slices.Concat(s.mix.patterns, s.mix.subjects)[i]
		seen := slices.ContainsFunc(s.everSubs, func(sub *simSub) bool { return sub.queue == p.queue && sub.subject == subj && sub.goneAt == 0 })
		if !seen && simMatches(subj, p.subject) {
			sub := k.conn.subscribe(subj, p.queue)
			k.conn.ping()
			return sub
		}
	}
	return nil
}

// handOver has a member leave a group, if another has joined it since, or else another join.
func (s *sim) handOver() bool {
	for i, at := 0, s.dice.n(len(s.everSubs)+1); i < len(s.everSubs); i++ {
		old := s.everSubs[(at+i)%len(s.everSubs)]
		if old.queue == "" || old.confirmedAt == 0 || !old.talks() {
			continue
		}
		for _, heir := range s.everSubs {
			if heir.queue == old.queue && heir.sentAt > old.confirmedAt && heir.talks() {
				if heir.confirmedAt == 0 {
					return false // it will be
				}
				old.conn.unsubscribe(old, 0)
				old.conn.ping()
				return true
			}
		}
		return s.inherit(old)
	}
	return false
}

// inherit has somebody join a member's group, where patterns match as well.
func (s *sim) inherit(old *simSub) bool {
	k := s.clients[s.dice.n(len(s.clients))]
	subj := s.dice.word(append(s.mix.patterns[:len(s.mix.patterns):len(s.mix.patterns)], s.mix.subjects...))
	if k.conn == nil || !k.conn.whole() || !k.conn.reads() {
		return false
	}
	k.conn.subscribe(subj, old.queue)
	k.conn.ping()
	return true
}

// talks reports whether a subscription is in force and its client can still say something.
func (sub *simSub) talks() bool {
	return sub.unsubAt == 0 && sub.goneAt == 0 && sub.max == 0 && sub.conn.whole() && sub.conn.reads() && sub.conn.unanswered() < 16
}
