package auth

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nkeys"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/proto"
)

// A ConnectionType is how a client is connected, in the words of allowed_connection_types.
type ConnectionType string

// Standard is plain TCP or TLS.
const Standard ConnectionType = "STANDARD"

// A User is somebody a client may turn out to be. It never changes.
type User struct {
	name    string // or the nkey
	label   string
	account string
	rules   *Permissions
	types   []string // how it may connect; empty: anyhow
	secret  secret
	key     nkeys.KeyPair // nil for who has a password
}

// Label is how log lines name the user, who is not secret: user:bob, nkey:U..., token; empty for who has no name.
func (u *User) Label() string { return u.label }

// Account is the name of the account the user lives in.
func (u *User) Account() string { return u.account }

// Rules is what the user may do, nil for everything.
func (u *User) Rules() *Permissions { return u.rules }

func (u *User) mayUse(via ConnectionType) bool {
	return len(u.types) == 0 || slices.Contains(u.types, string(via))
}

// An Authority is all that is configured about who may come in.
type Authority struct {
	required  bool
	timeout   time.Duration
	users     map[string]*User // by name, nil without the users list
	keys      map[string]*User // by nkey
	single    *User            // the only user, or who has the token
	token     bool             // single is the latter
	anonymous *User            // who clients without proof are; nil: nobody
	nameless  bool             // anonymous is nobody in particular, in the global account
	filters   bool             // somebody is denied what it may subscribe to
	mapped    *mapping         // by certificates, nil where they name nobody
	lastRules uint64           // the highest number of any permissions

	// Who does not exist is compared with these, so that it takes as long.
	nobody    *User
	nobodyKey nkeys.KeyPair
	costMax   int // of all bcrypt hashes, 0 if there are none
}

// New builds an authority. Its errors name entries, never what is secret in them.
func New(c config.Authorization) (*Authority, error) { return new(Authority).Renew(c) }

// Renew builds the authority that comes behind this one. Users whose permissions are written as before keep
// those, and what loops remember of them; nothing else is shared.
func (old *Authority) Renew(c config.Authorization) (*Authority, error) {
	a := &Authority{timeout: c.Timeout, users: map[string]*User{}, keys: map[string]*User{}, lastRules: old.lastRules}
	if a.timeout <= 0 {
		a.timeout = proto.DefaultAuthTimeout
	}
	for i := range c.Users {
		if err := a.add(&c.Users[i], old); err != nil {
			return nil, err
		}
	}
	switch {
	case c.Token != "":
		a.token = true
		a.single = &User{label: "token", account: proto.GlobalAccount, secret: a.secret(c.Token)}
	case c.User != "":
		a.single = &User{name: c.User, label: "user:" + c.User, account: proto.GlobalAccount, secret: a.secret(c.Password)}
	case c.Password != "" && len(c.Users) == 0:
		return nil, errors.New("authorization: a password without a user")
	}
	// A flag that names a user wins over what the file says of nobody.
	a.nameless = c.Nameless && !c.Required && a.single == nil
	a.required = c.Required || a.single != nil || len(c.Users) > 0 || a.nameless
	if a.nameless {
		a.anonymous = &User{account: proto.GlobalAccount, secret: randomSecret()}
	} else if c.NoAuthUser != "" {
		a.anonymous = a.users[c.NoAuthUser]
		if a.anonymous == nil {
			a.anonymous = a.keys[c.NoAuthUser]
		}
		if a.anonymous == nil {
			return nil, fmt.Errorf("no_auth_user: there is no user %q", c.NoAuthUser)
		}
	}
	return a, a.makeNobody()
}

// add enters one of several users, who may be known from before.
func (a *Authority) add(c *config.User, old *Authority) error {
	name := c.Name
	if c.NKey != "" {
		name = c.NKey
	}
	fail := func(err error) error {
		where := ""
		if c.Origin != "" {
			where = c.Origin + ": "
		}
		return fmt.Errorf("%suser %s: %w", where, strconv.Quote(name), err)
	}
	rules, err := a.permissions(c, old)
	if err != nil {
		return fail(err)
	}
	a.filters = a.filters || rules != nil && rules.subscribe.deny != nil
	u := &User{name: name, label: "user:" + name, account: c.Account, rules: rules, types: c.ConnectionTypes}
	if u.account == "" {
		u.account = proto.GlobalAccount
	}
	all := a.users
	if c.NKey != "" {
		all, u.label = a.keys, "nkey:"+name
		if !nkeys.IsValidPublicUserKey(name) {
			return fail(errors.New("not a public user nkey"))
		}
		if u.key, err = nkeys.FromPublicKey(name); err != nil {
			return fail(err)
		}
	} else {
		u.secret = a.secret(c.Password)
	}
	switch {
	case name == "":
		return fail(errors.New("a name is wanted"))
	case all[name] != nil:
		return fail(errors.New("given twice"))
	}
	all[name] = u
	return nil
}

// permissions are those the user had, if they are written as they were.
func (a *Authority) permissions(c *config.User, old *Authority) (*Permissions, error) {
	if c.Permissions == nil {
		return nil, nil
	}
	text := writing(c.Permissions)
	was := old.users[c.Name]
	if c.NKey != "" {
		was = old.keys[c.NKey]
	}
	if was != nil && was.rules != nil && was.rules.text == text {
		return was.rules, nil
	}
	a.lastRules++
	p, err := newPermissions(c.Permissions, a.lastRules)
	if err == nil {
		p.text = text
	}
	return p, err
}

// secret prepares a password or token, and notes what it costs.
func (a *Authority) secret(text string) secret {
	s := newSecret(text)
	a.costMax = max(a.costMax, s.cost)
	return s
}

// makeNobody prepares what those who do not exist are compared with.
func (a *Authority) makeNobody() error {
	a.nobody = &User{secret: randomSecret()}
	if len(a.keys) == 0 {
		return nil
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	a.nobodyKey, err = nkeys.FromPublicKey(public)
	return err
}

// Required reports whether clients have to prove who they are, or to be taken for somebody.
func (a *Authority) Required() bool { return a.required }

// Announced reports whether a client has to be told so when it connects: not where it is taken for a user
// otherwise. That it may live in the global account without a name nats-server does not say.
func (a *Authority) Announced() bool { return a.required && (a.anonymous == nil || a.nameless) }

// Timeout is how long a client has from its greeting.
func (a *Authority) Timeout() time.Duration { return a.timeout }

// Signed reports whether clients need a nonce to sign.
func (a *Authority) Signed() bool { return len(a.keys) > 0 }

// Slow reports whether some checks are.
func (a *Authority) Slow() bool { return a.costMax > 0 || a.Signed() }

// Filters reports whether some users are denied subjects, and may subscribe to more.
func (a *Authority) Filters() bool { return a.filters }
