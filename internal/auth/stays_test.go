package auth

import (
	"testing"

	"github.com/nats-io/nkeys"

	"gnatsd-ev/internal/config"
)

func publicKey(t *testing.T) string {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// Who stays under another configuration, and as whom.
func TestWhoStays(t *testing.T) {
	const open, shut = "open", "shut"
	key, other := publicKey(t), publicKey(t)
	list := func(users ...config.User) config.Authorization {
		return config.Authorization{Required: true, Users: users}
	}
	bob, ann := config.User{Name: "bob", Password: "pw"}, config.User{Name: "ann", Password: "pw"}
	hashed := config.User{Name: "bob", Password: "$2a$04$0123456789012345678901234567890123456789012345678901"}
	salted := config.User{Name: "bob", Password: "$2a$04$1123456789012345678901234567890123456789012345678901"}
	single := config.Authorization{User: "bob", Password: "pw"}
	token := config.Authorization{Token: "t"}
	nobodyIs := func(name string, c config.Authorization) config.Authorization { c.NoAuthUser = name; return c }
	ws := bob
	ws.ConnectionTypes = []string{"WEBSOCKET"}
	for _, c := range []struct {
		what      string
		old, next config.Authorization
		as        string // whom the client was taken for: a label, or empty for nobody
		want      string // whom it is, empty for nobody, or shut
	}{
		{"nothing changed", list(bob, ann), list(ann, bob), "user:bob", "user:bob"},
		{"removed", list(bob, ann), list(ann), "user:bob", shut},
		{"another password", list(bob), list(config.User{Name: "bob", Password: "pW"}), "user:bob", shut},
		{"the same hash", list(hashed), list(hashed), "user:bob", "user:bob"},
		{"another hash", list(hashed), list(salted), "user:bob", shut},
		{"a hash for a password", list(bob), list(hashed), "user:bob", shut},
		{"a password for a hash", list(hashed), list(config.User{Name: "bob", Password: hashed.Password[1:]}), "user:bob", shut},
		{"not for this kind of connection any more", list(bob), list(ws), "user:bob", shut},
		{"from the list to the only one", list(bob, ann), single, "user:bob", "user:bob"},
		{"somebody else is the only one", list(bob, ann), single, "user:ann", shut},
		{"from the only one to the list", single, list(bob), "user:bob", "user:bob"},
		{"the only one's password", single, config.Authorization{User: "bob", Password: "pW"}, "user:bob", shut},
		{"the same token", token, token, "token", "token"},
		{"another token", token, config.Authorization{Token: "T"}, "token", shut},
		{"a user for a token", token, config.Authorization{User: "t", Password: "t"}, "token", shut},
		{"a user's password is the token", list(config.User{Name: "t", Password: "t"}), token, "user:t", shut},
		{"a key", list(config.User{NKey: key}), list(config.User{NKey: key}), "nkey:" + key, "nkey:" + key},
		{"a key is gone", list(config.User{NKey: key}), list(config.User{NKey: other}), "nkey:" + key, shut},
		{"a password with the name of a key", list(config.User{Name: key, Password: "pw"}), list(config.User{NKey: key}), "user:" + key, shut},
		{"open to all", list(bob), config.Authorization{}, "user:bob", open},
		{"open as before", config.Authorization{}, config.Authorization{}, "", open},
		{"open no more", config.Authorization{}, list(bob), "", shut},
		{"open to who is taken for somebody", config.Authorization{}, nobodyIs("bob", list(bob)), "", "user:bob"},
		{"nobody can be somebody with a hash", config.Authorization{}, nobodyIs("bob", list(hashed)), "", shut},
		{"anybody may be bob", nobodyIs("bob", list(bob)), nobodyIs("bob", list(config.User{Name: "bob", Password: "pW"})), "user:bob", "user:bob"},
		{"bob is removed, who was anybody", nobodyIs("bob", list(bob, ann)), list(ann), "user:bob", shut},
	} {
		was, now := authority(t, c.old), authority(t, c.next)
		var u *User
		for _, all := range []map[string]*User{was.users, was.keys, {"": was.single}} {
			for _, known := range all {
				if known != nil && known.label == c.as {
					u = known
				}
			}
		}
		if (u == nil) != (c.as == "") {
			t.Fatalf("%s: there is no %q", c.what, c.as)
		}
		got, stays := now.Stays(u, Standard, nil)
		name := open
		switch {
		case !stays:
			name = shut
		case got != nil:
			name = got.label
		}
		if name != c.want {
			t.Errorf("%s: %s is %s, want %s", c.what, c.as, name, c.want)
		}
		if again, still := now.Stays(got, Standard, nil); stays && (!still || again != got) {
			t.Errorf("%s: who is judged twice is another", c.what)
		}
	}
}

// Rules that are written as before are the same ones; others are not, however little is different.
func TestUnchangedRulesAreKept(t *testing.T) {
	rules := func(c config.Permissions) config.Authorization {
		return config.Authorization{Users: []config.User{{Name: "bob", Password: "pw", Permissions: &c}}}
	}
	all := []config.Permissions{
		{},
		{Publish: config.Subjects{Allow: []string{}}},
		{Publish: config.Subjects{Allow: []string{"a", "b"}}},
		{Publish: config.Subjects{Allow: []string{"a\",\"b"}}},
		{Publish: config.Subjects{Allow: []string{"a"}, Deny: []string{"b"}}},
		{Subscribe: config.Subjects{Allow: []string{"a", "b"}}},
		{Subscribe: config.Subjects{Allow: []string{"a", "\xff"}}},
		{Subscribe: config.Subjects{Allow: []string{"a", "\xfe"}}},
		{Responses: &config.Responses{}},
		{Responses: &config.Responses{Max: 1}},
		{Responses: &config.Responses{Expires: 1}},
	}
	for i := range all {
		was := authority(t, rules(all[i]))
		for k := range all {
			now, err := was.Renew(rules(all[k]))
			if err != nil {
				t.Fatal(err)
			}
			before, after := was.users["bob"].rules, now.users["bob"].rules
			if (before == after) != (i == k) || i != k && before.id == after.id {
				t.Errorf("from %#v to %#v: kept %v, with the numbers %d and %d", all[i], all[k], before == after, before.id, after.id)
			}
			if was.users["bob"] == now.users["bob"] {
				t.Error("two authorities share a user")
			}
		}
	}
}
