package conformance

// Every method by which nats.go can come in, in the clear and behind TLS.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"golang.org/x/crypto/bcrypt"
)

// A method is a configuration, a way in, and one that is nearly it and must not be.
type method struct {
	name, config string
	url, wrong   string // of the user in the URL, with an @ behind it; empty: none
	right, not   []nats.Option
}

func methods(t *testing.T) []method {
	hash, err := bcrypt.GenerateFromPassword([]byte("pw"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	key, public := userKey(t)
	users := fmt.Sprintf("authorization { users: [ { user: u, password: pw }, { user: hashed, password: %q }, { nkey: %s } ] }\n", hash, public)
	one := "authorization { user: u, password: pw }\n"
	token := "authorization { token: t0ken }\n"
	hashedToken := fmt.Sprintf("authorization { token: %q }\n", hash)
	with := func(o ...nats.Option) []nats.Option { return o }
	forged := nats.Nkey(public, func([]byte) ([]byte, error) { return key.Sign([]byte("something else")) })
	return []method{
		{name: "user and password", config: users, right: with(nats.UserInfo("u", "pw")), not: with(nats.UserInfo("u", "pW"))},
		{name: "user in the URL", config: users, url: "u:pw@", wrong: "u:x@"},
		{name: "hashed password", config: users, right: with(nats.UserInfo("hashed", "pw")), not: with(nats.UserInfo("hashed", string(hash)))},
		{name: "hashed, in the URL", config: users, url: "hashed:pw@", wrong: "hashed@"},
		{name: "handler", config: users, right: with(nats.UserInfoHandler(func() (string, string) { return "u", "pw" })), not: with(nats.UserInfoHandler(func() (string, string) { return "", "pw" }))},
		{name: "nkey", config: users, right: with(nats.Nkey(public, key.Sign)), not: with(forged)},
		{name: "one user", config: one, right: with(nats.UserInfo("u", "pw")), not: with(nats.UserInfo("v", "pw"))},
		{name: "one user in the URL", config: one, url: "u:pw@", wrong: "pw@"},
		{name: "token", config: token, right: with(nats.Token("t0ken")), not: with(nats.Token("t0keN"))},
		{name: "token in the URL", config: token, url: "t0ken@", wrong: "token@"},
		{name: "hashed token", config: hashedToken, right: with(nats.Token("pw")), not: with(nats.UserInfo("pw", "pw"))},
		{name: "nothing, as a user", config: users + "no_auth_user: u\n", not: with(nats.UserInfo("u", "x"))},
		{name: "nothing, as an nkey", config: users + "no_auth_user: " + public + "\n", not: with(nats.Token("x"))},
	}
}

func TestEveryMethodOfClients(t *testing.T) {
	v := vouch(t)
	block := fmt.Sprintf("tls { cert_file: %q, key_file: %q, timeout: 10 }\n", v.server.Cert, v.server.Key)
	for _, m := range methods(t) {
		for _, scheme := range []string{"nats", "tls"} {
			t.Run(m.name+" "+scheme, func(t *testing.T) {
				text, base := m.config, []nats.Option{nats.Timeout(wait)}
				if scheme == "tls" {
					text, base = text+block, append(base, nats.RootCAs(v.server.CA))
				}
				onEach(t, configOf(text), func(t *testing.T, s server) {
					dial := func(who string, options []nats.Option) (*nats.Conn, error) {
						return nats.Connect(scheme+"://"+who+s.Address(), append(base[:len(base):len(base)], options...)...)
					}
					nc, err := dial(m.url, m.right)
					if err != nil {
						t.Fatal(err)
					}
					defer nc.Close()
					sub := subscribe(t, nc, "own", "")
					publish(t, nc, "own", []byte("hi"))
					if got := next(t, sub); string(got.Data) != "hi" {
						t.Errorf("got %q", got.Data)
					}
					if _, err := nc.TLSConnectionState(); (err == nil) != (scheme == "tls") {
						t.Errorf("TLS: %v", err)
					}
					if stranger, err := dial(m.wrong, m.not); err == nil {
						stranger.Close()
						t.Error("who is nearly right came in")
					} else if !strings.Contains(strings.ToLower(err.Error()), "authorization violation") {
						t.Errorf("who is nearly right: %v", err)
					}
				})
			})
		}
	}
}
