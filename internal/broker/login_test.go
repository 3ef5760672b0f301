package broker

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/loop"
)

// guarded starts a broker whose clients have to prove who they are.
func guarded(t testing.TB, loops int, a config.Authorization, adjust ...func(*config.Options)) *rig {
	t.Helper()
	a.Required = true
	return start(t, loops, append(adjust, func(o *config.Options) { o.Authorization = a })...)
}

// hashed is a bcrypt hash of the least cost.
func hashed(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

// as is the CONNECT of a user, quiet.
func as(user, password string) string {
	return fmt.Sprintf(`CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"user":%q,"pass":%q}`, user, password)
}

const violation = "-ERR 'Authorization Violation'"

// greeting returns the INFO a client was greeted with.
func (c *client) greeting() (info struct {
	AuthRequired bool   `json:"auth_required"`
	Nonce        string `json:"nonce"`
}) {
	c.t.Helper()
	text := strings.TrimPrefix(c.next("the greeting").text, "INFO ")
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		c.t.Fatal(err)
	}
	return info
}

// Whatever a client begins with, it comes in under the same conditions (advisories 2026-16, 2026-24,
// CVE-2023-47090): there is one way.
func TestAnyFirstOperationIsDecidedAsConnect(t *testing.T) {
	users := []config.User{
		{Name: "plain", Password: "pw", Permissions: &config.Permissions{Publish: config.Subjects{Deny: []string{"denied"}}}},
		{Name: "ws", ConnectionTypes: []string{"WEBSOCKET"}}, {Name: "hashed", Password: hashed(t, "pw")},
	}
	for _, c := range []struct {
		nameless string
		in       bool
	}{{"", false}, {"plain", true}, {"ws", false}, {"hashed", false}} {
		r := guarded(t, 1, config.Authorization{Users: users, NoAuthUser: c.nameless})
		for _, first := range []string{`CONNECT {"verbose":true}`, "PING", "SUB a 1", pub("denied", "x"), "HPUB a 0 0\r\n", "UNSUB 1", "INFO {}", "+OK", "PONG", "pub a 0\r\n"} {
			p := r.raw(first)
			if info := p.greeting(); info.AuthRequired != (c.nameless == "") || info.Nonce != "" {
				t.Fatalf("no_auth_user %q: greeted with %+v", c.nameless, info)
			}
			p.send(first)
			if c.in && strings.HasPrefix(first, "HPUB") {
				continue // without CONNECT there are no headers
			}
			if !c.in {
				p.want(fmt.Sprintf("no_auth_user %q: %s proves nothing", c.nameless, first), violation)
				p.closed("it may not come in")
				continue
			}
			p.send(pub("denied", "x"), "PING")
			p.untilPong(`-ERR 'Permissions Violation for Publish to "denied"'`, "the rules of the user hold")
		}
	}
}

// untilPong reads up to the next PONG but one that a first PING asked for, and wants a line among that.
func (c *client) untilPong(line, why string) {
	c.t.Helper()
	found := false
	for {
		f := c.next(why)
		found = found || f.text == line
		if f.verb == "PONG" && found {
			return
		}
		if f.verb == "PONG" && c.name != "PING" {
			c.t.Fatalf("%s: %s: no %q", c.name, why, line)
		}
	}
}

// The first byte decides: nothing else of a stranger is looked at, or kept.
func TestStrangersEndAtTheirFirstByte(t *testing.T) {
	r := guarded(t, 1, config.Authorization{User: "u", Password: "p"})
	for _, first := range []string{"P", "G", "\x16", "\r", " ", "\x00", strings.Repeat("x", 5000)} {
		c := r.raw("stranger")
		c.greeting()
		c.write([]byte(first))
		c.want("its first byte is no C", violation)
		c.closed("it may not come in")
	}
	c := r.raw("begins as CONNECT does")
	c.greeting()
	c.write([]byte("CONX"))
	c.want("that is no operation", "-ERR 'Unknown Protocol Operation'")
	c.closed("and no way in")
	c = r.raw("long CONNECT")
	c.greeting()
	c.write([]byte("CONNECT {" + strings.Repeat("x", 8000)))
	c.want("the line is bounded", "-ERR 'maximum control line exceeded'")
	wantNothingHeld(t, r.Broker)
}

// While a helper compares, nothing behind CONNECT is applied, and nothing of it is lost.
func TestInputWaitsForTheComparison(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := guarded(t, loops, config.Authorization{Users: []config.User{
			{Name: "hashed", Password: hashed(t, "pw"), Permissions: &config.Permissions{Publish: config.Subjects{Deny: []string{"denied"}}}},
		}})
		release := r.holdHelpers()
		c, wrong, gone := r.raw("right"), r.raw("wrong"), r.raw("leaves")
		for _, p := range []*client{c, wrong, gone} {
			p.greeting()
		}
		ops := []byte(as("hashed", "pw") + "\r\nSUB a 1\r\n" + pub("a", "one") + "\r\n" + pub("denied", "x") + "\r\nPI")
		for i := range ops { // cut anywhere
			c.write(ops[i : i+1])
		}
		wrong.send(as("hashed", "pW"), "SUB a 1", "PING")
		gone.send(as("hashed", "pw"), "SUB a 1", "PING")
		r.waiting(3)
		gone.reset()
		for _, p := range []*client{c, wrong} {
			p.silent("nobody is known yet")
		}
		release()
		wrong.want("the password is wrong", violation)
		wrong.closed("it may not come in")
		c.write([]byte("NG\r\n"))
		c.want("what came behind CONNECT holds", `MSG a 1  "" "one"`, `-ERR 'Permissions Violation for Publish to "denied"'`, "PONG")
		c.conn.Close()
		wantNothingHeld(t, r.Broker)
	})
}

// silent wants nothing to come for a moment.
func (c *client) silent(why string) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if f, err := c.read(); err == nil {
		c.t.Fatalf("%s: got %s, but %s", c.name, f, why)
	}
}

type hold struct{ begun, end chan bool }

func (h hold) Work() { h.begun <- true; <-h.end }

// holdHelpers keeps all helpers busy until release is called.
func (r *rig) holdHelpers() (release func()) {
	n := helpersFor(r.loops)
	h := hold{make(chan bool, n), make(chan bool)}
	for range n {
		r.helpers.Do(h)
	}
	for range n {
		<-h.begun
	}
	release = sync.OnceFunc(func() { close(h.end) })
	r.t.Cleanup(release) // or the broker would wait for them
	return release
}

// waiting waits until so many sessions wait for a helper.
func (r *rig) waiting(want int) {
	r.t.Helper()
	eventually(r.t, "the sessions wait for a comparison", func() bool {
		n := 0
		onLoops(r.Broker, func(l *loop.Loop) {
			l.Each(func(c *loop.Conn, p loop.Peer) {
				if p.(*Session).has(checking) && c.Parked() {
					n++
				}
			})
		})
		return n == want
	})
}

// Who waits for helpers that a flood of logins keeps busy is told at the time that it took too long; others do not
// notice the flood.
func TestAFloodOfLoginsSlowsLoginsOnly(t *testing.T) {
	r := guarded(t, 1, config.Authorization{Timeout: 300 * time.Millisecond, Users: []config.User{
		{Name: "hashed", Password: hashed(t, "pw")}, {Name: "plain", Password: "pw"},
	}})
	release := r.holdHelpers()
	defer release()
	var flood []*client
	for range 50 {
		c := r.raw("flood")
		c.greeting()
		c.send(as("hashed", "wrong"), "PING")
		flood = append(flood, c)
	}
	quick := r.dial("quick", as("plain", "pw"))
	quick.send("SUB a 1", pub("a", "hi"), "PING")
	quick.want("a login without a comparison, and messages, wait for nobody", `MSG a 1  "" "hi"`, "PONG")
	for _, c := range flood {
		c.want("it has waited too long", "-ERR 'Authentication Timeout'")
		c.closed("and has to try again")
	}
	quick.barrier("still served")
}

// Who says nothing is told when its time is over. Who has come in is not.
func TestAuthenticationTimeout(t *testing.T) {
	r := guarded(t, 1, config.Authorization{User: "u", Password: "p", Timeout: 200 * time.Millisecond})
	in := r.dial("comes in", as("u", "p"))
	silent, half := r.raw("says nothing"), r.raw("says half of it")
	silent.greeting()
	half.greeting()
	half.write([]byte("CONNECT {"))
	for _, c := range []*client{silent, half} {
		c.want("its time is over", "-ERR 'Authentication Timeout'")
		c.closed("it has not come in")
	}
	in.barrier("who has come in stays")
}

// A further CONNECT is decided like the first. One that names nobody changes nothing; passwords are not kept.
func TestFurtherConnects(t *testing.T) {
	r := guarded(t, 1, config.Authorization{Users: []config.User{
		{Name: "a", Password: "pa", Permissions: &config.Permissions{Publish: config.Subjects{Allow: []string{"a.>"}}}},
		{Name: "b", Password: hashed(t, "pb"), Permissions: &config.Permissions{Publish: config.Subjects{Allow: []string{"b.>"}}}},
	}})
	c := r.dial("changes", as("a", "pa"))
	c.send("SUB b.x 1", pub("b.x", ""), `CONNECT {"verbose":false}`, pub("b.x", ""), "PING")
	refused := `-ERR 'Permissions Violation for Publish to "b.x"'`
	c.want("it is still the first", refused, refused, "PONG")
	c.send(as("b", "pb"), "SUB b.x 2", pub("b.x", "now"), pub("a.x", ""), "PING")
	c.want("it is the second, with its rules and new subscriptions", `MSG b.x 2  "" "now"`, `-ERR 'Permissions Violation for Publish to "a.x"'`, "PONG")
	c.send(as("a", "wrong"), pub("a.x", ""))
	c.want("who fails the second time is out", violation)
	c.closed("it is out")
}

// nkeys sign the nonce of their own greeting.
func TestNKeysSignTheirOwnNonce(t *testing.T) {
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := key.PublicKey()
	r := guarded(t, 1, config.Authorization{Users: []config.User{{NKey: public}}})
	connect := func(nonce string) string {
		sig, _ := key.Sign([]byte(nonce))
		return fmt.Sprintf(`CONNECT {"verbose":true,"nkey":%q,"sig":%q}`, public, base64.RawURLEncoding.EncodeToString(sig))
	}
	first, second := r.raw("first"), r.raw("second")
	n1, n2 := first.greeting(), second.greeting()
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{15}$`).MatchString(n1.Nonce) || n1.Nonce == n2.Nonce || !n1.AuthRequired {
		t.Fatalf("greeted with %+v and %+v", n1, n2)
	}
	first.send(connect(n1.Nonce), "PING")
	first.want("it has signed its nonce", "+OK", "PONG")
	second.send(connect(n1.Nonce), "PING")
	second.want("it has signed another's", violation)
	first.send(connect(n1.Nonce))
	first.want("a nonce is signed once", violation)
}

// Objections to a CONNECT are told to those who may come in only.
func TestStrangersLearnNothing(t *testing.T) {
	r := guarded(t, 1, config.Authorization{User: "u", Password: "p"})
	for options, want := range map[string]string{
		`"protocol":3`:                       "-ERR 'invalid client protocol'",
		`"no_responders":true`:               "-ERR 'no responders requires headers support'",
		`"account":"x"`:                      violation,
		`"verbose":false,"new_account":true`: violation,
	} {
		for password, want := range map[string]string{"p": want, "x": violation} {
			c := r.raw(options)
			c.greeting()
			c.send(`CONNECT {"user":"u","pass":"` + password + `",` + options + `}`)
			c.want("of password "+password, want)
			c.closed("either way")
		}
	}
}

// Many come and go while helpers compare: nobody gets another's answer, and nothing is left.
func TestLoginsInAStormOfConnections(t *testing.T) {
	r := guarded(t, 4, config.Authorization{Users: []config.User{
		{Name: "a", Password: hashed(t, "pa"), Permissions: &config.Permissions{Publish: config.Subjects{Allow: []string{"a"}}}},
		{Name: "b", Password: hashed(t, "pb"), Permissions: &config.Permissions{Publish: config.Subjects{Allow: []string{"b"}}}},
	}})
	for round := range scale(3, 10, 100) {
		var all []*client
		for i := range 40 {
			name := string("ab"[i%2])
			c := r.raw(name)
			password := "p" + name
			if i%7 == 0 {
				password = "wrong"
			}
			c.send(as(name, password), pub("a", ""), pub("b", ""), "PING")
			if (i+round)%3 == 0 {
				c.reset()
				continue
			}
			all = append(all, c)
		}
		for _, c := range all {
			c.greeting()
			other := map[string]string{"a": "b", "b": "a"}[c.name]
			if f := c.next("an answer"); f.text == violation {
				continue
			} else if f.text != `-ERR 'Permissions Violation for Publish to "`+other+`"'` {
				t.Fatalf("%s: got %s, the answer for another", c.name, f)
			}
			c.pong("it is in")
			c.conn.Close()
		}
		for _, c := range all {
			c.conn.Close()
		}
	}
	wantNothingHeld(t, r.Broker)
}

var _ auth.Task = (*login)(nil)
