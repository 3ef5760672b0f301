package config

import (
	"net"
	"strconv"
	"strings"
)

// A want is what a key wants as its value.
type want uint8

const (
	wantText want = iota
	wantNumber
	wantTruth
	wantDuration
	wantAddress
	wantChoice
)

func (w want) String() string {
	return [...]string{"text in quotes", "a whole number", "true or false", `a duration such as "10s"`, "a port or host:port", "auto, on or off"}[w]
}

// A key is an option of the configuration file. Where a flag sets the same, the file's value
// goes through the flag's function: both allow the same.
type key struct {
	names string // with blanks between; the first one is the one in config show
	flags string // what sets the same, by the last of its names, with blanks between
	want  want
	set   func(*draft, string) error // nil: as the first of flags does
	value func(*Options) any         // for config show; nil: it is shown under other names
}

// keys are the options at the top of the file that we honour, in the order of config show.
var keys = []key{
	{"listen", "", wantAddress, setListenKey, nil},
	{"host net", "addr", wantText, nil, func(o *Options) any { return o.Host }},
	{"port", "port", wantNumber, nil, func(o *Options) any { return o.Port }},
	{"server_name", "server_name", wantText, nil, func(o *Options) any { return o.ServerName }},
	{"client_advertise", "client_advertise", wantText, nil, func(o *Options) any { return o.ClientAdvertise }},
	{"pid_file pidfile", "pid", wantText, nil, func(o *Options) any { return o.PidFile }},
	{"ports_file_dir", "ports_file_dir", wantText, nil, func(o *Options) any { return o.PortsFileDir }},
	{"http", "http_port", wantAddress, setHTTPKey, func(o *Options) any { return o.httpAddress() }},
	{"http_port monitor_port", "http_port", wantNumber, nil, func(o *Options) any { return o.httpPort() }},
	{"prof_port", "profile", wantNumber, nil, func(o *Options) any { return o.ProfilePort }},

	{"max_connections max_conn", "max_connections", wantNumber, nil, func(o *Options) any { return chosen(o.MaxConnections, 0) }},
	{"max_payload", "max_payload", wantNumber, nil, func(o *Options) any { return o.MaxPayload }},
	{"max_pending", "max_pending", wantNumber, nil, func(o *Options) any { return o.MaxPending }},
	{"max_subscriptions max_subs", "max_subscriptions", wantNumber, nil, func(o *Options) any { return o.MaxSubscriptions }},
	{"max_subscription_tokens max_sub_tokens", "max_subscription_tokens", wantNumber, nil, func(o *Options) any { return chosen(o.MaxSubscriptionTokens, 0) }},
	{"max_control_line", "max_control_line", wantNumber, nil, func(o *Options) any { return o.MaxControlLine }},
	{"write_deadline", "write_deadline", wantDuration, nil, func(o *Options) any { return o.WriteDeadline }},
	{"ping_interval", "ping_interval", wantDuration, nil, func(o *Options) any { return o.PingInterval }},
	{"ping_max", "ping_max", wantNumber, nil, func(o *Options) any { return o.PingMax }},

	{"allow_non_tls", "", wantTruth, truth(func(t *TLS) *bool { return &t.AllowNonTLS }), func(o *Options) any { return o.TLS.AllowNonTLS }},

	{"lame_duck_duration", "lame_duck_duration", wantDuration, nil, func(o *Options) any { return o.LameDuckDuration }},
	{"lame_duck_grace_period", "lame_duck_grace_period", wantDuration, nil, func(o *Options) any { return o.LameDuckGracePeriod }},

	{"log_file logfile", "log", wantText, nil, func(o *Options) any { return o.LogFile }},
	{"log_size_limit logfile_size_limit", "log_size_limit", wantNumber, nil, func(o *Options) any { return o.LogSizeLimit }},
	{"log_max_num logfile_max_num", "log_max_num", wantNumber, nil, func(o *Options) any { return o.LogMaxNum }},
	{"syslog", "syslog", wantTruth, nil, func(o *Options) any { return o.Syslog }},
	{"remote_syslog", "remote_syslog", wantText, nil, func(o *Options) any { return o.RemoteSyslog }},
	{"logtime", "logtime", wantTruth, nil, func(o *Options) any { return o.Logtime }},
	{"logtime_utc", "logtime_utc", wantTruth, nil, func(o *Options) any { return o.LogtimeUTC }},
	{"debug", "debug DV DVV", wantTruth, nil, func(o *Options) any { return o.Debug }},
	{"trace", "trace VV DV DVV", wantTruth, nil, func(o *Options) any { return o.Trace }},
	{"trace_verbose", "VV DVV", wantTruth, setTraceVerboseKey, func(o *Options) any { return o.TraceVerbose }},
	{"max_traced_msg_len", "max_traced_msg_len", wantNumber, nil, func(o *Options) any { return o.MaxTracedMsgLen }},
}

// eventLoopKeys are the options nats-server does not have, in a block of their own.
var eventLoopKeys = []key{
	{"listen", "listen", wantAddress, nil, func(o *Options) any { return o.Listen }},
	{"loops", "loops", wantNumber, nil, func(o *Options) any { return o.Loops }},
	{"pin", "pin", wantChoice, nil, func(o *Options) any { return o.Pin }},
	{"io_uring", "io_uring", wantChoice, nil, func(o *Options) any { return o.IOUring }},
	{"max_pending_total", "max_pending_total", wantNumber, nil, func(o *Options) any { return chosen(o.MaxPendingTotal, 0) }},
}

// eventLoops is the name of that block.
const eventLoops = "event_loops"

// unsetValue is a value the program chooses when it starts.
type unsetValue struct{}

// chosen is a number, or unsetValue where it means that nobody has set it.
func chosen[N int | int64](n, none N) any {
	if n == none {
		return unsetValue{}
	}
	return n
}

// name is how an option is called where origins are kept: its first name, behind that of its
// block if it has one.
func (k key) name(block string) string {
	first, _, _ := strings.Cut(k.names, " ")
	if block != "" {
		return block + "." + first
	}
	return first
}

// setter is what the value goes through.
func (k key) setter() func(*draft, string) error {
	if k.set != nil {
		return k.set
	}
	first, _, _ := strings.Cut(k.flags, " ")
	return byName[first].set
}

// topFields are all keys a file may have at its top: those we honour, those we refuse, and
// those that have no effect here.
func (r *reader) topFields() []field {
	var all []field
	for _, k := range keys {
		all = append(all, field{k.names, func(e entry) { r.set(k, "", e) }})
	}
	all = append(all,
		field{eventLoops, r.eventLoops},
		field{tlsBlock, r.tls},
		field{"authorization", r.authorization},
		field{"no_auth_user", r.noAuthUser},
		field{accountsBlock, r.readAccounts},
		field{"system_account system", r.systemAccount},
		field{"no_system_account no_system no_sys_acc", r.noSystemAccount})
	for _, k := range refusedKeys {
		for name := range strings.FieldsSeq(k.names) {
			all = append(all, field{name, func(e entry) { r.refuse(k, e) }})
		}
	}
	for _, k := range idleKeys {
		all = append(all, field{k.names, func(e entry) { r.idle(k, e) }})
	}
	return all
}

// eventLoops reads the block of our own options.
func (r *reader) eventLoops(e entry) {
	var all []field
	for _, k := range eventLoopKeys {
		all = append(all, field{k.names, func(e entry) {
			if k.names != "listen" {
				r.set(k, eventLoops, e)
				return
			}
			for _, one := range r.list(e) {
				r.set(k, eventLoops, one)
			}
		}})
	}
	r.block(e, all)
}

// set puts a value into the draft and remembers where it came from.
func (r *reader) set(k key, block string, e entry) {
	s, ok := r.plain(e, k.want)
	if !ok {
		return
	}
	for _, name := range k.sets(block) {
		if o, given := r.draft.origins[name]; given && o.key != e.key {
			r.add(e.at, wrong, "%q sets what %q on line %d has set: keep one of them", e.key, o.key, o.at.line)
			return
		}
	}
	if err := k.setter()(r.draft, s); err != nil {
		r.add(e.at, wrong, "%s %q: %v", e.key, s, err)
		return
	}
	for _, name := range k.sets(block) {
		r.draft.came(name, origin{at: e.at, key: e.key})
	}
}

// sets are the names of the options that a key sets. nats-server takes whichever of listen,
// host and port its map of keys yields last; here they exclude one another.
func (k key) sets(block string) []string {
	switch name := k.name(block); name {
	case "listen":
		return []string{"host", "port"}
	case "http", "http_port":
		return []string{"http", "http_port"}
	default:
		return []string{name}
	}
}

// setListenKey takes host:port or a port alone, which leaves the host.
func setListenKey(d *draft, s string) error {
	host, port, err := splitListen(s)
	if err != nil {
		return err
	}
	if err := setHost(d, host); err != nil {
		return err
	}
	return setPort(d, port)
}

// setHTTPKey takes host:port for the monitor, or a port alone on the host of clients.
func setHTTPKey(d *draft, s string) error {
	host, port, err := splitListen(s)
	if err != nil {
		return err
	}
	if d.HTTPHost, err = parseText(host); err != nil {
		return err
	}
	d.HTTPPort, err = parsePort(port, 0)
	return err
}

// splitListen cuts host:port; without a colon it is a port.
func splitListen(s string) (host, port string, err error) {
	if !strings.Contains(s, ":") {
		return "", s, nil
	}
	if host, port, err = net.SplitHostPort(s); err != nil {
		return "", "", errNotAddress
	}
	n, err := strconv.Atoi(port) // always decimal, unlike in a flag
	if err != nil {
		return "", "", errNotAddress
	}
	return host, strconv.Itoa(n), nil
}

// setTraceVerboseKey traces as well, as in nats-server.
func setTraceVerboseKey(d *draft, s string) (err error) {
	d.TraceVerbose, err = parseBool(s)
	d.traceVerbose = d.TraceVerbose
	return err
}

// httpAddress is the monitor's address if it has a host of its own, for config show.
func (o *Options) httpAddress() any {
	if o.HTTPHost == "" {
		return nil
	}
	return net.JoinHostPort(o.HTTPHost, strconv.Itoa(o.HTTPPort))
}

// httpPort is the monitor's port if it has no host of its own, for config show.
func (o *Options) httpPort() any {
	if o.HTTPHost != "" {
		return nil
	}
	return o.HTTPPort
}
