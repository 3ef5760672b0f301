package broker

import (
	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/proto"
)

// A grant is what an account may take under some terms. It never changes.
type grant struct {
	account     *Account
	sessionsMax int   // negative: any number
	payloadMax  int32 // of a message of its sessions
}

// grant makes the accounts, and takes over those that the terms before have.
func (t *terms) grant(o *config.Options, before *terms, loops int) {
	t.grants = make(map[string]*grant, len(o.Accounts)+2)
	enter := func(name string, l config.AccountLimits) {
		g := &grant{sessionsMax: l.MaxConnections, payloadMax: o.MaxPayload}
		if before != nil && before.grants[name] != nil {
			g.account = before.grants[name].account
		} else {
			g.account = newAccount(name, loops)
		}
		if l.MaxPayload >= 0 {
			g.payloadMax = min(g.payloadMax, int32(l.MaxPayload))
		}
		if n := l.MaxSubscriptions; n >= 0 && (o.MaxSubscriptions == 0 || n < o.MaxSubscriptions) {
			if t.subsMax == nil {
				t.subsMax = make(map[*Account]int)
			}
			t.subsMax[g.account] = n
		}
		t.grants[name] = g
	}
	enter(proto.GlobalAccount, config.NoLimits())
	for i := range o.Accounts {
		enter(o.Accounts[i].Name, o.Accounts[i].Limits)
	}
	if name := o.System(); name != "" {
		if t.grants[name] == nil {
			enter(name, config.NoLimits())
		}
		t.system = t.grants[name].account
	}
}

// maxSubscriptions is how many a session of an account may have, 0 for any number.
func (t *terms) maxSubscriptions(a *Account) int {
	if n, limited := t.subsMax[a]; limited {
		return n
	}
	return t.options.MaxSubscriptions
}

// enter moves the session, which has no subscriptions, to the account of its user. False means that the
// account has as many sessions as it may; then it is in none. Where nobody has a name all stay where they began.
func (s *Session) enter(user *auth.User) bool {
	if user == nil {
		return true
	}
	s.depart()
	if invariant.Enabled {
		invariant.Check(s.subs.count() == 0 || s.lives(user), "%s takes subscriptions into another account", s)
	}
	g := s.shard.terms.grants[user.Account()]
	if g == nil || !g.account.admit(g.sessionsMax) { // a reload may have taken the account, and not yet come to the session
		return false
	}
	s.set(entered, true)
	s.table = g.account.on(s.shard)
	s.parser.MaxPayload = g.payloadMax
	return true
}

// depart takes the session out of the count of its account.
func (s *Session) depart() {
	if s.has(entered) {
		s.table.account.leave()
		s.set(entered, false)
	}
}

// refuseCrowded ends a session that its account has no room for.
func (s *Session) refuseCrowded() {
	s.shard.log.Limited(errorLevel, "account connections", "%s - %s", s, proto.ErrAccountConnections.Text)
	s.endWith(proto.ErrAccountConnections, proto.MaxAccountConnectionsExceeded)
}
