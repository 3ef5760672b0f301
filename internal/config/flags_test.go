package config

import (
	stdflag "flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = stdflag.Bool("update", false, "write the golden files anew")

// read is ParseFlags for arguments in one string.
func read(line string) (*Options, Action, error) {
	return ParseFlags(strings.Fields(line))
}

// TestSpellings tries each flag under each of its names.
func TestSpellings(t *testing.T) {
	host := func(o *Options) { o.Host = "::1" }
	port := func(o *Options) { o.Port = 4333 }
	name := func(o *Options) { o.ServerName = "edge" }
	debug := func(o *Options) { o.Debug = true }
	trace := func(o *Options) { o.Trace = true }
	verbose := func(o *Options) { o.Trace, o.TraceVerbose = true, true }
	utc := func(o *Options) { o.LogtimeUTC = true }
	monitor := func(o *Options) { o.HTTPPort = 8222 }
	for _, c := range []struct {
		line string
		want func(*Options)
	}{
		{"", func(*Options) {}},
		{"-a ::1", host}, {"--addr ::1", host}, {"-addr=::1", host}, {"--net ::1", host}, {"-net=::1", host},
		{"-p 4333", port}, {"--port 4333", port}, {"-port=4333", port}, {"--port=4333", port}, {"-p 0x10ed", port},
		{"-p 0", func(*Options) {}},
		{"-p -1", func(o *Options) { o.Port = RandomPort }},
		{"-n edge", name}, {"--name edge", name}, {"--server_name edge", name}, {"--server-name=edge", name},
		{"-P f", func(o *Options) { o.PidFile = "f" }}, {"--pid f", func(o *Options) { o.PidFile = "f" }},
		{"--ports_file_dir d", func(o *Options) { o.PortsFileDir = "d" }},
		{"-ports-file-dir=d", func(o *Options) { o.PortsFileDir = "d" }},
		{"--client_advertise h:1", func(o *Options) { o.ClientAdvertise = "h:1" }},
		{"--client_advertise h", func(o *Options) { o.ClientAdvertise = "h" }},
		{"-l= -P= --ports_file_dir= --client_advertise= -n=", func(*Options) {}}, // empty is none, as in nats-server
		{"--client_advertise [::1]", func(o *Options) { o.ClientAdvertise = "[::1]" }},
		{"--loops 64", func(o *Options) { o.Loops = 64 }},
		{"--lame_duck_duration 1m", func(o *Options) { o.LameDuckDuration = time.Minute }},
		{"--lame_duck_grace_period 1s", func(o *Options) { o.LameDuckGracePeriod = time.Second }},
		{"--pin off", func(o *Options) { o.Pin = Off }},
		{"--io_uring on", func(o *Options) { o.IOUring = On }},
		{"-l f", func(o *Options) { o.LogFile = "f" }}, {"--log f", func(o *Options) { o.LogFile = "f" }},
		{"--log_size_limit 1mb --log_max_num 3", func(o *Options) { o.LogSizeLimit, o.LogMaxNum = 1<<20, 3 }},
		{"-s -r udp://h:514", func(o *Options) { o.Syslog, o.RemoteSyslog = true, "udp://h:514" }},
		{"--syslog --remote_syslog=tcp://h:1", func(o *Options) { o.Syslog, o.RemoteSyslog = true, "tcp://h:1" }},
		{"-T=false", func(o *Options) { o.Logtime = false }}, {"--logtime=0", func(o *Options) { o.Logtime = false }},
		{"-T", func(*Options) {}},
		{"--logtime_utc", utc}, {"--logtime-utc=true", utc},
		{"-D", debug}, {"--debug", debug}, {"-V", trace}, {"--trace", trace}, {"-VV", verbose}, {"--VV", verbose},
		{"-DV", func(o *Options) { o.Debug, o.Trace = true, true }},
		{"-DVV", func(o *Options) { o.Debug, o.Trace, o.TraceVerbose = true, true, true }},
		{"-DV=false -D", func(*Options) {}}, // the joint flags count last, as in nats-server
		{"-DVV=false -VV", verbose},
		{"--max_traced_msg_len 10", func(o *Options) { o.MaxTracedMsgLen = 10 }},
		{"--profile 6060", func(o *Options) { o.ProfilePort = 6060 }},
		{"-m 8222", monitor}, {"--http_port 8222", monitor}, {"--http-port=8222", monitor}, {"-m 0", func(*Options) {}},
		{"-m -1", func(o *Options) { o.HTTPPort = RandomPort }}, {"-m -1 -p -1", func(o *Options) { o.HTTPPort, o.Port = RandomPort, RandomPort }},
		{"--max_connections 100k", func(o *Options) { o.MaxConnections = 100_000 }},
		{"--max_connections -1", func(o *Options) { o.MaxConnections = -1 }},
		{"--max_connections 0", func(o *Options) { o.MaxConnections = -1 }}, // nobody, as in nats-server
		{"--max_payload 2MB", func(o *Options) { o.MaxPayload = 2 << 20 }},
		{"--max-payload=0", func(*Options) {}},
		{"--max_pending 1gib", func(o *Options) { o.MaxPending = 1 << 30 }},
		{"--max_pending_total 256mb", func(o *Options) { o.MaxPendingTotal = 256 << 20 }},
		{"--max_pending_total 0", func(o *Options) {}},
		{"--max_subscriptions 10", func(o *Options) { o.MaxSubscriptions = 10 }},
		{"--max_subscriptions -1", func(*Options) {}},
		{"--max_subscription_tokens 255", func(o *Options) { o.MaxSubscriptionTokens = 255 }},
		{"--max_control_line 8kb", func(o *Options) { o.MaxControlLine = 8192 }},
		{"--write_deadline 1500ms", func(o *Options) { o.WriteDeadline = 1500 * time.Millisecond }},
		{"--write_deadline 5", func(o *Options) { o.WriteDeadline = 5 * time.Second }},
		{"--write_deadline 0", func(*Options) {}},
		{"--ping_interval 1m30s", func(o *Options) { o.PingInterval = 90 * time.Second }},
		{"--ping_max 5", func(o *Options) { o.PingMax = 5 }},
		{"--listen 127.0.0.1:5", func(o *Options) { o.Host, o.Port, o.Listen = "127.0.0.1", 5, []string{} }},
		{"--listen [::1]:5 --listen :-1", func(o *Options) { o.Host, o.Port, o.Listen = "::1", 5, []string{":0"} }},
		{"--listen a:5 -p 6", func(o *Options) { o.Port, o.Listen = 6, []string{"a:5"} }},
		{"--listen a:5 -a b", func(o *Options) { o.Host, o.Listen = "b", []string{"a:5"} }},
		{"-p 1 -p 2", func(o *Options) { o.Port = 2 }},
		{"-p 2 --", func(o *Options) { o.Port = 2 }},
	} {
		want := Default()
		c.want(want)
		got, action, err := read(c.line)
		if err != nil || action != Serve {
			t.Errorf("%q: %v, action %d", c.line, err, action)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v\nwant %+v", c.line, got, want)
		}
	}
}

func TestActions(t *testing.T) {
	for _, c := range []struct {
		line string
		want Action
	}{
		{"-v", ShowVersion}, {"--version", ShowVersion}, {"version", ShowVersion}, {"VERSION", ShowVersion},
		{"-h", ShowHelp}, {"--help", ShowHelp}, {"help", ShowHelp}, {"-h -v", ShowVersion},
		{"-p 1 help", ShowHelp}, {"-v=false", Serve}, {"-c x -v", ShowVersion},
		{"-DV=false -v", ShowVersion}, {"-v bogus", ShowVersion},
	} {
		if _, got, err := read(c.line); got != c.want || err != nil {
			t.Errorf("%q: action %d, %v, want %d", c.line, got, err, c.want)
		}
	}
}

// TestErrors has for each bad line the exit code and what the message must hold.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"--max_payloadd 1", 2, `unknown flag "--max_payloadd"; did you mean --max_payload? (--help lists all flags)`},
		{"--max-paylaod=1", 2, `unknown flag "--max-paylaod"; did you mean --max_payload?`},
		{"--max_subscription_tok 1", 2, "did you mean --max_subscription_tokens?"},
		{"-dv", 2, "did you mean -DV?"}, {"-Port 1", 2, "did you mean --port?"}, {"--tlscerts x", 2, "did you mean --tlscert?"},
		{"-x", 2, `unknown flag "-x" (--help lists all flags)`},
		{"--", 0, ""}, {"-z=1", 2, `unknown flag "-z" (`}, {"--frobnicate", 2, `unknown flag "--frobnicate" (`},
		{"---p 1", 2, "unknown flag"}, {"-=1", 2, "unknown flag"},
		{"-p", 2, "-p needs a value: -p <port>"}, {"-p abc", 2, `-p "abc": a whole number is wanted`},
		{"--port 70000", 1, `--port "70000": allowed is 1 to 65535, or -1 for any free port`}, {"-p -2", 1, "allowed is"},
		{"-p 99999999999999999999", 1, "too big"},
		{"--profile 70000", 1, "allowed is"}, {"-D=maybe", 2, `-D "maybe": true or false is wanted`},
		{"-DV=x", 2, "true or false"}, {"--loops 65", 1, `--loops "65": allowed is 1 to 64`}, {"--loops -1", 1, "allowed"},
		{"--lame_duck_duration 29s", 1, `--lame_duck_duration "29s": allowed is 30s or more`},
		{"--lame_duck_duration 30s --lame_duck_grace_period 30s", 1, "lame_duck_grace_period (30s) must be less than lame_duck_duration (30s)"},
		{"--signal now", 2, `--signal "now": one of stop, quit, term, reopen, reload, ldm is wanted, with =pid or =pidfile behind it`},
		{"--signal", 2, "--signal needs a value"},
		{"--pin yes", 2, `--pin "yes": auto, on or off is wanted`},
		{"--client_advertise a:b", 2, "host or host:port"}, {"--client_advertise :5", 2, "host or host:port"},
		{"--client_advertise a:70000", 2, "host or host:port"}, {"--client_advertise ::1", 2, "host or host:port"},
		{"--listen 5", 2, "host:port is wanted"}, {"--listen a:x", 2, "host:port is wanted"}, {"--listen a:65536", 2, "wanted"},
		{"-m x", 2, `-m "x": a whole number is wanted`}, {"-m", 2, "-m needs a value: -m <port>"}, {"--http_port 65536", 1, "allowed is 1 to 65535"},
		{"-m 4222", 1, "the address 0.0.0.0:4222 is given twice"}, {"-m 8222 --listen 0.0.0.0:8222 -p 5", 1, "is given twice"},
		{"--https_port 8223", 1, "--https_port: TLS is not supported for monitoring yet"},
		{"--listen a:5 --listen a:5", 1, "the address a:5 is given twice"},
		{"--max_connections many", 2, `--max_connections "many": a number with an optional suffix`},
		{"--max_connections -2", 1, "allowed is 1 to"}, {"--max_connections 9g", 1, "allowed is 1 to"},
		{"--max_payload -1", 1, `--max_payload "-1": allowed is 1 to 2147483647, or 0 for the default`},
		{"--max_payload 2gb", 1, "allowed is 1 to 2147483647"}, {"--max_payload 5x", 2, "optional suffix"},
		{"--max_payload 2MB --max_pending 1MB", 1, "max_payload (2097152) cannot be higher than max_pending (1048576)"},
		{"--max_pending_total 15mb", 1, "allowed"}, {"--max_pending_total -1", 1, "allowed"}, {"--max_pending_total x", 2, "optional suffix"},
		{"--max_pending_total 63mb --max_payload 8mb", 1, "must be 8 times max_payload"},
		{"--max_pending 9eb", 1, "too big"}, {"--max_pending 99999999999999999999", 1, "too big"}, {"--max_pending -1", 1, "allowed"},
		{"--max_pending mb", 2, "optional suffix"}, {"--max_pending 1-2", 2, "optional suffix"},
		{"--max_subscriptions -2", 1, "allowed is 1 to"}, {"--max_subscription_tokens 256", 1, "allowed is 1 to 255"},
		{"--max_subscription_tokens 0", 1, "allowed is 1 to 255"}, {"--max_control_line -1", 1, "allowed is"},
		{"--write_deadline -1s", 1, "allowed is 1ms or more"}, {"--write_deadline 1us", 1, "allowed is 1ms"},
		{"--write_deadline soon", 2, "10s"}, {"--ping_interval 1.5", 2, "whole seconds"},
		{"--ping_interval 9999999999999", 1, "too long"}, {"--ping_max -1", 1, "allowed is 1 to"},
		{"bogus", 1, `unrecognized command: "bogus"`}, {"bogus -p 1", 1, "unrecognized"}, {"-", 1, "unrecognized"},
		{"-T false", 1, `unrecognized command: "false" (a boolean takes its value with =, as in -T=false)`},
	} {
		_, _, err := read(c.line)
		switch {
		case c.want == "":
			if err != nil {
				t.Errorf("%q: %v", c.line, err)
			}
		case err == nil:
			t.Errorf("%q was accepted", c.line)
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%q: %q does not hold %q", c.line, err, c.want)
		case ExitCode(err) != c.code:
			t.Errorf("%q: exit code %d, want %d (%v)", c.line, ExitCode(err), c.code, err)
		}
	}
	for _, c := range []struct{ flag, value, want string }{
		{"-n", "a b", "server name cannot contain spaces"},
		{"-n", "a\nb", "control characters"},
		{"-a", "a\x1b", "control characters"},
		{"--listen", "a\x1b:5", "control characters"},
		{"--client_advertise", "a\r\nPING", "control characters"},
	} {
		if _, _, err := ParseFlags([]string{c.flag, c.value}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v", c.flag, c.value, err)
		}
	}
}

// Every flag of nats-server that we do not honour must be refused with exit
// code 1, and must never show a password.
func TestRefused(t *testing.T) {
	for _, name := range strings.Fields(`-ms= --https_port= -js --jetstream -sd= --store_dir= --routes= --cluster= --cluster_listen= --cluster_name=
		--cluster_advertise= --no_advertise --connect_retries=`) {
		name, valued := strings.CutSuffix(name, "=")
		forms := [][]string{{name}, {name + "=false"}}
		if valued {
			forms = [][]string{{name, "s3cr3t"}, {name + "=s3cr3t"}, {strings.ReplaceAll(name, "_", "-"), "s3cr3t"}}
		}
		for _, args := range forms {
			o, _, err := ParseFlags(append(args, "-p", "4333"))
			if err == nil || o != nil {
				t.Errorf("%q was accepted", args)
				continue
			}
			text := err.Error()
			if !strings.HasPrefix(text, name+": ") || !strings.Contains(text, "; ") || strings.Contains(text, "\n") ||
				strings.Contains(text, "s3cr3t") || ExitCode(err) != 1 {
				t.Errorf("%q: exit code %d, %q", args, ExitCode(err), text)
			}
		}
	}
	_, _, err := read("--routes x --js")
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("each refused flag must have its line: %v", err)
	}
}

// A flag that asks for authentication has it required, and one without a value is refused: a variable that is
// not set must not start a broker that is open to all. No error shows a password.
func TestAuthorizationFlags(t *testing.T) {
	for line, want := range map[string]Authorization{
		"--user a --pass s3cr3t": {Required: true, User: "a", Password: "s3cr3t"},
		"-user=a -pass=s3cr3t":   {Required: true, User: "a", Password: "s3cr3t"},
		"--user a":               {Required: true, User: "a"},
		"--auth s3cr3t":          {Required: true, Token: "s3cr3t"},
	} {
		o, _, err := read(line)
		if err != nil || !reflect.DeepEqual(o.Authorization, want) {
			t.Errorf("%s: %+v, %v", line, o, err)
		}
	}
	for _, line := range []string{"--pass s3cr3t", "--user= --pass s3cr3t", "--user a --pass=", "--auth=", "--user a --pass s3cr3t --auth="} {
		if o, _, err := read(line); err == nil || o != nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %+v, %v", line, o, err)
		}
	}
	s, err := Read([]string{"--user", "a", "--pass", "s3cr3t"})
	if err != nil || strings.Contains(s.Show(), "s3cr3t") || !strings.Contains(s.Show(), "authorization { # flag --") || len(s.Remarks) != 1 || !strings.Contains(s.Remarks[0], plaintext) {
		t.Errorf("%v, %q, %v", s.Show(), s.Remarks, err)
	}
}

// Every flag nats-server has is known here.
func TestKnowsAllFlagsOfNatsServer(t *testing.T) {
	for _, name := range strings.Fields(`h help port p n name server_name addr a net client_advertise D debug V VV trace DV DVV T
		logtime logtime_utc user pass auth m http_port ms https_port c config t sl signal P pid ports_file_dir l log
		log_size_limit s syslog r remote_syslog version v profile routes cluster cluster_listen cluster_advertise
		no_advertise connect_retries cluster_name help_tls tls tlsverify tlscert tlskey tlscacert max_traced_msg_len
		js jetstream sd store_dir`) {
		if _, known := byName[name]; !known {
			t.Errorf("%s is not known", name)
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "12": 12, "-3": -3, "1k": 1000, "1K": 1000, "1kb": 1024, "1Ki": 1024, "1KiB": 1024, "2m": 2e6, "2MB": 2 << 20,
		"3g": 3e9, "3GiB": 3 << 30, "1t": 1e12, "1tb": 1 << 40, "1p": 1e15, "1pi": 1 << 50, "1e": 1e18, "7eb": 7 << 60, " 5 mb ": 5 << 20,
	} {
		if got, err := parseSize(s); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", s, got, err, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	o, _, err := read("-a ::1 -p -1 --listen 127.0.0.1:-1 --listen :5")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"[::1]:0", "127.0.0.1:0", ":5"}
	if got := o.Addresses(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHelp(t *testing.T) {
	const golden = "testdata/help.golden"
	got := Help()
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
		t.Errorf("the help changed; look at it and run go test ./internal/config -update\n%s", got)
	}
	for line := range strings.Lines(got) {
		if len(strings.TrimSuffix(line, "\n")) > helpWidth {
			t.Errorf("wider than %d: %s", helpWidth, line)
		}
	}
	for name := range byName {
		if !strings.Contains(got, " "+dashed(name)) {
			t.Errorf("%s is missing", name)
		}
	}
}

// The wanted halves are what nats-server 2.15.2 put into INFO.
func TestSplitAdvertised(t *testing.T) {
	for in, want := range map[string]string{
		"me": "me 77", "me:5": "me 5", "me:0": "me 77", "me:-1": "me 77", "[::1]": "::1 77", "[::1]:5": "::1 5", " me : 5": "me 5",
	} {
		host, port, err := SplitAdvertised(in, 77)
		if got := fmt.Sprintf("%s %d", host, port); err != nil || got != want {
			t.Errorf("SplitAdvertised(%q) = %q, %v, want %q", in, got, err, want)
		}
		if _, _, err := ParseFlags([]string{"--client_advertise", in}); err != nil {
			t.Errorf("--client_advertise %q: %v", in, err)
		}
	}
}
