package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// key1 is somebody's public key.
const key1 = "UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX"

func TestAuthorizationBlock(t *testing.T) {
	users := func(users ...User) Authorization { return Authorization{Required: true, Users: users} }
	allowed := func(p Permissions) Authorization { return users(User{Name: "a", Password: "b", Permissions: &p}) }
	for text, want := range map[string]Authorization{
		"user: a, pass: b":                     {Required: true, User: "a", Password: "b"},
		"username: a; password: b":             {Required: true, User: "a", Password: "b"},
		"user: a":                              {Required: true, User: "a"},
		"user: a, pass: $2a$11$abc":            {Required: true, User: "a", Password: "$2a$11$abc"},
		"user: a, pass: '$2b$11$abc'":          {Required: true, User: "a", Password: "$2b$11$abc"},
		"token: t, timeout: 0.5":               {Required: true, Token: "t", Timeout: 500 * time.Millisecond},
		"token: t, timeout: 3":                 {Required: true, Token: "t", Timeout: 3 * time.Second},
		"token: t, timeout: '1m'":              {Required: true, Token: "t", Timeout: time.Minute},
		"token: t, timeout: 0":                 {Required: true, Token: "t"},
		"token: t, proxy_required: false":      {Required: true, Token: "t"},
		"users: [{user: a, password: b}]":      users(User{Name: "a", Password: "b"}),
		"users: [{nkey: " + key1 + "}]":        users(User{NKey: key1}),
		"pw: b; users: [{user: a, pass: $pw}]": users(User{Name: "a", Password: "b"}),
		"users: [{user: a, password: b, allowed_connection_types: [standard, WEBSOCKET, Standard]}]": users(
			User{Name: "a", Password: "b", ConnectionTypes: []string{"STANDARD", "WEBSOCKET"}}),
		"users: [{user: a, password: b, clients: mqtt}]":   users(User{Name: "a", Password: "b", ConnectionTypes: []string{"MQTT"}}),
		"users: [{user: a, password: b, permissions: {}}]": allowed(Permissions{}),
		"users: [{user: a, password: b, permissions: {publish: 'x', subscribe: ['y', 'z q']}}]": allowed(Permissions{
			Publish: Subjects{Allow: []string{"x"}}, Subscribe: Subjects{Allow: []string{"y", "z q"}}}),
		"users: [{user: a, password: b, permission: {pub: {allow: 'x', deny: ['y']}, sub: {deny: 'z.>   q.*'}}}]": allowed(Permissions{
			Publish: Subjects{Allow: []string{"x"}, Deny: []string{"y"}}, Subscribe: Subjects{Deny: []string{"z.> q.*"}}}),
		"users: [{user: a, password: b, authorization: {import: x, export: {deny: []}}}]": allowed(Permissions{Publish: Subjects{Allow: []string{"x"}}}),
		"users: [{user: a, password: b, permissions: {allow_responses: true}}]": allowed(Permissions{
			Publish: Subjects{Allow: []string{}}, Responses: &Responses{1, 2 * time.Minute}}),
		"users: [{user: a, password: b, permissions: {allow_responses: true, publish: {deny: x}}}]": allowed(Permissions{
			Publish: Subjects{Allow: []string{}, Deny: []string{"x"}}, Responses: &Responses{1, 2 * time.Minute}}),
		"users: [{user: a, password: b, permissions: {publish: x, publish_allow_responses: {max: 5, expires: '1m'}}}]": allowed(Permissions{
			Publish: Subjects{Allow: []string{"x"}}, Responses: &Responses{5, time.Minute}}),
		"users: [{user: a, password: b, permissions: {allow_responses: {max_msgs: -5, ttl: '-1s'}}}]": allowed(Permissions{
			Publish: Subjects{Allow: []string{}}, Responses: &Responses{-1, -time.Second}}),
		"users: [{user: a, password: b, permissions: {allow_responses: {max_responses: 0, expiration: '0s'}}}]": allowed(Permissions{
			Publish: Subjects{Allow: []string{}}, Responses: &Responses{1, 2 * time.Minute}}),
		"users: [{user: a, password: b, permissions: {allow_responses: false}}]": allowed(Permissions{}),
		"p { pub: x }; default_permissions: $p; users: [{user: a, password: b}, {user: c, password: d, permissions: {sub: y}}]": users(
			User{Name: "a", Password: "b", Permissions: &Permissions{Publish: Subjects{Allow: []string{"x"}}}},
			User{Name: "c", Password: "d", Permissions: &Permissions{Subscribe: Subjects{Allow: []string{"y"}}}}),
	} {
		d, said := parsed(t, "authorization {"+text+"}")
		if said.count(wrong) > 0 {
			t.Errorf("%s: %s", text, said.text())
			continue
		}
		for i, u := range d.Authorization.Users {
			if !strings.HasSuffix(u.Origin, "test.conf:1") {
				t.Errorf("%s: the origin is %q", text, u.Origin)
			}
			d.Authorization.Users[i].Origin = ""
		}
		if !reflect.DeepEqual(d.Authorization, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", text, d.Authorization, want)
		}
	}
}

func TestAuthorizationErrors(t *testing.T) {
	in := func(permissions string) string {
		return "authorization { users: [{user: a, password: b, permissions: {" + permissions + "}}] }"
	}
	for text, want := range map[string]string{
		"authorization: 5": "authorization is a number, but a block in braces is wanted",
		"authorization { user: a, pass: b, token: c }":                          "Cannot have a user/pass and token",
		"authorization { pass: b, token: c }":                                   "Cannot have a user/pass and token",
		"authorization { user: a, users: [] }":                                  "Can not have a single user/pass and a users array",
		"authorization { token: a, users: [] }":                                 "Can not have a token and a users array",
		"authorization { users: [] }":                                           "authorization names no user and no token",
		"authorization { pass: b }":                                             "authorization names no user and no token",
		"authorization { timeout: 5 }":                                          "authorization names no user and no token",
		"authorization { token: 5 }":                                            "token is a number, but text in quotes is wanted",
		"authorization { token: a, timeout: -1 }":                               "timeout -1: allowed is more than 0",
		"authorization { token: a, timeout: soon }":                             `timeout "soon": a duration`,
		"authorization { token: a, timeout: yes }":                              "timeout is true or false, but a duration",
		"authorization { token: a, timeout: 1e }":                               "the duration is too long",
		"authorization { token: a, proxy_required: true }":                      "proxy_required: proxies are not supported yet; leave it out",
		"authorization { token: a, default_permissions { publish: a } }":        "permissions of a single user or token have no effect",
		"authorization { users: {user: a} }":                                    "users is a block, but a list in brackets is wanted",
		"authorization { users: [a, b] }":                                       "a user is text, but a block in braces is wanted",
		"authorization { users: [{password: b}] }":                              "User entry requires a user",
		"authorization { users: [{user: a, password: b}, {user: a}] }":          `Duplicate user "a" detected`,
		"authorization { users: [{nkey: " + key1 + "}, {nkey: " + key1 + "}] }": `Duplicate nkey "UC6N`,
		"authorization { users: [{nkey: " + key1 + ", pass: b}] }":              "Nkey users do not take usernames or passwords",
		"authorization { users: [{nkey: X" + key1[1:] + "}] }":                  "Not a valid public nkey for a user",
		"authorization { users: [{user: a, password: b, clients: [x]}] }":       `unknown connection type "X": known are STANDARD`,
		"authorization { users: [{user: a, password: b, clients: []}] }":        "clients is an empty list, which means all types in nats-server",
		"authorization { users: [{user: a, account: b}] }":                      `unknown field "account"`,
		in("publish: 'a..b'"):                                                   `subject "a..b" is not a valid subject`,
		in("publish: 'a q'"):                                                    `subject "a q" is not a valid subject`,
		in("subscribe: 'a b c'"):                                                `subject "a b c" is not a valid subject`,
		in("subscribe: {deny: ['.a q']}"):                                       `subject ".a" is not a valid subject`,
		in("subscribe: {deny: ['a q.']}"):                                       `queue "q." is not a valid queue`,
		in("publish: {allow: []}"):                                              "allow is an empty list, which means that everything is allowed in nats-server",
		in("publish: []"):                                                       "publish is an empty list, which means",
		in("publish: 5"):                                                        "publish is a number, but a subject or a list of subjects is wanted",
		in("publish: {allows: a}"):                                              `unknown field "allows"; did you mean "allow"?`,
		in("allow_responses: 5"):                                                "allow_responses is a number, but true, false or a block with max and expires is wanted",
		in("allow_responses: {max: a}"):                                         "max is text, but a whole number is wanted",
		in("allow_responses: {max: 9g}"):                                        "max 9000000000: allowed is",
		in("allow_responses: {ttl: 5}"):                                         "ttl is a number, but a duration",
		in("allow_responses: {ttl: x}"):                                         `ttl "x": a duration`,
		"no_auth_user: a\nauthorization { user: a }":                            `no_auth_user: "a" present, but users/nkeys are not defined`,
		"no_auth_user: b\nauthorization { users: [{user: a}] }":                 `no_auth_user: "b" not present as user or nkey in authorization block or account configuration`,
		"authorization { users: [{user: a}] }; no_auth_user: true":              "no_auth_user is true or false, but text in quotes is wanted",
		"authorization { token: a, auth_callout { issuer: a } }":                "auth_callout: an external service for authentication is not supported yet; leave it out and list users",
	} {
		_, said := parsed(t, text)
		if got := said.text(); said.count(wrong) == 0 || !strings.Contains(got, ": "+want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestAuthorizationRemarks(t *testing.T) {
	for text, want := range map[string]string{
		"authorization { user: a, pass: b }":                          "note: Plaintext passwords detected, use nkeys or bcrypt",
		"authorization { token: b }":                                  "note: Plaintext passwords detected, use nkeys or bcrypt",
		"authorization { users: [{user: a, password: b}] }":           "note: Plaintext passwords detected, use nkeys or bcrypt",
		"authorization { users: [{user: a}] }":                        `note: user "a" has no password: who knows the name may come in`,
		"authorization { user: a, pass: $2a$11$abc }":                 "",
		"authorization { users: [{nkey: " + key1 + "}] }":             "",
		"authorization { user: a, pass: $2a$11$abc, timeout: 2m }":    `warning: invalid use of field "timeout": timeout of 2000000 (2000000.000000 seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example`,
		"authorization { user: a, pass: $2a$11$abc, timeout: '2m' }":  `warning: invalid use of field "timeout": timeout of 2m (120.000000 seconds) is high`,
		"authorization { user: a, pass: $2a$11$abc, timeout: '60s' }": "",
	} {
		_, said := parsed(t, text)
		if got := strings.Join(said.lines(), "\n"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// canary is a secret that must never be shown.
const canary = "c4n4ry"

// TestCanary puts a secret wherever there may be one, into files with all kinds of mistakes.
func TestCanary(t *testing.T) {
	for _, text := range []string{
		"authorization { user: a, password: C }", "authorization { token: 'C' }", "authorization { users: [{user: a, pass: \"C\"}, {usr: b}] }",
		"authorization { user: a, password: C, x: 1 }", "authorization {\n password: (\n C\n )\n user: 5 }", "authorization { password: C",
		"authorization { user: a, password: C D }", "authorization { user: a password: C }", "authorization { user: a, pasword: C }", "authorization { user: a, pwd: C }",
		"authorization { user: a, password: 'C, b: 1 }", "authorization { user: a, \"password\": \"C\", b: 1 }", "authorization { users: {user: a, password: C} }",
		"pw: C\nauthorization { user: a, password: $pw, b: 1 }", "pw: C; authorization { user: a, password: $pw, b: 1 }", "pw: 'C' 5\nauthorization { password: $pw }",
		"authorization { user: a, password: $C }", "authorization { user: a, password: $2b$11$CCCC }", "authorization { users: [{nkey: C, password: C}] }",
		"authorization { user: C, password: C }; prt: 1", "leafnodes { remotes: [{url: 'nats://u:C@h:1'}] }", "cluster { routes: [ nats://u:C@h:1 ] }",
		"jetstream { key: C }", "jetstream { encryption_key: 'C', x", "websocket { token: C }", "accounts { A { users: [{user: a, password: C}] } }",
		"tls { C: 1 }\nmqtt { authorization { password: C } }", "authorization { user: a, password: [C] }", "authorization { user: a, password: {a: 'C'} }",
		"resolver_preload { A: x }\nauthorization { token: C }", "authorization: { user: a, token: C, pass: C }\nno_auth_user: z",
		"authorization { user: a, password: \"C\\x41\", b: 1 }", "authorization { user: a, password =C; b: 1 }", "authorization{user:a,password:C,b:1}",
		"tls { cert_file: x, key_file: \"-----BEGIN PRIVATE KEY-----\nCAAA\n-----END PRIVATE KEY-----\" }", "tls { key_file: \"-----BEGIN RSA PRIVATE KEY----- C\", x: 1 }",
		"tls {\n key_file: (\n-----BEGIN PRIVATE KEY-----\nC\n-----END PRIVATE KEY-----\n)\n}",
		"mistyped: C", "PASSWORD: C", "max_payload: 1 ; authorization { TOKEN = C ; y }",
	} {
		text = strings.ReplaceAll(text, "C", canary)
		name := writtenTo(t, text)
		for _, args := range [][]string{{"-t"}, {"config", "show"}, {"-p", "5"}} {
			s, err := Read(append(args, "-c", name))
			shown := ""
			if err != nil {
				shown = err.Error()
			} else {
				shown = s.Report + s.Show() + strings.Join(s.Remarks, "\n")
			}
			if strings.Contains(shown, canary) && !strings.Contains(text, "user: "+canary) && !strings.Contains(text, "{ "+canary) {
				t.Errorf("%s: %s shows the secret:\n%s", text, args, shown)
			}
		}
	}
	// Where an error has positions beyond this reader, in numbers.
	_, err := Read([]string{"-c", writtenTo(t, "authorization { token: 99999999999999999999 }")})
	if err == nil || strings.Contains(err.Error(), "9999") {
		t.Error(err)
	}
}
