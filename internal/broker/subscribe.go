package broker

import (
	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/internal/subject"
	"gnatsd-ev/parser"
)

// systemGroup is a queue name that only servers use.
const systemGroup = "_sys_"

// subscribe applies SUB.
func (s *Session) subscribe(op *parser.Op) {
	sh := s.shard
	o := sh.terms.options
	s.lastIn = sh.loop.Now()
	sh.loop.Enter()
	sh.expire()
	sh.loop.Leave()
	switch {
	case string(op.Queue) == systemGroup || s.user != nil && !s.maySubscribe(op.Subject, op.Queue):
		s.logSubViolation("Subscription Violation", op.Subject, op.Queue, op.SID)
		s.sendErr(proto.SubscribeViolation(op.Subject, op.Queue))
		return
	case o.MaxSubscriptionTokens > 0 && subject.Tokens(op.Subject) > o.MaxSubscriptionTokens:
		s.logSubViolation("Subscription Violation Too Many Tokens", op.Subject, nil, op.SID)
		s.sendErr(proto.TooManyTokens(op.Subject))
		return
	case s.crowded():
		sh.log.Limited(errorLevel, "subscriptions", "%s - maximum subscriptions exceeded", s)
		s.sendErr(proto.ErrSubscriptions)
		return
	}
	if s.subs.get(op.SID) != nil { // the first one stays, as in nats-server
		s.acknowledge()
		return
	}
	if !subject.ValidSubscription(op.Subject) {
		s.sendErr(proto.ErrSubject)
		return
	}
	sh.loop.Enter()
	tp := s.table.find(op.Subject)
	sub := &subscription{session: s, topic: tp, sid: sidString(op.SID), filtered: s.filtered(op.Subject)}
	s.subs.put(sub)
	if len(op.Queue) > 0 {
		tp.addMember(sub, op.Queue)
	} else {
		tp.add(sub)
	}
	sh.counts[countSubscriptions]++
	invariant.Reached("subscribe", s)
	sh.gained(tp)
	sh.loop.Leave()
	s.acknowledge()
}

// crowded reports whether the session has as many subscriptions as it may.
func (s *Session) crowded() bool {
	most := s.shard.terms.maxSubscriptions(s.table.account)
	return most > 0 && s.subs.count() >= most
}

// unsubscribe applies UNSUB. A maximum counts from the subscription's start.
func (s *Session) unsubscribe(op *parser.Op) {
	s.lastIn = s.shard.loop.Now()
	s.shard.loop.Enter()
	s.shard.expire()
	if sub := s.subs.get(op.SID); sub != nil {
		if op.Max > 0 && uint64(op.Max) > sub.count() {
			sub.topic.limit(sub, uint64(op.Max))
		} else {
			s.subs.take(sub)
			s.drop(sub)
		}
	}
	s.shard.loop.Leave()
	s.acknowledge()
}

// drop takes a subscription out of the table; the session has let go of it.
func (s *Session) drop(sub *subscription) {
	sub.topic.remove(sub)
	s.shard.counts[countSubscriptions]--
	s.shard.lost(sub.topic)
	if s.shard.trace {
		s.traceDrop(sub)
	}
}

// regroup puts subscriptions that were made before the first CONNECT among
// those that want the same: sets are by what CONNECT chooses.
func (s *Session) regroup() {
	for _, sub := range s.subs.all() {
		if sub.set != nil && sub.set.group == nil {
			sub.topic.remove(sub)
			sub.topic.add(sub)
		}
	}
}

// dropAll takes all subscriptions of the session out.
func (s *Session) dropAll() {
	for sub := s.subs.last(); sub != nil; sub = s.subs.last() {
		s.subs.take(sub)
		s.drop(sub)
	}
}
