package auth

import "crypto/x509"

// Stays says who a client is by this authority that another one took for u, or let in without a name if that
// is nil, and whether it may stay. What the client has proved is not kept: its proof is as good as before if
// its entry has the same secret.
// certificate is the client's, where certificates name users: then it must name this one.
func (a *Authority) Stays(u *User, via ConnectionType, certificate *x509.Certificate) (now *User, stays bool) {
	nobody := u == nil || u.label == ""
	switch {
	case !a.required:
		return nil, true
	case nobody && a.anonymous != nil && (!a.Maps() || a.anonymous.key != nil):
		check := a.stayNameless(Claim{Via: via})
		now = check.Passes()
		return now, now != nil
	case nobody:
		return nil, false
	case u.key != nil:
		now = a.keys[u.name]
		return now, now != nil && now.mayUse(via)
	case u.name == "": // it has the token
		return a.single, a.token && a.single.secret.same(&u.secret)
	case len(a.users) > 0:
		now = a.users[u.name]
	case a.single != nil && !a.token && a.single.name == u.name:
		now = a.single
	}
	if now == nil || !now.mayUse(via) || a.Maps() && !a.certifies(now, via, certificate) {
		return nil, false
	}
	return now, now == a.anonymous && !now.secret.hashed() || now.secret.same(&u.secret)
}

// certifies reports whether a certificate names the user.
func (a *Authority) certifies(u *User, via ConnectionType, c *x509.Certificate) bool {
	if c == nil {
		return false
	}
	named, _ := a.mapped.find(c, via)
	return named == u
}

// Naming is how log lines name whoever has proved to be the user, as those of a Claim do.
func (u *User) Naming() string {
	var c Claim
	switch {
	case u.key != nil:
		c.NKey = u.name
	case u.name == "":
		c.Token = "its own"
	default:
		c.User = u.name
	}
	return c.Naming()
}
