package broker

import (
	"gnatsd-ev/internal/auth"
)

// Rules. What a session's user may publish and be delivered, asked on the session's loop. Who has no rules
// pays for comparing a pointer with nil.

// become takes over who the session is and what it may do. It has no subscriptions then. What it has proved is over: a
// nonce is signed once.
func (s *Session) become(user *auth.User) {
	s.user = user
	s.keep(nil, nil)
	s.obey()
}

// obey prepares what the session's rules need. Replies that it owes already it may still give.
func (s *Session) obey() {
	rules, owed := s.rules(), s.replies()
	if rules != nil && s.shard.verdicts == nil {
		s.shard.verdicts = auth.NewVerdicts()
	}
	switch {
	case rules == nil || rules.Responses() == nil:
		owed = nil
	case owed == nil:
		owed = &replies{limits: *rules.Responses()}
	default:
		owed.limits = *rules.Responses()
	}
	s.keep(s.login(), owed)
}

// rules are what the session's user may do, nil for everything.
func (s *Session) rules() *auth.Permissions {
	if s.user == nil {
		return nil
	}
	return s.user.Rules()
}

// mayPublish says whether the session may publish to a subject; a reply it owes is used up by that.
func (s *Session) mayPublish(subj []byte) bool {
	rules := s.rules()
	if rules == nil || s.shard.verdicts.MayPublish(rules, subj) {
		return true
	}
	owed := s.replies()
	return owed != nil && owed.use(subj, s.shard.loop.Now())
}

// maySubscribe says whether the session may subscribe, in a queue group or outside (empty).
func (s *Session) maySubscribe(subj, queue []byte) bool {
	rules := s.rules()
	return rules == nil || rules.MaySubscribe(subj, string(queue))
}

// mayReceive says whether a message is not denied to a subscription that is filtered.
func (s *Session) mayReceive(sub *subscription, m *message) bool {
	rules := s.rules() // nil when a reload took them away, until the subscription is looked at
	return rules == nil || s.shard.verdicts.MayReceive(rules, m.subject, sub.queue())
}

// filtered reports whether some messages of a subscription that is allowed are denied.
func (s *Session) filtered(subj []byte) bool {
	rules := s.rules()
	return rules != nil && rules.Filters(subj)
}

// queue is the name of the group the subscription is in, or empty.
func (sub *subscription) queue() string {
	if sub.set == nil || sub.set.group == nil {
		return ""
	}
	return sub.set.group.name
}

// owe notes that the session was delivered a message with a reply subject. That the question whether it may
// publish there anyway uses up a reply it owes already is nats-server's way: of two messages with one
// reply subject that come one behind the other, max 1 lets none be answered.
func (s *Session) owe(reply []byte) {
	if !s.mayPublish(reply) {
		s.replies().add(reply, s.shard.loop.Now())
	}
}
