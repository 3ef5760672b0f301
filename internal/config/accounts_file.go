package config

import (
	"math"

	"github.com/nats-io/nkeys"

	"gnatsd-ev/internal/proto"
)

// accountsBlock is the name of the block of accounts.
const accountsBlock = "accounts"

// refusedAccountKeys are what an account may have in nats-server and not here. Without its imports and exports it
// would be another account than was asked for.
var refusedAccountKeys = []refusedKey{
	{"exports imports", "exports and imports of accounts are not supported yet", "leave them out, or serve what accounts share from a nats-server hub"},
	{"mappings maps", "subject mappings are not supported yet", "leave it out, or map on a nats-server hub"},
	{"jetstream", "JetStream " + hubOnly, "it is served by the hub: run it on nats-server there"},
	{"msg_trace trace_dest", "tracing of messages is not supported yet", "leave it out"},
}

// readAccounts reads the block of that name, or a list of names.
func (r *reader) readAccounts(e entry) {
	r.accounts = make(map[string]bool)
	r.draft.came(accountsBlock, origin{at: e.at, key: e.key})
	switch v := e.value.(type) {
	case []any:
		for _, one := range r.list(e) {
			r.newAccount(r.text(one), one.at)
		}
	case map[string]any:
		for _, one := range r.entries(v, e.at) {
			if !one.variable { // else only its variables are meant
				r.account(one)
			}
		}
	default:
		r.mistyped(e, "a block in braces, or a list of names,")
	}
}

// newAccount enters an account without anything; false means that it was complained about.
func (r *reader) newAccount(name string, at place) bool {
	switch {
	case name == proto.GlobalAccount:
		r.add(at, wrong, "%q is a Reserved Account", name)
		return false
	case r.accounts[name]:
		r.add(at, wrong, "Duplicate Account Entry: %s", name)
		return false
	}
	r.accounts[name] = true
	r.draft.Accounts = append(r.draft.Accounts, Account{Name: name, Limits: NoLimits(), Origin: printable(at.short())})
	return true
}

// account reads one of the block. Its users wait until all of the file is read.
func (r *reader) account(e entry) {
	if _, ok := e.value.(map[string]any); !ok {
		r.add(e.at, wrong, "Expected map entries for accounts")
		return
	}
	if !r.newAccount(e.key, e.at) {
		return
	}
	a := &r.draft.Accounts[len(r.draft.Accounts)-1]
	var users []User
	var usersAt place
	var defaults *Permissions
	fields := []field{
		{"nkey", func(e entry) {
			if a.NKey = r.text(e); a.NKey != "" && !nkeys.IsValidPublicAccountKey(a.NKey) {
				r.add(e.at, wrong, "Not a valid public nkey for an account: %q", a.NKey)
			}
		}},
		{"users", func(e entry) { users, usersAt = r.readUsers(e), e.at }},
		{"default_permissions", func(e entry) { defaults = r.permissions(e) }},
		{"limits", func(e entry) { r.accountLimits(e, &a.Limits) }},
	}
	for _, k := range refusedAccountKeys {
		fields = append(fields, field{k.names, func(e entry) { r.refuse(k, e) }})
	}
	r.block(e, fields)
	for i := range users {
		users[i].Account = a.Name
		if users[i].Permissions == nil {
			users[i].Permissions = defaults
		}
	}
	if users != nil {
		r.tenants = append(r.tenants, tenants{usersAt, users})
	}
}

// tenants are the users of an account, and where their list stands.
type tenants struct {
	at    place
	users []User
}

// accountLimits reads what an account may take.
func (r *reader) accountLimits(e entry, l *AccountLimits) {
	read := func(to *int, least int64, otherwise string) func(entry) {
		return func(e entry) {
			n, ok := e.value.(int64)
			switch {
			case !ok:
				r.mistyped(e, wantNumber.String())
			case n != NoLimit && (n < least || n > math.MaxInt32):
				r.add(e.at, wrong, "%s %d: allowed is %d to %d, or -1 for no limit%s", e.key, n, least, math.MaxInt32, otherwise)
			default:
				*to = int(n)
			}
		}
	}
	r.block(e, []field{
		{"max_connections max_conn", read(&l.MaxConnections, 0, "")},
		{"max_subscriptions max_subs", read(&l.MaxSubscriptions, 1, "; with 0 nats-server closes every client")},
		{"max_payload max_pay", read(&l.MaxPayload, 1, "; with 0 nats-server takes no message but empty ones")},
		{"max_leafnodes max_leafs", func(e entry) {
			read(&l.MaxLeafnodes, 0, "")(e)
			if l.MaxLeafnodes != NoLimit {
				r.add(e.at, remarked, "%s has no effect: leafnode links are not supported yet", e.key)
			}
		}},
	})
}

// systemAccount reads which account is that of the system.
func (r *reader) systemAccount(e entry) {
	r.draft.SystemAccount = r.text(e)
	r.draft.came("system_account", origin{at: e.at, key: e.key})
}

// noSystemAccount reads whether there is none unless it is configured.
func (r *reader) noSystemAccount(e entry) {
	no, ok := e.value.(bool)
	if !ok {
		r.mistyped(e, wantTruth.String())
	}
	r.draft.NoSystemAccount = no
	r.draft.came("no_system_account", origin{at: e.at, key: e.key})
}

// finishAccounts checks what stands in different blocks, and gives accounts their users.
func (r *reader) finishAccounts() {
	a := &r.draft.Authorization
	for _, t := range r.tenants {
		switch {
		case a.User != "":
			r.add(t.at, wrong, "Can not have a single user/pass and accounts")
		case a.Token != "":
			r.add(t.at, wrong, "Can not have a token and accounts")
		}
		a.Users = append(a.Users, t.users...)
	}
	_, locked := r.draft.origins["authorization"]
	switch open := !locked && len(a.Users) == 0 && r.count(wrong) == 0; {
	case open && len(r.tenants) > 0:
		r.add(r.tenants[0].at, wrong, "accounts name no user: nats-server would let everybody in; leave the list out if that is meant")
	case open && len(r.draft.Accounts) > 0:
		r.add(r.draft.origins[accountsBlock].at, remarked, "accounts have no users: everybody comes in, into the global account")
	}
	system := r.draft.SystemAccount
	if r.count(wrong) == 0 && system != "" && system != proto.GlobalAccount && !r.accounts[system] {
		r.add(r.draft.origins["system_account"].at, wrong, "error resolving system account: account missing: there is no %q among accounts", system)
	}
	a.Nameless = !locked && a.NoAuthUser == "" && len(r.draft.Accounts) == 1 && r.draft.Accounts[0].Name == r.draft.System()
}
