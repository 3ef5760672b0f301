package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Reload. What a new reading of the configuration changes, and whether it may while the broker
// runs. Each option has a row; a test wants one for each field of Options.

// A row is one option, or some that change together.
type row struct {
	fields string // of Options, with blanks between
	name   string // how nats-server calls the option where it refuses; ours have the names of their keys
	value  func(*Options) any
	change change
	says   string // what the log says of a new value, with nats-server's words
}

// A change says whether an option may get another value.
type change uint8

const (
	fixed  change = iota // not before the next start
	silent               // it may, and nobody is told
	loud                 // it may, and the log says so
)

// rows are in the order in which nats-server tells of changes.
var rows = []row{
	{"ConfigFile", "ConfigFile", func(o *Options) any { return o.ConfigFile }, fixed, ""},
	{"ServerName", "ServerName", func(o *Options) any { return o.ServerName }, fixed, ""},
	{"Host", "Host", func(o *Options) any { return o.Host }, fixed, ""},
	{"Port", "Port", func(o *Options) any { return o.Port }, fixed, ""},
	{"ClientAdvertise", "ClientAdvertise", func(o *Options) any { return o.ClientAdvertise }, loud, "Reload: client_advertise = %s"},
	{"Trace", "Trace", func(o *Options) any { return o.Trace }, loud, "Reloaded: trace = %v"},
	{"Debug", "Debug", func(o *Options) any { return o.Debug }, loud, "Reloaded: debug = %v"},
	{"TraceVerbose", "TraceVerbose", func(o *Options) any { return o.TraceVerbose }, loud, "Reloaded: trace_verbose = %v"},
	{"Logtime", "Logtime", func(o *Options) any { return o.Logtime }, loud, "Reloaded: logtime = %v"},
	{"LogtimeUTC", "LogtimeUTC", func(o *Options) any { return o.LogtimeUTC }, loud, "Reloaded: logtime_utc = %v"},
	{"MaxConnections", "MaxConn", func(o *Options) any { return o.MaxConnections }, loud, "Reloaded: max_connections = %v"},
	{"MaxSubscriptions", "MaxSubs", func(o *Options) any { return o.MaxSubscriptions }, fixed, ""},
	{"MaxSubscriptionTokens", "MaxSubTokens", func(o *Options) any { return o.MaxSubscriptionTokens }, fixed, ""},
	{"Authorization.Users", "Nkeys", func(o *Options) any { return usersOf(o, true) }, loud, "Reloaded: authorization nkey users"},
	{"Authorization.Users", "Users", func(o *Options) any { return usersOf(o, false) }, loud, "Reloaded: authorization users"},
	{"Accounts", "Accounts", accountsOf, loud, "Reloaded: accounts"},
	{"Authorization.Nameless", "", func(o *Options) any { return o.Authorization.Nameless }, silent, ""},
	{"Authorization.NoAuthUser", "NoAuthUser", func(o *Options) any { return o.Authorization.NoAuthUser }, fixed, ""},
	{"SystemAccount", "SystemAccount", func(o *Options) any { return o.SystemAccount }, fixed, ""},
	{"NoSystemAccount", "NoSystemAccount", func(o *Options) any { return o.NoSystemAccount }, fixed, ""},
	{"Authorization.User", "Username", func(o *Options) any { return o.Authorization.User }, loud, "Reloaded: authorization username"},
	{"Authorization.Password", "Password", func(o *Options) any { return o.Authorization.Password }, loud, "Reloaded: authorization password"},
	{"Authorization.Token", "Authorization", func(o *Options) any { return o.Authorization.Token }, loud, "Reloaded: authorization token"},
	{"Authorization.Required", "", func(o *Options) any { return o.Authorization.Required }, silent, ""},
	{"PingInterval", "PingInterval", func(o *Options) any { return o.PingInterval }, loud, "Reloaded: ping_interval = %s"},
	{"PingMax", "MaxPingsOut", func(o *Options) any { return o.PingMax }, loud, "Reloaded: ping_max = %d"},
	{"HTTPHost", "HTTPHost", func(o *Options) any { return o.HTTPHost }, fixed, ""},
	{"HTTPPort", "HTTPPort", func(o *Options) any { return o.HTTPPort }, fixed, ""},
	{"Authorization.Timeout", "AuthTimeout", func(o *Options) any { return seconds(o.Authorization.Timeout) }, loud, "Reloaded: authorization timeout = %v"},
	{"MaxControlLine", "MaxControlLine", func(o *Options) any { return o.MaxControlLine }, loud, "Reloaded: max_control_line = %d"},
	{"MaxPayload", "MaxPayload", func(o *Options) any { return o.MaxPayload }, loud, "Reloaded: max_payload = %d"},
	{"MaxPending", "MaxPending", func(o *Options) any { return o.MaxPending }, fixed, ""},
	{"ProfilePort", "ProfPort", func(o *Options) any { return o.ProfilePort }, fixed, ""},
	{"PidFile", "PidFile", func(o *Options) any { return o.PidFile }, loud, "Reloaded: pid_file = %v"},
	{"PortsFileDir", "PortsFileDir", func(o *Options) any { return o.PortsFileDir }, loud, "Reloaded: ports_file_dir = %v"},
	{"LogFile", "LogFile", func(o *Options) any { return o.LogFile }, loud, "Reloaded: log_file = %v"},
	{"LogSizeLimit", "LogSizeLimit", func(o *Options) any { return o.LogSizeLimit }, fixed, ""},
	{"LogMaxNum", "LogMaxFiles", func(o *Options) any { return o.LogMaxNum }, fixed, ""},
	{"Syslog", "Syslog", func(o *Options) any { return o.Syslog }, loud, "Reloaded: syslog = %v"},
	{"RemoteSyslog", "RemoteSyslog", func(o *Options) any { return o.RemoteSyslog }, loud, "Reloaded: remote_syslog = %v"},
	{"TLS.Timeout", "TLSTimeout", func(o *Options) any { return seconds(o.TLS.Timeout) }, loud, "Reloaded: tls timeout = %v"},
	{"TLS.Map", "TLSMap", func(o *Options) any { return o.TLS.Map }, fixed, ""},
	{"TLS.CertFile TLS.KeyFile TLS.CAFile TLS.Certificates TLS.Verify TLS.MinVersion TLS.CipherSuites TLS.AllowInsecure TLS.Curves", "TLSConfig", papersOf, loud, ""},
	{"TLS.Pinned", "TLSPinnedCerts", func(o *Options) any { return slices.Sorted(slices.Values(o.TLS.Pinned)) }, loud, "Reloaded: %d pinned_certs"},
	{"TLS.RateLimit", "TLSRateLimit", func(o *Options) any { return o.TLS.RateLimit }, fixed, ""},
	{"TLS.First", "TLSHandshakeFirst", func(o *Options) any { return o.TLS.First }, loud, "Reloaded: Client TLS handshake first: %v"},
	{"TLS.FirstFallback", "TLSHandshakeFirstFallback", func(o *Options) any { return o.TLS.FirstFallback }, loud, "Reloaded: Client TLS handshake first fallback delay: %v"},
	{"TLS.AllowNonTLS", "AllowNonTLS", func(o *Options) any { return o.TLS.AllowNonTLS }, fixed, ""},
	{"WriteDeadline", "WriteDeadline", func(o *Options) any { return o.WriteDeadline }, loud, "Reloaded: write_deadline = %s"},
	{"LameDuckDuration", "LameDuckDuration", func(o *Options) any { return o.LameDuckDuration }, fixed, ""},
	{"LameDuckGracePeriod", "LameDuckGracePeriod", func(o *Options) any { return o.LameDuckGracePeriod }, fixed, ""},
	{"MaxTracedMsgLen", "MaxTracedMsgLen", func(o *Options) any { return o.MaxTracedMsgLen }, loud, "Reloaded: max_traced_msg_len = %d"},
	{"ConfigDigest", "", func(o *Options) any { return o.ConfigDigest }, silent, ""},
	{"Signal", "", func(*Options) any { return nil }, silent, ""},

	// Ours. The loops have these built in: their number and threads, how they write, and the shares of the
	// budget they bound one another with.
	{"Listen", eventLoops + ".listen", func(o *Options) any { return o.Listen }, fixed, ""},
	{"Loops", eventLoops + ".loops", func(o *Options) any { return o.Loops }, fixed, ""},
	{"Pin", eventLoops + ".pin", func(o *Options) any { return o.Pin }, fixed, ""},
	{"IOUring", eventLoops + ".io_uring", func(o *Options) any { return o.IOUring }, fixed, ""},
	{"MaxPendingTotal", eventLoops + ".max_pending_total", func(o *Options) any { return o.MaxPendingTotal }, fixed, ""},
}

// ChangesTo says, in nats-server's lines for the log, what is new in other options. The error is for the
// first one that cannot change while the broker runs, in nats-server's words. No secret is in either.
func (o *Options) ChangesTo(next *Options) (lines []string, err error) {
	for _, r := range rows {
		before, after := r.value(o), r.value(next)
		switch {
		case reflect.DeepEqual(before, after):
		case r.change == fixed && !next.forgets(r.name, before, after):
			return nil, fmt.Errorf("config reload not supported for %s: old=%v, new=%v", r.name, before, after)
		case r.change == loud:
			lines = append(lines, r.line(next, after))
		}
	}
	return lines, nil
}

// forgets reports whether the option is the user that clients without proof are, who is gone with its own entry.
// nats-server lets that pass, and no other change of it.
func (o *Options) forgets(name string, before, after any) bool {
	if name != "NoAuthUser" || after != "" {
		return false
	}
	for _, u := range o.Authorization.Users {
		if u.Name == before || u.NKey == before {
			return false
		}
	}
	return true
}

// line is what the log says.
func (r *row) line(o *Options, value any) string {
	switch {
	case r.name == "TLSConfig":
		return o.TLS.Reloaded()
	case r.name == "TLSPinnedCerts":
		return fmt.Sprintf(r.says, len(o.TLS.Pinned))
	case strings.Contains(r.says, "%"):
		return fmt.Sprintf(r.says, value)
	}
	return r.says
}

// Reloaded is what the log says of certificates that were read again.
func (t *TLS) Reloaded() string {
	if t.On() {
		return "Reloaded: tls = enabled"
	}
	return "Reloaded: tls = disabled"
}

// usersOf are the users with an nkey, or those without, by name; where they stand in the file does not matter.
func usersOf(o *Options, keys bool) any {
	all := map[string]User{}
	for _, u := range o.Authorization.Users {
		if (u.NKey != "") == keys {
			u.Origin = ""
			all[u.Name+u.NKey] = u
		}
	}
	return all
}

// accountsOf are the accounts by name, wherever they stand.
func accountsOf(o *Options) any {
	all := make(map[string]Account, len(o.Accounts))
	for _, a := range o.Accounts {
		a.Origin = ""
		all[a.Name] = a
	}
	return all
}

// papersOf are what makes the TLS of clients' connections, and what it agrees on.
func papersOf(o *Options) any {
	t := &o.TLS
	return TLS{CertFile: t.CertFile, KeyFile: t.KeyFile, CAFile: t.CAFile, Certificates: t.Certificates, Verify: t.Verify,
		MinVersion: t.MinVersion, CipherSuites: t.CipherSuites, AllowInsecure: t.AllowInsecure, Curves: t.Curves}
}

// seconds are how nats-server tells of timeouts.
func seconds(d time.Duration) any { return d.Seconds() }

// SameAuthorization reports whether others have the same users, who may do the same.
func (o *Options) SameAuthorization(other *Options) bool {
	for _, r := range rows {
		if strings.HasPrefix(r.fields, "Authorization.") && !reflect.DeepEqual(r.value(o), r.value(other)) {
			return false
		}
	}
	return true
}
