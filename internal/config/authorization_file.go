package config

import (
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nkeys"
)

// timeoutHigh is the timeout from which nats-server suspects a duration without quotes:
// 2m is two million there.
const timeoutHigh = 60 * time.Second

// connectionTypes are the kinds of connection a user may be bound to.
var connectionTypes = []string{"STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"}

// authorization reads the block of that name.
func (r *reader) authorization(e entry) {
	a := &r.draft.Authorization
	var defaults *Permissions
	var defaultsAt place
	before := r.count(wrong)
	r.block(e, []field{
		{"user username", func(e entry) { a.User = r.text(e) }},
		{"pass password", func(e entry) { a.Password = r.secret(e) }},
		{"token", func(e entry) { a.Token = r.secret(e) }},
		{"timeout", func(e entry) { a.Timeout = r.timeout(e) }},
		{"users", func(e entry) { a.Users = r.readUsers(e) }},
		{"default_permissions default_permission permissions", func(e entry) { defaults, defaultsAt = r.permissions(e), e.at }},
		{"auth_callout auth_hook", r.refuseIn("an external service for authentication is not supported yet", "leave it out and list users")},
		{"proxy_required", r.refuseIn("proxies are not supported yet", "leave it out")},
	})
	r.draft.came("authorization", origin{at: e.at, key: e.key})
	a.Required = true
	if r.count(wrong) > before {
		return // what follows would complain about what is not there
	}
	switch {
	case (a.User != "" || a.Password != "") && a.Token != "":
		r.add(e.at, wrong, "Cannot have a user/pass and token")
	case a.User != "" && a.Users != nil:
		r.add(e.at, wrong, "Can not have a single user/pass and a users array")
	case a.Token != "" && a.Users != nil:
		r.add(e.at, wrong, "Can not have a token and a users array")
	case defaults != nil && len(a.Users) == 0:
		r.add(defaultsAt, wrong, "permissions of a single user or token have no effect in nats-server: put the user into users")
	}
	for i := range a.Users {
		if a.Users[i].Permissions == nil {
			a.Users[i].Permissions = defaults
		}
	}
}

// refuseIn refuses a key inside of a block.
func (r *reader) refuseIn(why, cure string) func(entry) {
	return func(e entry) { r.refuse(refusedKey{why: why, cure: cure}, e) }
}

// secret reads a text that is never shown.
func (r *reader) secret(e entry) string {
	s := r.text(e)
	if s != "" {
		r.sources.hidden = append(r.sources.hidden, s)
	}
	return s
}

// timeout is seconds, with nats-server's warning of what may be meant otherwise.
func (r *reader) timeout(e entry) time.Duration {
	d := r.seconds(e)
	if d > timeoutHigh {
		r.add(e.at, warned, "invalid use of field %q: timeout of %v (%f seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example",
			e.key, e.value, d.Seconds())
	}
	return d
}

// seconds reads seconds, as nats-server always had them for timeouts, or a duration.
func (r *reader) seconds(e entry) time.Duration {
	seconds := 0.0
	switch v := e.value.(type) {
	case int64:
		seconds = float64(v)
	case float64:
		seconds = v
	case string:
		d, err := time.ParseDuration(v)
		if err != nil {
			r.add(e.at, wrong, "timeout %q: %v", v, errNotDuration)
			return 0
		}
		seconds = d.Seconds()
	default:
		r.mistyped(e, wantDuration.String()+", or seconds")
		return 0
	}
	switch {
	case seconds < 0:
		r.add(e.at, wrong, "timeout %v: allowed is more than 0, or 0 for the default", e.value)
		return 0
	case seconds > 1e9:
		r.add(e.at, wrong, "timeout %v: the duration is too long", e.value)
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// readUsers reads the list of users and nkeys, of this block or of an account.
func (r *reader) readUsers(e entry) []User {
	list, ok := e.value.([]any)
	if !ok {
		r.mistyped(e, "a list in brackets")
		return nil
	}
	all := []User{} // not nil: a list that is empty excludes a single user too
	if r.users == nil {
		r.users = make(map[string]place)
	}
	for _, v := range list {
		one := r.entry("a user", v, e.at)
		if m, ok := one.value.(map[string]any); ok {
			if inner := r.entries(m, one.at); len(inner) > 0 {
				one.at = inner[0].at // the parser tells where the entry ends
			}
		}
		u, ok := r.user(one)
		if !ok {
			continue
		}
		name, what := u.Name, "user"
		if u.NKey != "" {
			name, what = u.NKey, "nkey"
		}
		if first, twice := r.users[name]; twice {
			r.add(one.at, wrong, "Duplicate %s %q detected: it stands on line %d as well", what, name, first.line)
			continue
		}
		r.users[name] = one.at
		all = append(all, u)
	}
	return all
}

// user reads one of them. False means that it was complained about.
func (r *reader) user(e entry) (User, bool) {
	u := User{Origin: printable(e.at.short())}
	before := r.count(wrong)
	r.block(e, []field{
		{"nkey", func(e entry) { u.NKey = r.text(e) }},
		{"user username", func(e entry) { u.Name = r.text(e) }},
		{"pass password", func(e entry) { u.Password = r.secret(e) }},
		{"permissions permission authorization", func(e entry) { u.Permissions = r.permissions(e) }},
		{"allowed_connection_types connection_types clients", func(e entry) { u.ConnectionTypes = r.connectionTypes(e) }},
		{"proxy_required", r.refuseIn("proxies are not supported yet", "leave it out")},
	})
	if r.count(wrong) > before {
		return u, false
	}
	switch {
	case u.NKey == "" && u.Name == "":
		r.add(e.at, wrong, "User entry requires a user")
	case u.NKey != "" && !nkeys.IsValidPublicUserKey(u.NKey):
		r.add(e.at, wrong, "Not a valid public nkey for a user")
	case u.NKey != "" && (u.Name != "" || u.Password != ""):
		r.add(e.at, wrong, "Nkey users do not take usernames or passwords")
	case u.NKey == "" && u.Password == "":
		r.add(e.at, remarked, "user %q has no password: who knows the name may come in", u.Name)
		return u, true
	default:
		return u, true
	}
	return u, false
}

// connectionTypes reads a list of them, in any case.
func (r *reader) connectionTypes(e entry) []string {
	var all []string
	for _, one := range r.filled(e, "all types") {
		s := strings.ToUpper(r.text(one))
		if s != "" && !slices.Contains(connectionTypes, s) {
			r.add(one.at, wrong, "unknown connection type %q: known are %s", s, strings.Join(connectionTypes, " "))
		}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// filled is list for lists that nats-server takes for everything when they are empty.
func (r *reader) filled(e entry, everything string) []entry {
	all := r.list(e)
	if len(all) == 0 {
		r.add(e.at, wrong, "%s is an empty list, which means %s in nats-server: leave it out if that is meant", e.key, everything)
	}
	return all
}

// noAuthUser reads who clients without proof are.
func (r *reader) noAuthUser(e entry) {
	r.draft.Authorization.NoAuthUser = r.text(e)
	r.draft.came("no_auth_user", origin{at: e.at, key: e.key})
}

// finishAuthorization checks what stands in different blocks.
func (r *reader) finishAuthorization() {
	a := &r.draft.Authorization
	if r.count(wrong) > 0 {
		return
	}
	block, locked := r.draft.origins["authorization"]
	if locked && a.User == "" && a.Token == "" && len(a.Users) == 0 {
		r.add(block.at, wrong, "authorization names no user and no token: nats-server would let everybody in; leave the block out if that is meant")
		return
	}
	if plainPasswords(a) {
		at := block.at
		if !locked {
			at = r.draft.origins[accountsBlock].at
		}
		r.add(at, remarked, plaintext)
	}
	name := a.NoAuthUser
	if name == "" {
		return
	}
	at := r.draft.origins["no_auth_user"].at
	switch {
	case len(a.Users) == 0:
		r.add(at, wrong, "no_auth_user: %q present, but users/nkeys are not defined", name)
	case !slices.ContainsFunc(a.Users, func(u User) bool { return name == u.Name || name == u.NKey }):
		r.add(at, wrong, "no_auth_user: %q not present as user or nkey in authorization block or account configuration", name)
	}
}

// plaintext is said in nats-server's words.
const plaintext = "Plaintext passwords detected, use nkeys or bcrypt"

// plainPasswords reports whether somebody can read a password in the file.
func plainPasswords(a *Authorization) bool {
	plain := func(s string) bool { return s != "" && !secretHash.MatchString(s) }
	return plain(a.Password) || plain(a.Token) || slices.ContainsFunc(a.Users, func(u User) bool { return plain(u.Password) })
}
