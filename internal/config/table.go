package config

import (
	"fmt"
	"math"
)

// A flag is one option of the command line under all its names.
type flag struct {
	names []string // short ones first; the last one is the one in messages
	value string   // what the help calls its value; empty: a boolean
	help  string   // one line, with the default
	set   func(*draft, string) error
}

// A group is flags that stand together in the help.
type group struct {
	title string
	flags []flag
}

// groups are all flags in the order of the help.
var groups = []group{
	{"Server Options", serverFlags},
	{"Authorization Options", authorizationFlags},
	{"Limits", limitFlags},
	{"Logging Options", loggingFlags},
	{"TLS Options", tlsFlags},
	{"Profiling Options", profilingFlags},
	{"Common Options", commonFlags},
}

var serverFlags = []flag{
	{[]string{"c", "config"}, "file", "Configuration file; flags win over it",
		func(d *draft, s string) error { d.ConfigFile = s; return nil }},
	{[]string{"t"}, "", "Test the configuration file and exit",
		func(d *draft, s string) (err error) { d.test, err = parseBool(s); return }},
	{[]string{"a", "net", "addr"}, "host", "Bind to host address (default: 0.0.0.0)", setHost},
	{[]string{"p", "port"}, "port", "Use port for clients, -1 for any (default: 4222)", setPort},
	{[]string{"listen"}, "host:port", "Further listener, repeatable; without -a, -p it replaces them", addListen},
	{[]string{"n", "name", "server_name"}, "name", "Server name (default: the server's id)",
		func(d *draft, s string) (err error) { d.ServerName, err = parseName(s); return }},
	{[]string{"client_advertise"}, "host[:port]", "Client address to advertise to other servers",
		func(d *draft, s string) (err error) { d.ClientAdvertise, err = parseAdvertise(s); return }},
	{[]string{"P", "pid"}, "file", "File to store PID",
		func(d *draft, s string) error { d.PidFile = s; return nil }},
	{[]string{"ports_file_dir"}, "dir", "Create <executable_name>_<pid>.ports in this directory",
		func(d *draft, s string) error { d.PortsFileDir = s; return nil }},
	{[]string{"sl", "signal"}, "command", "Send [=pid or pidfile] ldm stop quit term reopen or reload", setSignal},
	{[]string{"m", "http_port"}, "port", "Use port for http monitoring, -1 for any (default: off)",
		func(d *draft, s string) (err error) { d.HTTPPort, err = parsePort(s, 0); return }},
	{[]string{"loops"}, "number", "Event loops, at most 64, 0 for one a CPU (default: 0)", setLoops},
	{[]string{"pin"}, "auto|on|off", "Bind each loop to a CPU (default: auto)",
		func(d *draft, s string) error { return setChoice(&d.Pin, s) }},
	{[]string{"io_uring"}, "auto|on|off", "Write to many connections in one call (default: auto)",
		func(d *draft, s string) error { return setChoice(&d.IOUring, s) }},
}

var authorizationFlags = []flag{
	{[]string{"user"}, "user", "User required for connections; others are refused",
		func(d *draft, s string) error { return setSecret(&d.Authorization.User, s) }},
	{[]string{"pass"}, "password", "Password of the user, plain or bcrypt",
		func(d *draft, s string) error { return setSecret(&d.Authorization.Password, s) }},
	{[]string{"auth"}, "token", "Token required for connections, plain or bcrypt",
		func(d *draft, s string) error { return setSecret(&d.Authorization.Token, s) }},
}

var limitFlags = []flag{
	{[]string{"max_connections"}, "number", "Most connections, -1 for none (default: all descriptors)", setMaxConnections},
	{[]string{"max_payload"}, "size", "Largest payload of a message (default: 1MB)",
		func(d *draft, s string) error {
			n, err := parseSizeIn(s, 1, math.MaxInt32, DefaultMaxPayload)
			d.MaxPayload = int32(n)
			return err
		}},
	{[]string{"max_pending"}, "size", "Bytes waiting for a reader before it is cut (default: 64MB)",
		func(d *draft, s string) (err error) {
			d.MaxPending, err = parseSizeIn(s, 1, math.MaxInt64, DefaultMaxPending)
			return err
		}},
	{[]string{"max_pending_total"}, "size", "Bytes held for all of them together (default: 1/4 of memory)", setMaxPendingTotal},
	{[]string{"max_subscriptions"}, "number", "Most for a connection (default: unlimited)", setMaxSubscriptions},
	{[]string{"max_subscription_tokens"}, "number", "Most tokens of its subject, up to 255 (default: unlimited)", setMaxTokens},
	{[]string{"max_control_line"}, "size", "Longest protocol line without its payload (default: 4KB)",
		func(d *draft, s string) error {
			n, err := parseSizeIn(s, 1, math.MaxInt32, DefaultMaxControlLine)
			d.MaxControlLine = int32(n)
			return err
		}},
	{[]string{"write_deadline"}, "duration", "How long a full socket may take to empty (default: 10s)",
		func(d *draft, s string) (err error) {
			d.WriteDeadline, err = parseDuration(s, DefaultWriteDeadline)
			return err
		}},
	{[]string{"ping_interval"}, "duration", "How often a quiet connection is pinged (default: 2m)",
		func(d *draft, s string) (err error) {
			d.PingInterval, err = parseDuration(s, DefaultPingInterval)
			return err
		}},
	{[]string{"ping_max"}, "number", "Unanswered pings before a connection is stale (default: 2)",
		func(d *draft, s string) error {
			n, err := parseSizeIn(s, 1, math.MaxInt32, DefaultPingMax)
			d.PingMax = int(n)
			return err
		}},
	{[]string{"lame_duck_duration"}, "duration", "Over which SIGUSR2 sends clients away (default: 2m)", setLameDuckDuration},
	{[]string{"lame_duck_grace_period"}, "duration", "Before the first of them is closed (default: 10s)", setLameDuckGrace},
}

var loggingFlags = []flag{
	{[]string{"l", "log"}, "file", "File to redirect log output; SIGUSR1 opens it again",
		func(d *draft, s string) error { d.LogFile = s; return nil }},
	{[]string{"log_size_limit"}, "size", "Put the log file aside when it is larger (default: never)",
		func(d *draft, s string) (err error) {
			d.LogSizeLimit, err = parseSizeIn(s, 0, math.MaxInt64, 0)
			return
		}},
	{[]string{"log_max_num"}, "number", "Log files kept then, with the one in use (default: all)",
		func(d *draft, s string) error {
			n, err := parseSizeIn(s, 0, math.MaxInt32, 0)
			d.LogMaxNum = int(n)
			return err
		}},
	{[]string{"s", "syslog"}, "", "Log to syslog",
		func(d *draft, s string) (err error) { d.Syslog, err = parseBool(s); return }},
	{[]string{"r", "remote_syslog"}, "url", "Log to a syslog elsewhere: udp://localhost:514",
		func(d *draft, s string) (err error) { d.RemoteSyslog, err = parseText(s); return }},
	{[]string{"T", "logtime"}, "", "Timestamp log entries (default: true)",
		func(d *draft, s string) (err error) { d.Logtime, err = parseBool(s); return }},
	{[]string{"logtime_utc"}, "", "Timestamps in UTC instead of local timezone (default: false)",
		func(d *draft, s string) (err error) { d.LogtimeUTC, err = parseBool(s); return }},
	{[]string{"D", "debug"}, "", "Enable debugging output",
		func(d *draft, s string) (err error) { d.Debug, err = parseBool(s); return }},
	{[]string{"V", "trace"}, "", "Trace the raw protocol",
		func(d *draft, s string) (err error) { d.Trace, err = parseBool(s); return }},
	{[]string{"VV"}, "", "Verbose trace (traces system account as well)",
		func(d *draft, s string) (err error) { d.verboseTrace, err = parseChoice(s); return }},
	{[]string{"DV"}, "", "Debug and trace",
		func(d *draft, s string) (err error) { d.debugTrace, err = parseChoice(s); return }},
	{[]string{"DVV"}, "", "Debug and verbose trace (traces system account as well)",
		func(d *draft, s string) (err error) { d.debugVerboseTrace, err = parseChoice(s); return }},
	{[]string{"max_traced_msg_len"}, "len", "Longest part of a message traced (default: unlimited)",
		func(d *draft, s string) (err error) { d.MaxTracedMsgLen, err = parseInt(s); return }},
}

var profilingFlags = []flag{
	{[]string{"profile"}, "port", "Profiling HTTP port on 127.0.0.1, -1 for any (default: off)",
		func(d *draft, s string) (err error) { d.ProfilePort, err = parsePort(s, 0); return }},
}

var commonFlags = []flag{
	{[]string{"h", "help"}, "", "Show this message",
		func(d *draft, s string) (err error) { d.help, err = parseBool(s); return }},
	{[]string{"v", "version"}, "", "Show version",
		func(d *draft, s string) (err error) { d.version, err = parseBool(s); return }},
}

func setHost(d *draft, s string) (err error) {
	if d.Host, err = parseText(s); s == "" {
		d.Host = DefaultHost
	}
	d.bindGiven = true
	return err
}

func setPort(d *draft, s string) (err error) {
	d.Port, err = parsePort(s, DefaultPort)
	d.bindGiven = true
	return err
}

func addListen(d *draft, s string) error {
	if _, err := parseText(s); err != nil {
		return err
	}
	if _, _, err := splitAddress(s); err != nil {
		return err
	}
	d.Listen = append(d.Listen, s)
	return nil
}

func setLoops(d *draft, s string) error {
	n, err := parseInt(s)
	if err == nil && (n < 0 || n > LoopsMax) {
		err = fmt.Errorf("allowed is 1 to %d, or 0 for one a CPU", LoopsMax)
	}
	d.Loops = n
	return err
}

func setChoice(to *Choice, s string) error {
	switch c := Choice(s); c {
	case Auto, On, Off:
		*to = c
		return nil
	}
	return malformed("auto, on or off is wanted")
}

// setMaxConnections keeps nats-server's meaning: 0 is taken for -1, and with
// a negative number nobody may connect.
func setMaxConnections(d *draft, s string) error {
	n, err := parseSize(s)
	if err == nil && (n < -1 || n > math.MaxInt32) {
		return fmt.Errorf("allowed is 1 to %d, or -1 for none", math.MaxInt32)
	}
	if n == 0 {
		n = -1
	}
	d.MaxConnections = int(n)
	return err
}

// setMaxPendingTotal leaves 0 for the default, which depends on the machine.
func setMaxPendingTotal(d *draft, s string) (err error) {
	d.MaxPendingTotal, err = parseSizeIn(s, MaxPendingTotalMin, math.MaxInt, 0)
	return err
}

// setMaxSubscriptions keeps nats-server's meaning: 0 and -1 are no limit.
func setMaxSubscriptions(d *draft, s string) error {
	n, err := parseSize(s)
	if err == nil && (n < -1 || n > math.MaxInt32) {
		return fmt.Errorf("allowed is 1 to %d, or 0 for unlimited", math.MaxInt32)
	}
	d.MaxSubscriptions = int(max(n, 0))
	return err
}

func setLameDuckDuration(d *draft, s string) (err error) {
	d.LameDuckDuration, err = parseDuration(s, DefaultLameDuckDuration)
	if err == nil && d.LameDuckDuration < LameDuckDurationMin {
		return fmt.Errorf("allowed is %v or more", LameDuckDurationMin)
	}
	return err
}

func setLameDuckGrace(d *draft, s string) (err error) {
	d.LameDuckGracePeriod, err = parseDuration(s, DefaultLameDuckGracePeriod)
	return err
}

func setMaxTokens(d *draft, s string) error {
	n, err := parseSize(s)
	if err == nil && (n < 1 || n > math.MaxUint8) {
		return fmt.Errorf("allowed is 1 to %d", math.MaxUint8)
	}
	d.MaxSubscriptionTokens = int(n)
	return err
}
