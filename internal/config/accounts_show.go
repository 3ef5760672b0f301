package config

import (
	"fmt"
	"strings"
)

// showAccounts writes the accounts, each with its users.
func (o *Options) showAccounts(b *strings.Builder) {
	users := make(map[string][]int, len(o.Accounts))
	for i := range o.Authorization.Users {
		name := o.Authorization.Users[i].Account
		users[name] = append(users[name], i)
	}
	for i := range o.Accounts {
		a := &o.Accounts[i]
		fmt.Fprintf(b, "    %s { # %s\n", quote(a.Name), a.Origin)
		if a.NKey != "" {
			fmt.Fprintf(b, "        nkey: %s\n", quote(a.NKey))
		}
		if limits := a.Limits.show(); len(limits) > 0 {
			fmt.Fprintf(b, "        limits { %s }\n", strings.Join(limits, ", "))
		}
		o.Authorization.showUsers(b, users[a.Name], "        ")
		b.WriteString("    }\n")
	}
}

// show returns the limits there are.
func (l *AccountLimits) show() []string {
	var fields []string
	for _, one := range []struct {
		name string
		max  int
	}{{"max_connections", l.MaxConnections}, {"max_subscriptions", l.MaxSubscriptions}, {"max_payload", l.MaxPayload}, {"max_leafnodes", l.MaxLeafnodes}} {
		if one.max != NoLimit {
			fields = append(fields, fmt.Sprintf("%s: %d", one.name, one.max))
		}
	}
	return fields
}

// showSystem writes what was said about the system account.
func (s *Settings) showSystem(b *strings.Builder) {
	if s.Options.NoSystemAccount {
		fmt.Fprintf(b, "no_system_account: true # %v\n", s.origins["no_system_account"])
	}
	if name := s.Options.SystemAccount; name != "" {
		fmt.Fprintf(b, "system_account: %s # %v\n", quote(name), s.origins["system_account"])
	}
}
