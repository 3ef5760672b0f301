package auth

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"gnatsd-ev/internal/config"
)

func authority(t testing.TB, c config.Authorization) *Authority {
	t.Helper()
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func hashOf(t testing.TB, password string, cost int) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

// signer is a key pair that signs nonces.
func signer(t testing.TB) (nkeys.KeyPair, string) {
	t.Helper()
	k, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := k.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return k, public
}

func sign(t testing.TB, k nkeys.KeyPair, nonce string, encoding *base64.Encoding) string {
	t.Helper()
	sig, err := k.Sign([]byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	return encoding.EncodeToString(sig)
}

const nonce = "lx7-GfFJ3zUBSMs"

// Who comes in, as whom, in each way there is; nats-server 2.15.2 decides the same.
func TestWhoComesIn(t *testing.T) {
	key, public := signer(t)
	other, otherPublic := signer(t)
	hashed := hashOf(t, "secret", 4)
	users := []config.User{
		{Name: "plain", Password: "pw"}, {Name: "hashed", Password: hashed}, {Name: "bare"}, {NKey: public},
		{Name: "ws", Password: "pw", ConnectionTypes: []string{"WEBSOCKET", "MQTT"}}, {Name: "std", Password: "pw", ConnectionTypes: []string{"STANDARD"}},
	}
	list := config.Authorization{Required: true, Users: users}
	with := func(who string) config.Authorization { c := list; c.NoAuthUser = who; return c }
	single := config.Authorization{User: "a", Password: "b"}
	token := config.Authorization{Token: "t"}
	for _, c := range []struct {
		name  string
		of    config.Authorization
		claim Claim
		want  string // label, empty for nobody
	}{
		{"nothing", list, Claim{}, ""},
		{"right", list, Claim{User: "plain", Password: "pw"}, "user:plain"},
		{"wrong", list, Claim{User: "plain", Password: "pW"}, ""},
		{"a part", list, Claim{User: "plain", Password: "p"}, ""},
		{"empty", list, Claim{User: "plain"}, ""},
		{"no password", list, Claim{User: "bare"}, "user:bare"},
		{"no password wanted", list, Claim{User: "bare", Password: "x"}, ""},
		{"password alone", list, Claim{Password: "pw"}, ""},
		{"unknown", list, Claim{User: "nobody", Password: "pw"}, ""},
		{"unknown, empty", list, Claim{User: "nobody"}, ""},
		{"hash", list, Claim{User: "hashed", Password: "secret"}, "user:hashed"},
		{"hash, wrong", list, Claim{User: "hashed", Password: "Secret"}, ""},
		{"the hash itself", list, Claim{User: "hashed", Password: hashed}, ""},
		{"name in another case", list, Claim{User: "Plain", Password: "pw"}, ""},
		{"connection type", list, Claim{User: "ws", Password: "pw"}, ""},
		{"connection type, allowed", list, Claim{User: "std", Password: "pw"}, "user:std"},
		{"the nkey as a name", list, Claim{User: public}, ""},
		{"a token where there is none", list, Claim{Token: "pw"}, ""},

		{"nkey", list, Claim{NKey: public, Signature: sign(t, key, nonce, base64.RawURLEncoding)}, "nkey:" + public},
		{"nkey, standard alphabet", list, Claim{NKey: public, Signature: sign(t, key, nonce, base64.StdEncoding)}, "nkey:" + public},
		{"nkey, name beside it", list, Claim{NKey: public, User: "plain", Password: "pw"}, ""},
		{"nkey, other nonce", list, Claim{NKey: public, Signature: sign(t, key, "another", base64.RawURLEncoding)}, ""},
		{"nkey, other key", list, Claim{NKey: public, Signature: sign(t, other, nonce, base64.RawURLEncoding)}, ""},
		{"nkey, unknown", list, Claim{NKey: otherPublic, Signature: sign(t, other, nonce, base64.RawURLEncoding)}, ""},
		{"nkey, not signed", list, Claim{NKey: public}, ""},
		{"nkey, not base64", list, Claim{NKey: public, Signature: "!!"}, ""},
		{"nkey, truncated signature", list, Claim{NKey: public, Signature: "AAAA"}, ""},
		{"nkey, truncated key", list, Claim{NKey: public[:20], Signature: "AAAA"}, ""},
		{"nkey, one letter", list, Claim{NKey: "U", Signature: "AAAA"}, ""},

		{"may stay nameless", with("plain"), Claim{}, "user:plain"},
		{"nameless, but not by name", with("plain"), Claim{User: "plain"}, ""},
		{"nameless, wrong proof", with("plain"), Claim{User: "std", Password: "x"}, ""},
		{"nameless, a token", with("plain"), Claim{Token: "x"}, ""},
		{"nameless, a password", with("plain"), Claim{Password: "x"}, ""},
		{"nameless, somebody else", with("plain"), Claim{User: "std", Password: "pw"}, "user:std"},
		{"nameless, connection type", with("ws"), Claim{}, ""},
		{"nameless with a hash", with("hashed"), Claim{}, ""},
		{"nameless with an nkey", with(public), Claim{}, "nkey:" + public},
		{"nameless with an nkey, named", with(public), Claim{NKey: public}, "nkey:" + public},

		{"single", single, Claim{User: "a", Password: "b"}, "user:a"},
		{"single, wrong", single, Claim{User: "a", Password: "c"}, ""},
		{"single, other name", single, Claim{User: "b", Password: "b"}, ""},
		{"single, no name", single, Claim{Password: "b"}, ""},
		{"single, token", single, Claim{Token: "b"}, ""},
		{"single, hash", config.Authorization{User: "a", Password: hashed}, Claim{User: "a", Password: "secret"}, "user:a"},
		{"single, hash, other name", config.Authorization{User: "a", Password: hashed}, Claim{User: "b", Password: "secret"}, ""},
		{"single without a password", config.Authorization{User: "a"}, Claim{User: "a"}, "user:a"},

		{"token", token, Claim{Token: "t"}, "token"},
		{"token, wrong", token, Claim{Token: "u"}, ""},
		{"token, none", token, Claim{}, ""},
		{"token as a password", token, Claim{User: "t", Password: "t"}, ""},
		{"token, hash", config.Authorization{Token: hashed}, Claim{Token: "secret"}, "token"},
		{"token before the single user", config.Authorization{Token: "t", User: "a", Password: "b"}, Claim{User: "a", Password: "b"}, ""},
		{"required, and nobody configured", config.Authorization{Required: true}, Claim{}, ""},
		{"required, and nobody configured, a name", config.Authorization{Required: true}, Claim{User: "a"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.claim.Nonce, c.claim.Via = nonce, Standard
			a := authority(t, c.of)
			check := a.Identify(c.claim)
			got := ""
			if u := check.Passes(); u != nil {
				got = u.Label()
			}
			if got != c.want || !a.Required() {
				t.Errorf("%q came in, want %q", got, c.want)
			}
		})
	}
}

// Without a nonce of ours no signature counts: it could be an old one.
func TestNoNonceNoSignature(t *testing.T) {
	key, public := signer(t)
	a := authority(t, config.Authorization{Users: []config.User{{NKey: public}}})
	check := a.Identify(Claim{NKey: public, Signature: sign(t, key, "", base64.RawURLEncoding), Via: Standard})
	if check.Passes() != nil {
		t.Error("a signature of nothing was taken")
	}
}

// Only what has to be slow is, and what fails is as slow whether the user exists or not (TOB-NATS-3). The
// comparisons are counted by their cost, as a clock would depend on the machine.
func TestUnknownUsersCostAsMuch(t *testing.T) {
	users := func(costs ...int) config.Authorization {
		c := config.Authorization{Users: []config.User{{Name: "plain", Password: "pw"}}}
		for i, cost := range costs {
			c.Users = append(c.Users, config.User{Name: string(rune('a' + i)), Password: hashOf(t, "pw", cost)})
		}
		return c
	}
	a := authority(t, users(5, 4))
	for _, c := range []struct {
		user, password string
		slow           bool
	}{
		{"plain", "pw", false}, {"plain", "x", true}, {"nobody", "pw", true}, {"a", "pw", true}, {"a", "x", true}, {"", "", false},
	} {
		if check := a.Identify(Claim{User: c.user, Password: c.password}); check.Slow() != c.slow {
			t.Errorf("%q %q: slow is %v", c.user, c.password, check.Slow())
		}
	}
	quick := authority(t, users())
	for _, user := range []string{"plain", "nobody"} {
		if check := quick.Identify(Claim{User: user, Password: "x"}); check.Slow() {
			t.Errorf("%q is slow without any hash", user)
		}
	}
	_, public := signer(t)
	_, unknown := signer(t)
	signed := authority(t, config.Authorization{Users: []config.User{{NKey: public}}})
	for _, key := range []string{public, unknown} {
		if check := signed.Identify(Claim{NKey: key, Signature: "AAAA", Nonce: nonce}); !check.Slow() || check.Passes() != nil {
			t.Errorf("an nkey that is unknown is told from one that is known: slow is %v", check.Slow())
		}
	}
	if testing.Short() {
		return
	}
	// With a cost of 9 a comparison takes tens of milliseconds, so that a missing one shows on any machine.
	a = authority(t, users(9, 6))
	took := func(user string) time.Duration {
		best := time.Hour
		for range 5 {
			check := a.Identify(Claim{User: user, Password: "wrong"})
			start := time.Now()
			check.Passes()
			best = min(best, time.Since(start))
		}
		return best
	}
	known := took("a")
	for _, user := range []string{"nobody", "plain", "b"} {
		if d := took(user); d < known/4 || d > known*4 {
			t.Errorf("a wrong password of %q takes %v, one of a user with a hash of the highest cost %v", user, d, known)
		}
	}
}

// What cannot be meant is refused, not read as something else: a broker that starts must not be open by
// mistake. Nothing of it shows what is secret.
func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	_, public := signer(t)
	user := func(p config.Permissions) config.Authorization {
		return config.Authorization{Users: []config.User{{Name: "u", Password: "canary", Permissions: &p, Origin: "f:3"}}}
	}
	for name, c := range map[string]config.Authorization{
		"a password alone":       {Password: "canary"},
		"the same name twice":    {Users: []config.User{{Name: "u", Password: "canary"}, {Name: "u"}}},
		"the same nkey twice":    {Users: []config.User{{NKey: public}, {NKey: public}}},
		"no name":                {Users: []config.User{{Password: "canary"}}},
		"a short nkey":           {Users: []config.User{{NKey: "UA"}}},
		"an account's nkey":      {Users: []config.User{{NKey: "A" + public[1:]}}},
		"nobody of that name":    {Users: []config.User{{Name: "u"}}, NoAuthUser: "v"},
		"white space (publish)":  user(config.Permissions{Publish: config.Subjects{Allow: []string{" "}}}),
		"white space (deny)":     user(config.Permissions{Subscribe: config.Subjects{Deny: []string{"  "}}}),
		"empty":                  user(config.Permissions{Subscribe: config.Subjects{Allow: []string{""}}}),
		"three words":            user(config.Permissions{Subscribe: config.Subjects{Allow: []string{"a b c"}}}),
		"a queue for publishing": user(config.Permissions{Publish: config.Subjects{Deny: []string{"a b"}}}),
		"an empty token":         user(config.Permissions{Publish: config.Subjects{Deny: []string{"a..b"}}}),
		"an odd queue":           user(config.Permissions{Subscribe: config.Subjects{Deny: []string{"a b..c"}}}),
	} {
		_, err := New(c)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nothing and an empty list are different things (TOB-NATS-2).
func TestEmptyIsNotNothing(t *testing.T) {
	for _, c := range []struct {
		allow []string
		want  bool
	}{{nil, true}, {[]string{}, false}, {[]string{"a"}, true}, {[]string{"b"}, false}} {
		p, err := newPermissions(&config.Permissions{Publish: config.Subjects{Allow: c.allow}, Subscribe: config.Subjects{Allow: c.allow}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if p.mayPublish([]byte("a")) != c.want || p.MaySubscribe([]byte("a"), "") != c.want || p.MaySubscribe([]byte("a"), "q") != c.want {
			t.Errorf("allow %#v: want %v", c.allow, c.want)
		}
	}
	if p, err := newPermissions(nil, 1); p != nil || err != nil {
		t.Error("no permissions are some")
	}
	// Who may answer may publish nothing else, however little is said of it.
	p, err := newPermissions(&config.Permissions{Responses: &config.Responses{}}, 1)
	if err != nil || p.mayPublish([]byte("a")) || *p.Responses() != (Responses{Max: 1, Expires: 2 * time.Minute}) {
		t.Errorf("allow_responses: %+v, %v", p.Responses(), err)
	}
}

// Advisory 2026-18: a denial for a queue must not hide one for all. Advisory 2026-17: a pattern that overlaps a
// denial is filtered. CVE-2022-29946: so is one in a queue group.
func TestDenialsOfAdvisories(t *testing.T) {
	p, err := newPermissions(&config.Permissions{Subscribe: config.Subjects{Deny: []string{"a.x", "a.x other", "*.secret.>", "jobs v1.*"}}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, queue := range []string{"", "q", "other"} {
		if p.MaySubscribe([]byte("a.x"), queue) {
			t.Errorf("queue %q: a denied subject", queue)
		}
		for _, pattern := range []string{"a.*", ">", "*.x"} {
			if !p.MaySubscribe([]byte(pattern), queue) || !p.Filters([]byte(pattern)) || p.mayReceive([]byte("a.x"), queue) {
				t.Errorf("queue %q: %s gets a denied subject", queue, pattern)
			}
		}
		if !p.Filters([]byte("a.*.b")) || p.mayReceive([]byte("a.secret.b"), queue) {
			t.Errorf("queue %q: a pattern that overlaps a denial is not filtered", queue)
		}
	}
	if p.MaySubscribe([]byte("jobs"), "v1.x") || !p.MaySubscribe([]byte("jobs"), "v2.x") || !p.MaySubscribe([]byte("jobs"), "") {
		t.Error("a denial for some queues is not for those alone")
	}
	// Who may have one level must not get all below it; nats-server lets it.
	narrow, err := newPermissions(&config.Permissions{Subscribe: config.Subjects{Allow: []string{"foo.*"}}}, 1)
	if err != nil || narrow.MaySubscribe([]byte("foo.>"), "") || !narrow.MaySubscribe([]byte("foo.*"), "") {
		t.Errorf("foo.* allows foo.>: %v", err)
	}
}

// Each user knows its account; who has none lives in the global one, whatever it proves.
func TestUsersKnowTheirAccounts(t *testing.T) {
	several := config.Authorization{NoAuthUser: "b", Users: []config.User{{Name: "g", Password: "pw"}, {Name: "a", Password: "pw", Account: "A"}, {Name: "b", Password: "pw", Account: "B"}}}
	system := config.Authorization{Nameless: true, Users: []config.User{{Name: "s", Password: "pw", Account: "$SYS"}}}
	for _, c := range []struct {
		what  string
		a     config.Authorization
		claim Claim
		want  string // empty: nobody
	}{
		{"no account", several, Claim{User: "g", Password: "pw"}, "$G"},
		{"an account", several, Claim{User: "a", Password: "pw"}, "A"},
		{"another password", several, Claim{User: "a", Password: "x"}, ""},
		{"no proof", several, Claim{}, "B"},
		{"the only user", config.Authorization{User: "u", Password: "pw"}, Claim{User: "u", Password: "pw"}, "$G"},
		{"the token", config.Authorization{Token: "t"}, Claim{Token: "t"}, "$G"},
		{"no name is wanted", system, Claim{}, "$G"},
		{"the system", system, Claim{User: "s", Password: "pw"}, "$SYS"},
		{"a wrong name", system, Claim{User: "x"}, ""},
		{"a flag says otherwise", config.Authorization{Nameless: true, Required: true, User: "u", Password: "p", Users: system.Users}, Claim{}, ""},
	} {
		a, err := New(c.a)
		if err != nil {
			t.Fatal(err)
		}
		c.claim.Via = Standard
		check := a.Identify(c.claim)
		got := ""
		if u := check.Passes(); u != nil {
			got = u.Account()
		}
		if got != c.want || !a.Required() {
			t.Errorf("%s: in account %q, want %q", c.what, got, c.want)
		}
		if nameless := c.a.Nameless && !c.a.Required; a.Announced() != (c.a.NoAuthUser == "") {
			t.Errorf("%s: announced %v, nameless %v", c.what, a.Announced(), nameless)
		}
	}
}
