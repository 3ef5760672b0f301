package differential

// Realms: configurations with users, made by seed as scripts are, and the model of who may come in. What a user may do is
// not modelled: nats-server says it.

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"
)

// realmSeeds is how many scripts in a row share a realm: servers have to be started for each.
const realmSeeds = 100

// A realm is a configuration with users.
type realm struct {
	number    uint64
	config    string // in one line
	users     []realmUser
	anonymous *realmUser // who may stay nameless is taken for it, nil for nobody
	keys      bool       // there are users with keys
	observer  string     // CONNECT of who may do everything
}

// A realmUser is one who may come in, or nobody's name.
type realmUser struct {
	name     string // empty where a token is all there is
	password string
	token    string
	key      nkeys.KeyPair // instead of a password
	hashed   bool
	barred   bool // its connection type is not ours
}

var realms sync.Map // of number to *realm

// realmOf makes the realm of a number, once.
func realmOf(number uint64) *realm {
	if made, ok := realms.Load(number); ok {
		return made.(*realm)
	}
	made, _ := realms.LoadOrStore(number, newRealm(number))
	return made.(*realm)
}

func newRealm(number uint64) *realm {
	g := &generator{Rand: rand.New(rand.NewPCG(number, 0x7265616c))}
	r := &realm{number: number}
	authorization := map[string]any{"timeout": 50}
	all := map[string]any{"authorization": authorization}
	switch n := g.IntN(100); {
	case n < 8:
		u := realmUser{token: "token", hashed: g.chance(40)}
		authorization["token"] = u.secret(u.token)
		r.users = append(r.users, u)
	case n < 16:
		u := realmUser{name: "single", password: "word", hashed: g.chance(40)}
		authorization["user"], authorization["password"] = u.name, u.secret(u.password)
		r.users = append(r.users, u)
	default:
		authorization["users"] = r.list(g)
		if i := g.IntN(2 * len(r.users)); i < len(r.users) {
			r.anonymous = &r.users[i]
			all["no_auth_user"] = r.users[i].name
		}
	}
	r.observer = string(r.users[0].proof(false))
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // the format of the file has no \u
	if err := e.Encode(all); err != nil {
		panic(err) // texts, numbers and lists always encode
	}
	r.config = strings.TrimSpace(text.String())
	return r
}

// secret is a password or token as it stands in the file.
func (u *realmUser) secret(text string) string {
	if !u.hashed {
		return text
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(text), bcrypt.MinCost)
	if err != nil {
		panic(err) // only for a password of more than 72 bytes
	}
	return string(hash)
}

// list makes several users; the first may do everything.
func (r *realm) list(g *generator) (entries []any) {
	for i := range 2 + g.IntN(6) {
		u := realmUser{name: fmt.Sprint("u", i), password: pick(g, "a", "bb", "$2", "", "pass word"), hashed: i > 0 && g.chance(20)}
		if i == 0 {
			u.password = "free"
		}
		entry := map[string]any{"user": u.name, "password": u.secret(u.password)}
		if i > 0 && g.chance(25) {
			u = realmUser{name: r.newKey(g, &u), key: u.key}
			entry, r.keys = map[string]any{"nkey": u.name}, true
		}
		if i > 0 && g.chance(80) {
			entry["permissions"] = g.permissions()
		}
		if i > 0 && g.chance(20) {
			u.barred = g.chance(60)
			entry["allowed_connection_types"] = []string{"WEBSOCKET", "MQTT"}
			if !u.barred {
				entry["allowed_connection_types"] = []string{pick(g, "standard", "STANDARD"), "WEBSOCKET"}
			}
		}
		entries, r.users = append(entries, entry), append(r.users, u)
	}
	return entries
}

// newKey makes a key of the generator's numbers and returns its public half.
func (r *realm) newKey(g *generator, u *realmUser) string {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(g.IntN(256))
	}
	raw, err := nkeys.EncodeSeed(nkeys.PrefixByteUser, seed[:])
	if err == nil {
		u.key, err = nkeys.FromSeed(raw)
	}
	public := ""
	if err == nil {
		public, err = u.key.PublicKey()
	}
	if err != nil {
		panic(err) // any 32 bytes are a seed
	}
	return public
}

// permissions makes what a user may do. Allowed patterns have a * in front only, where it stands for the mark: the row
// permissions-full-wildcard is tested elsewhere. Denied ones name something, so that tombs are left alone. Who answers by
// allow_responses is in no group: which member was asked is free.
func (g *generator) permissions() map[string]any {
	publish, subscribe := map[string]any{}, map[string]any{}
	responds := g.chance(35)
	if g.chance(50) && (!responds || g.chance(30)) {
		publish["allow"] = append(g.patterns(false, false), "tomb.>")
	}
	if g.chance(50) {
		publish["deny"] = g.patterns(true, false)
	}
	if g.chance(50) {
		allowed := append(g.patterns(false, true), "tomb.>")
		for peer := range peersMax + 4 {
			allowed = append(allowed, fmt.Sprintf("*._INBOX.%d", peer))
		}
		subscribe["allow"] = allowed
	}
	var denied []string
	if g.chance(70) {
		denied = g.patterns(true, true)
	}
	all := map[string]any{"publish": publish, "subscribe": subscribe}
	if responds {
		all["allow_responses"] = pick[any](g, true, map[string]any{"max": 2}, map[string]any{"max": -1}, map[string]any{"max": 3, "expires": "1h"})
		denied = append(denied, "> >")
	}
	if denied != nil {
		subscribe["deny"] = denied
	}
	for _, name := range []string{"publish", "subscribe"} {
		if len(all[name].(map[string]any)) == 0 {
			delete(all, name)
		}
	}
	return all
}

func (g *generator) patterns(denied, queues bool) (all []string) {
	for range 1 + g.IntN(3) {
		tokens := []string{"*", pick(g, "a", "b", "c")}
		for g.chance(35) && len(tokens) < 4 {
			token := pick(g, "a", "b", "c")
			if denied && g.chance(40) {
				token = "*"
			}
			tokens = append(tokens, token)
		}
		if g.chance(30) {
			tokens = append(tokens, ">")
		}
		if denied && g.chance(20) {
			tokens = slices.Insert(tokens, 1, "*")
		}
		p := strings.Join(tokens, ".")
		if !denied && g.chance(25) {
			p = "*.>"
		}
		if queues && g.chance(35) {
			p += " " + pick(g, "q", "q", "q", "Q", "q.r", "q.*", "*", ">")
		}
		all = append(all, p)
	}
	return all
}

// sealed is what stands in a script for the signature of a nonce, which nobody knows before.
func sealed(user int) string {
	return fmt.Sprintf("seal%d", user) + strings.Repeat("_", 86-len("seal0"))
}

// proof is the fields of CONNECT by which a user comes in, or does not.
func (u *realmUser) proof(wrong bool) []byte {
	password, token := u.password, u.token
	if wrong {
		password, token = password+"x", token+"x"
	}
	switch {
	case u.token != "":
		return fmt.Appendf(nil, `"auth_token":%q`, token)
	case password == "":
		return fmt.Appendf(nil, `"user":%q`, u.name)
	}
	return fmt.Appendf(nil, `"user":%q,"pass":%q`, u.name, password)
}

// proof returns the fields of somebody, most of the time in order; of a further CONNECT perhaps a part.
func (g *generator) proof(r *realm, first bool) []string {
	i := g.IntN(len(r.users))
	u, wrong := &r.users[i], g.chance(6)
	switch n := g.IntN(100); {
	case n < 10 || !first && n < 55:
		return nil
	case n < 12:
		return []string{`"user":"nobody","pass":"x"`}
	case n < 13:
		return []string{`"nkey":"UABC","sig":"AA"`}
	case n < 14:
		return []string{`"auth_token":"tokem"`}
	case n < 60 && !first:
		return []string{pick(g, `"pass":"bb"`, `"user":"u1"`, `"auth_token":"x","jwt":"y"`)}
	case u.key != nil && wrong:
		return []string{fmt.Sprintf(`"nkey":%q,"sig":%q`, u.name, sealed((i+1)%len(r.users)))}
	case u.key != nil:
		return []string{fmt.Sprintf(`"nkey":%q,"sig":%q`, u.name, sealed(i))}
	}
	return []string{string(u.proof(wrong))}
}

// claims are what a CONNECT says of who the client is.
type claims struct{ user, pass, token, nkey, sig string }

func claimsOf(line []byte) claims {
	var c server.ClientOpts
	_ = json.Unmarshal(line, &c) // applyConnect has looked at the mistakes
	return claims{c.Username, c.Password, c.Token, c.Nkey, c.Sig}
}

// named reports whether there is any.
func (c claims) named() bool { return c.user+c.pass+c.token+c.nkey != "" }

// byKey says whether who names nobody is taken for a user with a key.
func (r *realm) byKey() bool { return r != nil && r.anonymous != nil && r.anonymous.key != nil }

// nameless says whether who names nobody may come in.
func (r *realm) nameless() bool {
	return r.anonymous != nil && !r.anonymous.barred && !r.anonymous.hashed
}

// admits says whether claims are good, on a connection that may still sign its nonce or has had its chance.
func (r *realm) admits(c claims, fresh bool) bool {
	if !r.keys {
		c.nkey = ""
	}
	switch {
	case r.anonymous != nil && !c.named():
		return r.nameless()
	case c.nkey != "":
		i := slices.IndexFunc(r.users, func(u realmUser) bool { return u.key != nil && u.name == c.nkey })
		if i < 0 || r.users[i].barred {
			return false
		}
		return r.anonymous == &r.users[i] || fresh && c.sig == sealed(i)
	case r.users[0].token != "":
		return c.token == r.users[0].token
	}
	for i := range r.users {
		if u := &r.users[i]; u.key == nil && u.name == c.user && c.user != "" {
			return !u.barred && u.password == c.pass
		}
	}
	return false
}

// signed replaces seals by signatures of a nonce.
func (r *realm) signed(data []byte, nonce string) []byte {
	if r == nil || !strings.Contains(string(data), "seal") {
		return data
	}
	text := string(data)
	for i := range r.users {
		if key := r.users[i].key; key != nil {
			if sig, err := key.Sign([]byte(nonce)); err == nil {
				text = strings.ReplaceAll(text, sealed(i), base64.RawURLEncoding.EncodeToString(sig))
			}
		}
	}
	return []byte(text)
}

// comes notes what a CONNECT, or a client that begins otherwise, comes to.
func (s *stream) comes(c claims) {
	first := s.unproven
	s.unproven = false
	s.nameless = s.nameless && !c.named() || first && !c.named()
	switch {
	case s.realm == nil, !first && !c.named():
	case !s.realm.admits(c, !s.signed):
		s.dead = true
	}
	s.signed = true
}
