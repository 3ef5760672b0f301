package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// writtenTo puts a configuration into a file and returns its name.
func writtenTo(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "test.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// parsed reads a configuration without asking whether the broker can do what it says.
func parsed(t testing.TB, text string) (*draft, *complaints) {
	t.Helper()
	d, said := newDraft(), new(complaints)
	if err := (&reader{complaints: said, draft: d}).readFile(writtenTo(t, text)); err != nil {
		t.Fatal(err)
	}
	return d, said
}

// TestComplaints compares all that is said about bad files with what was said when somebody
// last read it: go test ./internal/config -update writes it anew.
func TestComplaints(t *testing.T) {
	t.Chdir("testdata/complaints")
	names, err := filepath.Glob("*.conf")
	if err != nil || len(names) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range names {
		s, err := Read([]string{"-t", "-c", name})
		got := ""
		switch {
		case err != nil:
			got = err.Error() + "\n"
		default:
			got = s.Report
		}
		golden := strings.TrimSuffix(name, ".conf") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
		if strings.Contains(got, "hunter") {
			t.Errorf("%s: a secret was shown:\n%s", name, got)
		}
	}
}

// TestValues tries each option in each syntax.
func TestValues(t *testing.T) {
	t.Setenv("GNATSD_EV_TEST_PORT", "4333")
	t.Setenv("GNATSD_EV_TEST_BLOCK", "{ loops: 3 }")
	for _, c := range []struct {
		text string
		want func(*Options)
	}{
		{"port: 4333", func(o *Options) { o.Port = 4333 }},
		{"PORT = 4333", func(o *Options) { o.Port = 4333 }},
		{"port 4333 # so many", func(o *Options) { o.Port = 4333 }},
		{`{"port": 4333}`, func(o *Options) { o.Port = 4333 }},
		{"port: 0", func(*Options) {}},
		{"port: -1", func(o *Options) { o.Port = RandomPort }},
		{"p: 4333\nport: $p", func(o *Options) { o.Port = 4333 }},
		{"port: $GNATSD_EV_TEST_PORT", func(o *Options) { o.Port = 4333 }},
		{"host: 127.0.0.1", func(o *Options) { o.Host = "127.0.0.1" }},
		{"net: '::1'", func(o *Options) { o.Host = "::1" }},
		{"listen: 4333", func(o *Options) { o.Port = 4333 }},
		{"listen: :4333", func(o *Options) { o.Port = 4333 }},
		{"listen: 127.0.0.1:4333", func(o *Options) { o.Host, o.Port = "127.0.0.1", 4333 }},
		{"listen: a:010", func(o *Options) { o.Host, o.Port = "a", 10 }},
		{`listen: "[::1]:-1"`, func(o *Options) { o.Host, o.Port = "::1", RandomPort }},
		{"server_name: edge", func(o *Options) { o.ServerName = "edge" }},
		{"client_advertise: 'h:1'", func(o *Options) { o.ClientAdvertise = "h:1" }},
		{"pid_file: f", func(o *Options) { o.PidFile = "f" }}, {"pidfile: f", func(o *Options) { o.PidFile = "f" }},
		{"ports_file_dir: d", func(o *Options) { o.PortsFileDir = "d" }},
		{"http: 127.0.0.1:8222", func(o *Options) { o.HTTPHost, o.HTTPPort = "127.0.0.1", 8222 }},
		{"http: 8222", func(o *Options) { o.HTTPPort = 8222 }}, {"http: ':-1'", func(o *Options) { o.HTTPPort = RandomPort }},
		{"http_port: 8222", func(o *Options) { o.HTTPPort = 8222 }}, {"monitor_port: -1", func(o *Options) { o.HTTPPort = RandomPort }},
		{"prof_port: 6060", func(o *Options) { o.ProfilePort = 6060 }},
		{"max_connections: 100K", func(o *Options) { o.MaxConnections = 100_000 }},
		{"max_conn: 0", func(o *Options) { o.MaxConnections = -1 }},
		{"max_payload: 2MB", func(o *Options) { o.MaxPayload = 2 << 20 }}, {"max_payload: 2m", func(o *Options) { o.MaxPayload = 2e6 }},
		{"max_pending: 1GiB", func(o *Options) { o.MaxPending = 1 << 30 }},
		{"max_control_line: 8kb", func(o *Options) { o.MaxControlLine = 8192 }},
		{"max_subs: 10", func(o *Options) { o.MaxSubscriptions = 10 }}, {"max_subscriptions: -1", func(*Options) {}},
		{"max_sub_tokens: 8", func(o *Options) { o.MaxSubscriptionTokens = 8 }},
		{"max_subscription_tokens: 8", func(o *Options) { o.MaxSubscriptionTokens = 8 }},
		{"max_traced_msg_len: 10", func(o *Options) { o.MaxTracedMsgLen = 10 }},
		{`ping_interval: "1m30s"`, func(o *Options) { o.PingInterval = 90 * time.Second }},
		{"ping_interval: 5", func(o *Options) { o.PingInterval = 5 * time.Second }},
		{"ping_max: 5", func(o *Options) { o.PingMax = 5 }},
		{"write_deadline: '1500ms'", func(o *Options) { o.WriteDeadline = 1500 * time.Millisecond }},
		{"log_file: f", func(o *Options) { o.LogFile = "f" }}, {"logfile: (\nf\n)\n", func(o *Options) { o.LogFile = "\nf\n" }},
		{"logtime: off", func(o *Options) { o.Logtime = false }}, {"logtime_utc: yes", func(o *Options) { o.LogtimeUTC = true }},
		{"debug: true", func(o *Options) { o.Debug = true }}, {"trace: on", func(o *Options) { o.Trace = true }},
		{"trace_verbose: true", func(o *Options) { o.Trace, o.TraceVerbose = true, true }},
		{"trace_verbose: true\ntrace: false", func(o *Options) { o.Trace, o.TraceVerbose = true, true }},
		{"trace: true\ntrace_verbose: false", func(o *Options) { o.Trace = true }},
		{"event_loops { loops: 3, pin: on, io_uring: off, max_pending_total: 256mb }", func(o *Options) {
			o.Loops, o.Pin, o.IOUring, o.MaxPendingTotal = 3, On, Off, 256<<20
		}},
		{"event_loops { pin: auto, io_uring: 'on' }", func(o *Options) { o.IOUring = On }},
		{"event_loops: $GNATSD_EV_TEST_BLOCK", func(o *Options) { o.Loops = 3 }},
		{"event_loops { listen: ['a:1', 'b:-1'] }", func(o *Options) { o.Host, o.Port, o.Listen = "a", 1, []string{"b:0"} }},
		{"port: 5; event_loops { listen: 'a:1' }", func(o *Options) { o.Port, o.Listen = 5, []string{"a:1"} }},
		{"jetstream: disabled; tls_name: 5; x: $tls_name; y: $x", nil},
		{"jetstream: false; https_port: 0; write_timeout: close", func(*Options) {}},
		{"max_closed_clients: 5; server_tags: [a, b]", func(*Options) {}},
		{"lame_duck_duration: '1m'; lame_duck_grace_period: '5s'", func(o *Options) { o.LameDuckDuration, o.LameDuckGracePeriod = time.Minute, 5*time.Second }},
		{"logfile_size_limit: 1kb; logfile_max_num: 3", func(o *Options) { o.LogSizeLimit, o.LogMaxNum = 1024, 3 }},
		{"syslog: true; remote_syslog: 'udp://h:514'", func(o *Options) { o.Syslog, o.RemoteSyslog = true, "udp://h:514" }},
	} {
		name := writtenTo(t, c.text)
		s, err := Read([]string{"-c", name})
		if c.want == nil {
			if err == nil {
				t.Errorf("%q was accepted", c.text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		want := Default()
		c.want(want)
		want.ConfigFile, want.ConfigDigest = name, s.Options.ConfigDigest
		if len(s.Options.Listen) == 0 {
			s.Options.Listen = want.Listen
		}
		if !reflect.DeepEqual(s.Options, want) {
			t.Errorf("%q:\n got %+v\nwant %+v", c.text, s.Options, want)
		}
	}
}

// Flags win, also those that give the default.
func TestFlagsWin(t *testing.T) {
	name := writtenTo(t, `listen: "127.0.0.1:5222"; debug: true; trace: true; logtime: false; max_payload: 5kb; http: "127.0.0.1:8222"
		max_connections: 7; write_deadline: "1s"; event_loops { loops: 3, listen: ["a:1"] }`)
	for _, c := range []struct {
		flags string
		want  func(*Options)
	}{
		{"", func(*Options) {}},
		{"-p 4222", func(o *Options) { o.Port = 4222 }}, {"-p 0", func(o *Options) { o.Port = 4222 }},
		{"-a 0.0.0.0", func(o *Options) { o.Host = "0.0.0.0" }}, {"-D=false", func(o *Options) { o.Debug = false }},
		{"-DV=false", func(o *Options) { o.Debug, o.Trace = false, false }}, {"-T", func(o *Options) { o.Logtime = true }},
		{"--max_payload 0", func(o *Options) { o.MaxPayload = DefaultMaxPayload }}, {"--loops 0", func(o *Options) { o.Loops = 0 }},
		{"-m 9000", func(o *Options) { o.HTTPPort = 9000 }}, {"-m 0", func(o *Options) { o.HTTPPort = 0 }},
		{"--write_deadline 10s", func(o *Options) { o.WriteDeadline = 10 * time.Second }},
		{"--listen b:2 --listen c:3", func(o *Options) { o.Host, o.Port, o.Listen = "b", 2, []string{"c:3"} }},
		{"-p 5 --listen b:2", func(o *Options) { o.Port, o.Listen = 5, []string{"b:2"} }},
	} {
		s, err := Read(append([]string{"-c", name}, strings.Fields(c.flags)...))
		if err != nil {
			t.Errorf("%s: %v", c.flags, err)
			continue
		}
		want := Default()
		want.Host, want.Port, want.Debug, want.Trace, want.Logtime, want.MaxPayload = "127.0.0.1", 5222, true, true, false, 5120
		want.HTTPHost, want.HTTPPort, want.MaxConnections, want.WriteDeadline = "127.0.0.1", 8222, 7, time.Second
		want.Loops, want.Listen = 3, []string{"a:1"}
		want.ConfigFile, want.ConfigDigest = name, s.Options.ConfigDigest
		c.want(want)
		if !reflect.DeepEqual(s.Options, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.flags, s.Options, want)
		}
	}
}

// Who asks for authentication must not get an open broker, whatever else is in the file: it is required, of
// somebody, or nothing starts.
func TestAuthenticationIsNeverIgnored(t *testing.T) {
	for text, starts := range map[string]bool{
		"authorization { token: abcd }": true, "authorization { user: a }": true, "authorization { users: [{user: a, password: b}] }": true,
		"Authorization { user: a, pass: b }": true, "authorization { users: [{user: a, password: b}] }\nno_auth_user: a": true,
		"a { token: abcd }\nauthorization: $a": true, "no_auth_user: a": false, "authorization {}": false, "authorization { pass: x }": false,
		"authorization { users: [] }": false, "accounts { A { users: [] } }": false,
	} {
		s, err := Read([]string{"-c", writtenTo(t, text)})
		if (err == nil) != starts {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil {
			continue
		}
		if a := s.Options.Authorization; !a.Required || a.User == "" && a.Token == "" && len(a.Users) == 0 {
			t.Errorf("%q started open: %+v", text, a)
		}
	}
}

// The digest is the one nats-server logs for the same file.
func TestDigest(t *testing.T) {
	s, err := Read([]string{"-c", writtenTo(t, "port: 4222\n"), "-t"})
	const want = "sha256:797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e" // as nats-server 2.15.2 -t prints it
	if err != nil || s.Options.ConfigDigest != want || s.Action != TestConfig || !strings.HasSuffix(s.Report, " is valid ("+want+")\n") {
		t.Errorf("%+v, %v", s, err)
	}
}

// Warnings nats-server has too let a start go on and a test fail; ours let a test pass.
func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		text    string
		tests   bool
		remarks int
	}{
		{"port: 1", true, 0}, {"ping_interval: 5", false, 1}, {"", false, 1}, {"http: 8222", true, 1}, {"http: 'localhost:8222'", true, 0},
		{"host: localhost; http: 8222", true, 0}, {"max_closed_clients: 1\nping_interval: 5", false, 2},
	} {
		name := writtenTo(t, c.text)
		s, err := Read([]string{"-c", name})
		if err != nil || len(s.Remarks) != c.remarks {
			t.Errorf("%q: %v, %+v", c.text, err, s)
		}
		if _, err := Read([]string{"-c", name, "-t"}); (err == nil) != c.tests {
			t.Errorf("%q: the test says %v", c.text, err)
		}
	}
}

func TestNoFile(t *testing.T) {
	if s, err := Read([]string{"-m", "8222"}); err != nil || len(s.Remarks) != 1 || !strings.HasPrefix(s.Remarks[0], "note: the monitor answers") {
		t.Errorf("%+v, %v", s, err)
	}
	for line, want := range map[string]string{
		"-t":              "must specify [-c, --config] option to check configuration file syntax",
		"-c /nowhere/x":   "open /nowhere/x: no such file or directory",
		"-c /":            "read /: is a directory",
		"config":          `unrecognized command: "config" (config show prints the options in force)`,
		"config show x":   `unrecognized command: "x"`,
		"config show -p":  "-p needs a value: -p <port>",
		"-p 1 config sho": `unrecognized command: "config" (config show prints the options in force)`,
	} {
		if _, err := Read(strings.Fields(line)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// What the parser drops without a word is told, and nothing else is.
func TestRepeatedKeys(t *testing.T) {
	for text, want := range map[string]int{
		"port: 1\nport: 2": 1, "port: 1, port: 2, port = 3": 2, "a { b: 1 }\na { b: 2 }": 1, "debug: on; debug: off": 1,
		"authorization { users: [{user: a, user: b}], users: [{user: c}] }": 2, "{ \"port\": 1, \"port\": 2 }": 1, "'port': 1\nport 2": 1,
		"authorization { user: a }\nhost: b\nauthorization { user: c }": 1,

		"port: 1 # port: 2\n// port: 3\n": 0, "server_name: 'a port: 1'\nport: 1": 0, "server_name: \"a\\\"\nport: 1\"\nport: 1": 0,
		"log_file: (\nport: 1\nport: 2\n)\nport: 3": 0, "authorization { users: [{user: a, pass: b}, {user: b, pass: c}] }": 0,
		"event_loops { listen: ['a:1', 'a:2'] }": 0, "a: [ {x: 1} {x: 2} ]\nb { x: 1 }\nc { x: $a }": 0, "listen: a:1\nx: a:1": 0, "pid_file: /a//b\nlog_file: /a": 0,
		"a { user: b }\nc { user: b }\nuser: d": 0, "p: $2a$11$abc\nq: $2a$11$abc": 0, "port: 1}": 0, "a: 'b' c": 0, "}}]]": 0, "\"": 0, "a": 0, "(": 0, "a (": 0,
	} {
		c := new(complaints)
		c.sources.files = map[string]*source{"f": {text: text}}
		c.repeated()
		if len(c.list) != want {
			t.Errorf("%q: %q, want %d", text, c.lines(), want)
		}
	}
	s, err := Read([]string{"-t", "-c", writtenTo(t, "port: 1\n  port: 2\n")})
	if err != nil || s.Options.Port != 2 || len(s.Remarks) != 1 || !strings.HasSuffix(s.Remarks[0], `:2:3: note: "port" stands in this block before: the last one counts, and nothing of the others`) {
		t.Errorf("%+v, %v", s, err)
	}
}

// A pipe can be read once only; nats-server takes it as a file.
func TestPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("port: 4333\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	name := "/dev/fd/" + written(int(r.Fd()))
	if s, err := Read([]string{"-c", name}); err != nil || s.Options.Port != 4333 {
		t.Errorf("%+v, %v", s, err)
	}
}

// FuzzFile feeds files to the reader: it must not panic, each error must have its place, and what
// is accepted must be in bounds.
func FuzzFile(f *testing.F) {
	names, err := filepath.Glob("testdata/complaints/*.conf")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(names, "../../docs/gnatsd-ev.conf") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if include.MatchString(text) {
			t.Skip("it may include any file of this machine")
		}
		name := writtenTo(t, text)
		s, err := Read([]string{"-c", name})
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "configuration file ") {
					continue
				}
				if !strings.HasPrefix(line, name+":") {
					t.Errorf("no place: %q", line)
				}
			}
			return
		}
		o := s.Options
		if o.MaxPayload <= 0 || int64(o.MaxPayload) > o.MaxPending || o.PingInterval <= 0 || o.WriteDeadline <= 0 || o.Port < RandomPort || o.Port > 65535 {
			t.Errorf("bad options were let through: %+v", o)
		}
	})
}
