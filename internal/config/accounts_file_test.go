package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestAccountsBlock(t *testing.T) {
	plain := func(name string) Account { return Account{Name: name, Limits: NoLimits()} }
	limited := func(l AccountLimits) []Account { return []Account{{Name: "A", Limits: l}} }
	in := func(account, name string, p *Permissions) User {
		return User{Name: name, Password: "p", Account: account, Permissions: p}
	}
	only := &Permissions{Publish: Subjects{Allow: []string{"x"}}}
	own := &Permissions{Subscribe: Subjects{Allow: []string{"y"}}}
	for text, want := range map[string]struct {
		accounts []Account
		users    []User
	}{
		"accounts: [A, B]":               {[]Account{plain("A"), plain("B")}, nil},
		"accounts { A {}, \"b c\": {} }": {[]Account{plain("A"), plain("b c")}, nil},
		"accounts { A { users: [{user: u, password: p}] }, B { users: [{user: v, password: p}] } }": {
			[]Account{plain("A"), plain("B")}, []User{in("A", "u", nil), in("B", "v", nil)}},
		"accounts { A { default_permissions { publish: x }, users: [{user: u, password: p}, {user: v, password: p, permissions { subscribe: y }}] } }": {
			[]Account{plain("A")}, []User{in("A", "u", only), in("A", "v", own)}},
		"default_permissions_of_nobody { publish: x }; accounts { A { users: [{user: u, password: p, permissions: $default_permissions_of_nobody}] } }": {
			[]Account{plain("A")}, []User{in("A", "u", only)}},
		"authorization { default_permissions { publish: x }, users: [{user: g, password: p}] }\naccounts { A { users: [{user: u, password: p}] } }": {
			[]Account{plain("A")}, []User{in("", "g", only), in("A", "u", nil)}},
		"accounts { common { publish: x }, A { users: [{user: u, password: p, permissions: $common}] } }": {
			[]Account{plain("A")}, []User{in("A", "u", only)}},
		"accounts { A { nkey: AA5WUJ54Z23KILLCUOUNAKTPBVZWKMQVO4O6EQ5GHLAERIMLLHNCS47C } }": {
			[]Account{{Name: "A", NKey: "AA5WUJ54Z23KILLCUOUNAKTPBVZWKMQVO4O6EQ5GHLAERIMLLHNCS47C", Limits: NoLimits()}}, nil},
		"accounts { A { limits { max_connections: 0, max_subscriptions: 1, max_payload: 1kb, max_leafnodes: 3 } } }": {limited(AccountLimits{0, 1, 1024, 3}), nil},
		"accounts { A { limits { max_conn: 5, max_subs: 6, max_pay: 7, max_leafs: 8 } } }":                           {limited(AccountLimits{5, 6, 7, 8}), nil},
		"accounts { A { limits { max_conn: -1, max_subs: -1, max_pay: -1 } } }":                                      {limited(NoLimits()), nil},
		"accounts { A { limits {}, jetstream: false } }":                                                             {limited(NoLimits()), nil},
	} {
		d, said := parsed(t, text)
		if said.count(wrong) > 0 {
			t.Errorf("%s: %s", text, said.text())
			continue
		}
		for i := range d.Accounts {
			d.Accounts[i].Origin = strings.TrimPrefix(d.Accounts[i].Origin, d.Accounts[i].Origin)
		}
		for i := range d.Authorization.Users {
			d.Authorization.Users[i].Origin = ""
		}
		if !reflect.DeepEqual(d.Accounts, want.accounts) {
			t.Errorf("%s:\n got %+v\nwant %+v", text, d.Accounts, want.accounts)
		}
		if !reflect.DeepEqual(d.Authorization.Users, want.users) {
			t.Errorf("%s:\n got %+v\nwant %+v", text, d.Authorization.Users, want.users)
		}
	}
}

func TestAccountsErrors(t *testing.T) {
	const one = "accounts { A { users: [{user: a, password: p}] } }\n"
	for text, want := range map[string]string{
		"accounts: 5":                                                     "accounts is a number, but a block in braces, or a list of names, is wanted",
		"accounts: [5 ]":                                                  "accounts is a number, but text in quotes is wanted",
		"accounts { A: 5 }":                                               "Expected map entries for accounts",
		"accounts { \"$G\": {} }":                                         `"$G" is a Reserved Account`,
		"accounts: [\"$G\"]":                                              `"$G" is a Reserved Account`,
		"accounts: [A, A]":                                                "Duplicate Account Entry: A",
		"accounts { A { users: [] } }":                                    "accounts name no user: nats-server would let everybody in",
		"accounts { A { usrs: [] } }":                                     `unknown field "usrs"; did you mean "users"?`,
		"accounts { A { nkey: foo } }":                                    `Not a valid public nkey for an account: "foo"`,
		"accounts { A { nkey: " + key1 + " } }":                           "Not a valid public nkey for an account",
		"accounts { A { limits: 5 } }":                                    "limits is a number, but a block in braces is wanted",
		"accounts { A { limits { max_con: 5 } } }":                        `unknown field "max_con"; did you mean "max_connections"?`,
		"accounts { A { limits { max_conn: x } } }":                       "max_conn is text, but a whole number is wanted",
		"accounts { A { limits { max_conn: -2 } } }":                      "max_conn -2: allowed is 0 to 2147483647, or -1 for no limit",
		"accounts { A { limits { max_subs: 0 } } }":                       "max_subs 0: allowed is 1 to 2147483647, or -1 for no limit; with 0 nats-server closes every client",
		"accounts { A { limits { max_payload: 4gb } } }":                  "max_payload 4294967296: allowed is 1 to 2147483647",
		"accounts { A { exports: [{stream: a}] } }":                       "exports: exports and imports of accounts are not supported yet; leave them out",
		"accounts { A { imports: [] } }":                                  "imports: exports and imports of accounts are not supported yet; leave them out",
		"accounts { A { mappings: {} } }":                                 "mappings: subject mappings are not supported yet",
		"accounts { A { jetstream: enabled } }":                           "jetstream: JetStream is not supported by an edge broker",
		"accounts { A { msg_trace: a } }":                                 "msg_trace: tracing of messages is not supported yet",
		one + "authorization { user: x, password: y }":                    "Can not have a single user/pass and accounts",
		one + "authorization { token: x }":                                "Can not have a token and accounts",
		one + "authorization { users: [{user: a, password: y}] }":         `Duplicate user "a" detected: it stands on line 1 as well`,
		"authorization { users: [{user: a, password: y}] }\n" + one:       `Duplicate user "a" detected: it stands on line 1 as well`,
		"accounts { A { users: [{user: a}] }, B { users: [{user: a}] } }": `Duplicate user "a" detected: it stands on line 1 as well`,
		"accounts { A { users: [{nkey: " + key1 + "}] }, B { users: [{nkey: " + key1 + "}] } }": `Duplicate nkey "` + key1 + `" detected`,
		"accounts { A { users: [{user: " + key1 + "}] }, B { users: [{nkey: " + key1 + "}] } }": `Duplicate nkey "` + key1 + `" detected`,
		one + "no_auth_user: b":    `no_auth_user: "b" not present as user or nkey in authorization block or account configuration`,
		one + "system_account: X":  `error resolving system account: account missing: there is no "X" among accounts`,
		"system_account: \"$SYS\"": `error resolving system account: account missing: there is no "$SYS" among accounts`,
		"system_account: 5":        "system_account is a number, but text in quotes is wanted",
		"no_system: 5":             "no_system is a number, but true or false is wanted",
	} {
		_, said := parsed(t, text)
		if got := said.text(); said.count(wrong) != 1 || !strings.Contains(got, want) || !strings.Contains(got, "test.conf:") {
			t.Errorf("%s:\n got %swant one line with %s", text, got, want)
		}
	}
}

// All mistakes are told at once.
func TestAccountsErrorsTogether(t *testing.T) {
	_, said := parsed(t, `accounts {
  A { users: [{user: a, pass: p}], imports: [] }
  B { users: [{user: a, pass: p}], limits { max_conn: x } }
  "$G" {}
}
authorization { users: [{user: a, pass: p}] }
`)
	if said.count(wrong) != 5 {
		t.Errorf("%d errors, want 5:\n%s", said.count(wrong), said.text())
	}
}

// Nobody comes in without proof because of accounts alone, but where the only one that has users is the system's, and
// nothing says that proof is wanted.
func TestNameless(t *testing.T) {
	const system = `accounts { "$SYS" { users: [{user: s, password: p}] } }` + "\n"
	for text, want := range map[string]bool{
		system: true,
		`system_account: S, accounts: { S: { users: [{user: s, password: p}] } }`: true,
		system + "authorization { timeout: 5 }":                                   false, // CVE-2023-47090
		system + "authorization { users: [{user: a, password: p}] }":              false,
		system + "no_auth_user: s":                                                false,
		`accounts { "$SYS" { users: [{user: s, password: p}] }, A {} }`:           false,
		`accounts { A { users: [{user: s, password: p}] } }`:                      false,
		"port: 1": false,
	} {
		d, said := parsed(t, text)
		if said.count(wrong) > 0 {
			t.Errorf("%s: %s", text, said.text())
		} else if d.Authorization.Nameless != want {
			t.Errorf("%s: nameless clients come in: %v, want %v", text, !want, want)
		}
	}
}

func TestSystemAccount(t *testing.T) {
	for text, want := range map[string]string{
		"port: 1":                           "$SYS",
		"no_system_account: true":           "",
		"no_sys_acc: false":                 "$SYS",
		"system: A; accounts: [A]":          "A",
		`accounts: ["$SYS"]; no_system: on`: "$SYS",
		"system_account: A; accounts: [A]; no_system_account: true": "A",
	} {
		d, said := parsed(t, text)
		if got := d.System(); said.count(wrong) > 0 || got != want {
			t.Errorf("%s: the system account is %q, want %q\n%s", text, got, want, said.text())
		}
	}
}

// Accounts are shown so that they read back; passwords are not.
func TestShowAccounts(t *testing.T) {
	before, said := parsed(t, `accounts {
  A { users: [{ user: "a", password: "c4n4ry", permissions: { publish: ["x"] } }, { nkey: `+key1+` }], limits { max_connections: 5, max_payload: 6 } }
  "b c" { users: [{ user: "b", password: "c4n4ry" }], nkey: AA5WUJ54Z23KILLCUOUNAKTPBVZWKMQVO4O6EQ5GHLAERIMLLHNCS47C }
  C {}
}
authorization { users: [{ user: "g", password: "c4n4ry" }] }
system_account: C
no_system_account: true
`)
	if said.count(wrong) > 0 {
		t.Fatal(said.text())
	}
	s := &Settings{Options: before.Options, origins: before.origins}
	shown := s.Show()
	if strings.Contains(shown, canary) {
		t.Errorf("a password is shown:\n%s", shown)
	}
	after, said := parsed(t, shown)
	if said.count(wrong) > 0 {
		t.Fatalf("%s\n%s", shown, said.text())
	}
	for _, o := range []*Options{before.Options, after.Options} {
		for i := range o.Accounts {
			o.Accounts[i].Origin = ""
		}
	}
	if got, want := after.Accounts, before.Accounts; !reflect.DeepEqual(got, want) {
		t.Errorf("%s\n got %+v\nwant %+v", shown, got, want)
	}
	if after.System() != "C" || !after.NoSystemAccount {
		t.Errorf("%s\nthe system account is %q", shown, after.System())
	}
	accounts := map[string]string{}
	for _, u := range after.Authorization.Users {
		accounts[u.Name+u.NKey] = u.Account
	}
	if want := map[string]string{"a": "A", key1: "A", "b": "b c", "g": ""}; !reflect.DeepEqual(accounts, want) {
		t.Errorf("%s\nusers live in %v, want %v", shown, accounts, want)
	}
}
