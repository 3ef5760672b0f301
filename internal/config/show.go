package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Show returns the options in force in the syntax of the file, each with where it comes
// from. Secrets are hidden, so the file it makes is no substitute for the one it shows.
func (s *Settings) Show() string {
	var b strings.Builder
	s.showKeys(&b, "", keys)
	fmt.Fprintf(&b, "%s {\n", eventLoops)
	s.showKeys(&b, eventLoops, eventLoopKeys)
	b.WriteString("}\n")
	if s.Options.TLS.On() {
		fmt.Fprintf(&b, "%s {\n", tlsBlock)
		s.showKeys(&b, tlsBlock, tlsKeys)
		b.WriteString("}\n")
	}
	if a := &s.Options.Authorization; a.Required {
		fmt.Fprintf(&b, "authorization { # %v\n", s.origins["authorization"])
		a.show(&b)
		b.WriteString("}\n")
	}
	if name := s.Options.Authorization.NoAuthUser; name != "" {
		fmt.Fprintf(&b, "no_auth_user: %s # %v\n", quote(name), s.origins["no_auth_user"])
	}
	if o := s.Options; len(o.Accounts) > 0 {
		fmt.Fprintf(&b, "%s { # %v\n", accountsBlock, s.origins[accountsBlock])
		o.showAccounts(&b)
		b.WriteString("}\n")
	}
	s.showSystem(&b)
	return b.String()
}

// showKeys writes the options of one block.
func (s *Settings) showKeys(b *strings.Builder, block string, all []key) {
	for _, k := range all {
		if k.value == nil {
			continue
		}
		value := k.value(s.Options)
		if value == nil {
			continue
		}
		name, _, _ := strings.Cut(k.names, " ")
		line := fmt.Sprintf("%s: %s", name, written(value))
		if value == (any)(unsetValue{}) {
			line = "# " + name + ": none is set"
		}
		if block != "" {
			line = "    " + line
		}
		fmt.Fprintf(b, "%-48s # %v\n", line, s.origins[k.name(block)])
	}
}

// written is a value in the syntax of the file.
func written(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case []string:
		return quoteAll(v)
	case []CertificateFiles:
		var pairs []string
		for _, f := range v {
			pairs = append(pairs, fmt.Sprintf("{ cert_file: %s, key_file: %s }", quote(f.CertFile), quote(f.KeyFile)))
		}
		return "[" + strings.Join(pairs, ", ") + "]"
	case time.Duration:
		return quote(v.String())
	}
	return fmt.Sprint(v)
}

// show writes the block without its braces.
func (a *Authorization) show(b *strings.Builder) {
	if a.User != "" {
		fmt.Fprintf(b, "    user: %s\n    password: %s\n", quote(a.User), quote(redacted))
	}
	if a.Token != "" {
		fmt.Fprintf(b, "    token: %s\n", quote(redacted))
	}
	if a.Timeout != 0 {
		fmt.Fprintf(b, "    timeout: %s\n", quote(a.Timeout.String()))
	}
	var own []int
	for i := range a.Users {
		if a.Users[i].Account == "" {
			own = append(own, i)
		}
	}
	a.showUsers(b, own, "    ")
}

// showUsers writes a list of some of the users.
func (a *Authorization) showUsers(b *strings.Builder, which []int, indent string) {
	if len(which) == 0 {
		return
	}
	b.WriteString(indent + "users: [\n")
	for _, i := range which {
		u := &a.Users[i]
		fmt.Fprintf(b, "%s    { %s } # %s\n", indent, strings.Join(u.show(), ", "), u.Origin)
	}
	b.WriteString(indent + "]\n")
}

// show returns the fields of a user.
func (u *User) show() []string {
	fields := []string{"user: " + quote(u.Name)}
	if u.NKey != "" {
		fields = []string{"nkey: " + quote(u.NKey)}
	} else if u.Password != "" {
		fields = append(fields, "password: "+quote(redacted))
	}
	if len(u.ConnectionTypes) > 0 {
		fields = append(fields, "allowed_connection_types: "+quoteAll(u.ConnectionTypes))
	}
	if p := u.Permissions; p != nil {
		fields = append(fields, "permissions: { "+strings.Join(p.show(), ", ")+" }")
	}
	return fields
}

// show returns the fields of the permissions.
func (p *Permissions) show() []string {
	var fields []string
	if s := p.Publish.show(); s != "" {
		fields = append(fields, "publish: "+s)
	}
	if s := p.Subscribe.show(); s != "" {
		fields = append(fields, "subscribe: "+s)
	}
	if r := p.Responses; r != nil {
		fields = append(fields, fmt.Sprintf("allow_responses: { max: %d, expires: %s }", r.Max, quote(r.Expires.String())))
	}
	return fields
}

// show returns the block of what is allowed and denied; nothing if nothing is said. That nothing is
// allowed follows from allow_responses, and cannot be written.
func (s *Subjects) show() string {
	var fields []string
	if len(s.Allow) > 0 {
		fields = append(fields, "allow: "+quoteAll(s.Allow))
	}
	if len(s.Deny) > 0 {
		fields = append(fields, "deny: "+quoteAll(s.Deny))
	}
	if len(fields) == 0 {
		return ""
	}
	return "{ " + strings.Join(fields, ", ") + " }"
}

// quote writes a text so that the file's language reads it back.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(rune(c)))
		case c < ' ' || c == 0x7f:
			b.WriteString(`\x` + strconv.FormatUint(uint64(c)|0x100, 16)[1:])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
