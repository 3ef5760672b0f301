package auth

import (
	"cmp"
	"crypto/x509"
	"slices"
)

// Users named by certificates (verify_and_map). What the certificate says is who the client is; the name in its
// CONNECT does not count, its password does if the user has one. A user without a password is known by certificates
// alone: nobody logs in by such a name.

// A mapping finds users by certificates. It never changes.
type mapping struct {
	users map[string]*User // by name

	// Users whose names are distinguished names, in the order of their names.
	exact, reordered, flat map[string][]*User
}

// MapCertificates has certificates say which of the users clients are. Call it before the first claim.
func (a *Authority) MapCertificates() {
	m := &mapping{users: a.users, exact: map[string][]*User{}, reordered: map[string][]*User{}, flat: map[string][]*User{}}
	for _, u := range sorted(a.users) {
		name, err := parseName(u.name)
		if err != nil {
			continue
		}
		for in, key := range map[*map[string][]*User]string{&m.exact: name.exact(), &m.reordered: name.reordered(), &m.flat: name.flat(true)} {
			(*in)[key] = append((*in)[key], u)
		}
	}
	a.mapped = m
}

func sorted(users map[string]*User) []*User {
	var all []*User
	for _, u := range users {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *User) int { return cmp.Compare(a.name, b.name) })
	return all
}

// Maps reports whether claims want the client's certificate.
func (a *Authority) Maps() bool { return a.mapped != nil && len(a.users) > 0 }

// find returns whom a certificate names, and by what: an email address, a DNS name, a URI, or its subject, which are
// looked at in this order, nats-server's.
func (m *mapping) find(c *x509.Certificate, via ConnectionType) (u *User, by string) {
	named := func(name string) *User {
		if u := m.users[name]; u != nil && u.mayUse(via) {
			return u
		}
		return nil
	}
	for _, name := range c.EmailAddresses {
		if u := named(name); u != nil {
			return u, "email"
		}
	}
	for _, name := range c.DNSNames {
		if u := named(name); u != nil {
			return u, "SAN"
		}
	}
	for _, name := range c.URIs {
		if u := named(name.String()); u != nil {
			return u, "URI"
		}
	}
	return m.bySubject(c, via), "subject"
}

// bySubject looks for the subject as a name, then for its parts in any order. Last, as nats-server does it with
// text, for its attributes however they are put together: those that have no short name do not count there, and if there
// is nobody, domain components do not either.
func (m *mapping) bySubject(c *x509.Certificate, via ConnectionType) *User {
	first := func(all []*User) *User {
		if i := slices.IndexFunc(all, func(u *User) bool { return u.mayUse(via) }); i >= 0 {
			return all[i]
		}
		return nil
	}
	subject, whole := subjectOf(c.RawSubject)
	if whole {
		if u := cmp.Or(first(m.exact[subject.exact()]), first(m.reordered[subject.reordered()])); u != nil {
			return u
		}
	}
	if subject.hasDC() {
		if u := first(m.flat[subject.flat(true)]); u != nil {
			return u
		}
	}
	return first(m.flat[subject.flat(false)])
}

// checkCertificate is Identify for a client whose certificate says who it is.
func (a *Authority) checkCertificate(c Claim) Check {
	if c.Certificate == nil {
		return Check{refused: true}
	}
	u, by := a.mapped.find(c.Certificate, c.Via)
	if u == nil {
		return Check{refused: true}
	}
	check := a.checkPassword(u, c.Password, false)
	check.by = by
	return check
}

// Certified returns whom the client's certificate names, and by what of it; nothing if that is not how the client is
// known.
func (c *Check) Certified() (user, by string) {
	if c.by == "" {
		return "", ""
	}
	return c.user.name, c.by
}
