package auth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"strings"

	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
)

// A Claim is what a client says to prove who it is.
type Claim struct {
	User, Password, Token string
	NKey, Signature       string // the signature is of Nonce
	Nonce                 string
	Via                   ConnectionType
	Certificate           *x509.Certificate // the client's, where certificates name users; see Authority.Maps
}

// ClaimOf reads a claim out of CONNECT. The nonce is not in there.
func ClaimOf(c *proto.Connect, via ConnectionType) Claim {
	return Claim{User: c.User, Password: c.Pass, Token: c.Token, NKey: c.Nkey, Signature: c.Sig, Via: via}
}

// Empty reports whether the client proves nothing.
func (c *Claim) Empty() bool {
	return c.User == "" && c.Password == "" && c.Token == "" && c.NKey == ""
}

// Naming is how log lines about a failure say whom the client claimed to be, quoted, or empty if nobody.
func (c *Claim) Naming() string {
	quote := func(s string) string { return string(logging.Quote(nil, []byte(s))) }
	switch {
	case strings.HasPrefix(c.NKey, "S"): // a seed where the public key belongs
		return `Nkey "[REDACTED]"`
	case c.NKey != "":
		return "Nkey " + quote(c.NKey)
	case c.User != "":
		return "User " + quote(c.User)
	case c.Token != "":
		return `Token "[REDACTED]"`
	}
	return ""
}

// A Check is a comparison that says whether a client is whom it claims to be. It holds what is secret
// until it is dropped.
type Check struct {
	user    *User // who passes
	refused bool  // nobody does, however the comparison comes out
	costMax int

	how   comparison
	by    string // what of its certificate names the user
	given string
	claim Claim
}

// comparison is what is left to do.
type comparison uint8

const (
	decided   comparison = iota // nothing
	hash                        // compare a password with a bcrypt hash
	failing                     // take as long as if there were one
	signature                   // verify
)

// Slow reports whether Passes takes long.
func (c *Check) Slow() bool { return c.how != decided }

// Identify finds out whom a claim is about, and what has to be compared. The order is nats-server's: an
// nkey, a certificate, a name among the users, the token, the only user. It is fast; if the check is not slow, Passes is as well.
func (a *Authority) Identify(c Claim) Check {
	if !a.Signed() {
		c.NKey = "" // nobody asked for one
	}
	switch {
	case a.anonymous != nil && c.Empty() && (!a.Maps() || a.anonymous.key != nil):
		return a.stayNameless(c)
	case c.NKey != "":
		return a.checkKey(c)
	case a.Maps():
		return a.checkCertificate(c)
	}
	if len(a.users) > 0 && c.User != "" {
		u := a.users[c.User]
		if u == nil {
			return a.checkPassword(a.nobody, c.Password, true)
		}
		return a.checkPassword(u, c.Password, !u.mayUse(c.Via))
	}
	switch {
	case a.single == nil:
		return Check{refused: true}
	case a.token:
		return a.checkPassword(a.single, c.Token, false)
	}
	return a.checkPassword(a.single, c.Password, !same(c.User, a.single.name))
}

// stayNameless is for a client without any proof where one may be taken for somebody. As in nats-server
// that somebody's password is compared with itself, which a hash does not survive: a hashed password says that
// it is meant to be known.
func (a *Authority) stayNameless(c Claim) Check {
	u := a.anonymous
	return Check{user: u, refused: !u.mayUse(c.Via) || u.secret.hashed()}
}

func (a *Authority) checkKey(c Claim) Check {
	u := a.keys[c.NKey]
	switch {
	case u == nil:
		return Check{user: &User{key: a.nobodyKey}, refused: true, how: signature, claim: c}
	case u == a.anonymous:
		return Check{user: u, refused: !u.mayUse(c.Via)} // needs no proof, named or not
	}
	return Check{user: u, refused: !u.mayUse(c.Via), how: signature, claim: c}
}

// checkPassword compares what was given at once, if that is fast.
func (a *Authority) checkPassword(u *User, given string, refused bool) Check {
	check := Check{user: u, refused: refused, costMax: a.costMax, given: given}
	if u.secret.hashed() {
		check.how = hash
		return check
	}
	if u.secret.equals(given) && !refused {
		return check
	}
	check.refused = true
	if a.costMax > 0 {
		check.how = failing
	}
	return check
}

// Passes does the comparison, and returns whom the client is, or nil.
func (c *Check) Passes() *User {
	passes := true
	switch c.how {
	case hash:
		passes = c.user.secret.unhash(c.given)
		if !passes { // all costs below the highest and again the lowest make the highest
			for cost := c.user.secret.cost; cost < c.costMax; cost++ {
				burn(cost, c.given)
			}
		}
	case failing:
		burn(c.costMax, c.given)
	case signature:
		passes = c.verify()
	}
	if !passes || c.refused {
		return nil
	}
	return c.user
}

// verify checks the signature of the nonce, in either alphabet.
func (c *Check) verify() bool {
	if c.claim.Nonce == "" {
		return false
	}
	sig, err := base64.RawURLEncoding.DecodeString(c.claim.Signature)
	if err != nil {
		sig, err = base64.StdEncoding.DecodeString(c.claim.Signature)
	}
	if err != nil {
		sig = nil // and verifying it says no
	}
	return c.user.key.Verify([]byte(c.claim.Nonce), sig) == nil
}

// same compares two names in a time that tells nothing of either.
func same(a, b string) bool {
	s := secret{digest: sha256.Sum256([]byte(a))}
	return s.equals(b)
}
