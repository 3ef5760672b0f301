//go:build unix

package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/internal/certificate"
)

// childMark makes the test binary run as the program.
const childMark = "GNATSD_EV_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childMark) != "" {
		plantPanic()
		os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// patience is how long any step of a child may take.
const patience = 10 * time.Second

// A child is the program running as a process of its own.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	dir  string // of its files
	done chan struct{}
	code int // exit code, once done is closed; -1 for a signal
}

// start runs the program; its standard error goes to the file stderr in dir
// unless prepare says otherwise. With shell the program is "$0" "$@" of a
// script.
func start(t *testing.T, shell string, prepare func(*exec.Cmd), args ...string) *child {
	t.Helper()
	c := &child{t: t, dir: t.TempDir(), done: make(chan struct{})}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", c.dir)
	}
	c.cmd = exec.Command(self, args...)
	if shell != "" {
		c.cmd = exec.Command("/bin/sh", append([]string{"-c", shell, self}, args...)...)
	}
	c.cmd.Env = append(os.Environ(), childMark+"=1")
	errors, err := os.Create(filepath.Join(c.dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer errors.Close()
	c.cmd.Stderr = errors
	if prepare != nil {
		prepare(c.cmd)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.cmd.Wait()
		c.code = c.cmd.ProcessState.ExitCode()
		close(c.done)
	}()
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		<-c.done
	})
	return c
}

// read returns a file of the child, empty if there is none.
func (c *child) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(c.dir, name))
	return string(b)
}

// until waits for something to become true.
func (c *child) until(what string, ok func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s did not happen; log:\n%s%s", what, c.read("stderr"), c.read("log"))
		}
	}
}

// logged waits until the log in this file holds a text.
func (c *child) logged(file, text string) {
	c.t.Helper()
	c.until("the line "+text, func() bool { return strings.Contains(c.read(file), text) })
}

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// exits waits for the end of the child.
func (c *child) exits(code int) {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.t.Fatalf("it did not end; log:\n%s", c.read("stderr"))
	}
	if c.code != code {
		c.t.Fatalf("exit code %d, want %d; log:\n%s", c.code, code, c.read("stderr"))
	}
}

// inOrder fails unless the log holds these texts in this order, on lines of
// their own, with the level in front.
func inOrder(t *testing.T, log string, texts ...string) {
	t.Helper()
	lines := strings.Split(log, "\n")
	for _, text := range texts {
		line := regexp.MustCompile(`^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} ` + text + `$`)
		for len(lines) > 0 && !line.MatchString(lines[0]) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			t.Fatalf("no line %q (in this order) in\n%s", text, log)
		}
	}
}

// TestWholeLife follows one process from the start to SIGTERM.
func TestWholeLife(t *testing.T) {
	c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "--listen", "127.0.0.1:-1", "-n", "edge", "-P", "DIR/pid", "--ports_file_dir", "DIR", "--profile", "-1", "-m", "-1", "--pin", "off")
	c.logged("stderr", "  Files:")
	pid := strconv.Itoa(c.cmd.Process.Pid)
	if got := c.read("pid"); got != pid {
		t.Errorf("pid file holds %q, want %q", got, pid)
	}
	portsName := filepath.Base(c.cmd.Path) + "_" + pid + ".ports"
	var p ports
	if err := json.Unmarshal([]byte(c.read(portsName)), &p); err != nil || len(p.Nats) != 2 || len(p.Profile) != 1 || len(p.Monitoring) != 1 {
		t.Fatalf("ports file %q: %v", c.read(portsName), err)
	}
	for _, u := range p.Nats {
		where, err := url.Parse(u)
		if err != nil || where.Scheme != "nats" {
			t.Fatalf("%q: %v", u, err)
		}
		conn, err := net.Dial("tcp", where.Host)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	r, err := http.Get(p.Profile[0] + "/debug/pprof/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if !strings.Contains(string(body), "edge") || !strings.HasPrefix(p.Profile[0], "http://127.0.0.1:") {
		t.Errorf("%s answered %q", p.Profile[0], body)
	}
	for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/varz": `"server_name": "edge"`} {
		r, err := http.Get(p.Monitoring[0] + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s%s answered %q", p.Monitoring[0], path, body)
		}
	}
	for sig, line := range map[os.Signal]string{
		syscall.SIGHUP:  "[ERR] Failed to reload server configuration: can only reload config when a file is provided using -c or --config",
		syscall.SIGUSR1: "[INF] File log re-open ignored, not a file logger",
	} {
		c.signal(sig)
		c.logged("stderr", line)
	}
	c.signal(syscall.SIGTERM)
	c.exits(0)
	inOrder(t, c.read("stderr"),
		`\[INF\] Starting gnatsd-ev`, `\[INF\]   Version:  0\.1\.0`, `\[INF\]   Git:      \[.*\]`, `\[INF\]   Name:     edge`, `\[INF\]   ID:       N[A-Z2-7]{55}`,
		`\[INF\] Starting http monitor on 127\.0\.0\.1:\d+`,
		`\[INF\] Listening for client connections on 127\.0\.0\.1:\d+`, `\[INF\] Listening for client connections on 127\.0\.0\.1:\d+`,
		`\[INF\] Server is ready`, `\[INF\]   Loops:    \d+ on (epoll|kqueue), \d+ CPUs`, `\[INF\]   Pinning:  .+`, `\[INF\]   Sending:  .+`, `\[INF\]   Files:    \d+ open files .*`,
		`\[INF\] Trapped "terminated" signal`, `\[INF\] Initiating Shutdown\.\.\.`, `\[INF\] Server Exiting\.\.`)
	if c.read(portsName) != "" {
		t.Error("the ports file is still there")
	}
	if c.read("pid") != pid {
		t.Error("the pid file is to stay, as with nats-server")
	}
}

// A start by a file: its digest and what is odd in it are logged, the monitor binds its own host.
func TestConfigurationFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "edge.conf")
	text := "listen: \"127.0.0.1:-1\"\nserver_name: edge\nhttp: \"localhost:-1\"\nping_interval: 5\nmax_closed_clients: 5\nmax_pending: 100gb\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, "", nil, "-c", name, "--ports_file_dir", "DIR", "-n", "flagged")
	c.logged("stderr", "  Files:")
	var p ports
	if err := json.Unmarshal([]byte(c.read(filepath.Base(c.cmd.Path)+"_"+strconv.Itoa(c.cmd.Process.Pid)+".ports")), &p); err != nil || len(p.Monitoring) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	r, err := http.Get(p.Monitoring[0] + "/varz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	r.Body.Close()
	digest := regexp.MustCompile(`"config_digest": "sha256:[0-9a-f]{64}"`)
	if !digest.Match(body) || !strings.Contains(string(body), `"http_host": "localhost"`) {
		t.Errorf("/varz says %s", body)
	}
	c.signal(syscall.SIGTERM)
	c.exits(0)
	inOrder(t, c.read("stderr"), `\[INF\]   Name:     flagged`, `\[INF\]   ID: .*`, `\[INF\] Using configuration file: `+regexp.QuoteMeta(name)+` \(sha256:[0-9a-f]{64}\)`,
		`\[WRN\] .*edge\.conf:4:1: warning: invalid use of field "ping_interval".*`, `\[WRN\] .*edge\.conf:5:1: note: max_closed_clients has no effect.*`,
		`\[WRN\] max_pending is 102400 MB, but all slow readers together may owe.*`,
		`\[INF\] Starting http monitor on localhost:.*`, `\[INF\] Listening for client connections on 127\.0\.0\.1:.*`, `\[INF\] Server is ready`)
}

func TestInterruptEnds(t *testing.T) {
	c := start(t, "", nil, "-p", "-1")
	c.logged("stderr", "Server is ready")
	c.signal(syscall.SIGINT)
	c.exits(0)
	inOrder(t, c.read("stderr"), `\[INF\] Listening for client connections on 0\.0\.0\.0:\d+`, `\[INF\] Trapped "interrupt" signal`, `\[INF\] Server Exiting\.\.`)
}

// The id is the name where there is none, and a new one each time.
func TestIdentity(t *testing.T) {
	a, err := newIdentity("")
	if err != nil || a.ID != a.Name || a.Version != Version {
		t.Fatalf("%+v, %v", a, err)
	}
	if b, _ := newIdentity("x"); b.ID == a.ID || b.Name != "x" {
		t.Fatalf("%+v after %+v", b, a)
	}
}

func TestLogFileIsReopened(t *testing.T) {
	c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "-l", "DIR/log", "-D")
	c.logged("log", "Server is ready")
	if err := os.Rename(filepath.Join(c.dir, "log"), filepath.Join(c.dir, "log.1")); err != nil {
		t.Fatal(err)
	}
	c.signal(syscall.SIGUSR1)
	c.logged("log", "File log re-opened")
	c.signal(syscall.SIGTERM)
	c.exits(0)
	inOrder(t, c.read("log.1"), `\[INF\] Server is ready`, `\[INF\] Trapped "user defined signal 1" signal`)
	inOrder(t, c.read("log.1"), `\[DBG\]   Go build: .+`)
	inOrder(t, c.read("log"), `\[INF\] File log re-opened`, `\[INF\] Server Exiting\.\.`)
	if text := c.read("stderr"); text != "" {
		t.Errorf("standard error got %q", text)
	}
}

// A start that fails says why, ends with 1 and leaves the files of the broker
// that already runs alone.
func TestFailedStarts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-p", port}, `[FTL] Error listening on port: 127.0.0.1:` + port + `, "listen tcp 127.0.0.1:` + port + `: bind: address already in use"`},
		{[]string{"-p", "-1", "-a", "[::1]"}, `[FTL] Error listening on port: [[::1]]:0, "listen tcp: address [[::1]]:0: missing port in address"`},
		{[]string{"-p", "-1", "--profile", port}, "[FTL] error starting profiler: listen tcp 127.0.0.1:" + port},
		{[]string{"-p", "-1", "-P", "DIR/no/pid"}, "[FTL] Could not write pidfile: open "},
		{[]string{"-p", "-1", "-m", port}, "[FTL] Can't start monitoring: can't listen to the monitor port: listen tcp 127.0.0.1:" + port + ": bind: address already in use"},
		{[]string{"-p", "-1", "--ports_file_dir", "DIR/no"}, "[FTL] Error writing ports file: open "},
		{[]string{"-p", "-1", "-l", "DIR/no/log"}, "gnatsd-ev: opening the log file: open "},
	} {
		t.Run(c.want, func(t *testing.T) {
			child := start(t, "", nil, append([]string{"-a", "127.0.0.1", "-P", "DIR/pid"}, c.args...)...)
			child.exits(1)
			log := child.read("stderr")
			if !strings.Contains(log, c.want) || strings.Contains(log, "Server is ready") {
				t.Errorf("got\n%s", log)
			}
			if c.args[1] == port && child.read("pid") != "" {
				t.Error("the pid file of the broker that has the port was overwritten")
			}
		})
	}
}

// A broker with TLS says so in its log and in its ports file, as nats-server does.
func TestStartWithTLS(t *testing.T) {
	f := certificate.NewAuthority("authority").Write(t.TempDir(), "server")
	c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", "DIR", "--tlscert", f.Cert, "--tlskey", f.Key)
	c.logged("stderr", "Server is ready")
	inOrder(t, c.read("stderr"), `\[INF\] Listening for client connections on .*`, `\[INF\] TLS required for client connections`, `\[INF\] Server is ready`)
	var p ports
	if err := json.Unmarshal([]byte(c.read(portsName(c))), &p); err != nil || len(p.Nats) != 1 || !strings.HasPrefix(p.Nats[0], "tls://127.0.0.1:") {
		t.Errorf("the ports file holds %q: %v", p.Nats, err)
	}
	c.signal(syscall.SIGTERM)
	c.exits(0)
}

func TestCommandLine(t *testing.T) {
	t.Setenv("SENSOR_PASSWORD", "one") // docs/secure.conf takes them from there
	t.Setenv("WORKER_PASSWORD", "two")
	for _, name := range []string{"MACHINE", "CONTROL", "DESK", "ADMIN"} { // those of docs/accounts.conf
		t.Setenv(name+"_PASSWORD", name)
	}
	for _, c := range []struct {
		line           string
		code           int
		stdout, stderr string // prefixes; empty means nothing
	}{
		{"-v", 0, "gnatsd-ev: v0.1.0 (nats-server 2.15.2 compatible)\n  Go:      go1.", ""},
		{"version", 0, "gnatsd-ev: v0.1.0 ", ""},
		{"--help", 0, "Usage: gnatsd-ev [options]\n", ""},
		{"--prot 1", 2, "", "gnatsd-ev: unknown flag \"--prot\"; did you mean --port?"},
		{"-p x", 2, "", "gnatsd-ev: -p \"x\": a whole number is wanted"},
		{"--tls --tlscert a --tlskey b", 1, "", "gnatsd-ev: error parsing X509 certificate/key pair: open a: no such file"},
		{"--help_tls", 0, "TLS is asked for with flags", ""},
		{"--pass s3cr3t", 1, "", "gnatsd-ev: --pass needs --user: "},
		{"--auth=", 1, "", "gnatsd-ev: --auth \"\": must not be empty"},
		{"bogus", 1, "", "gnatsd-ev: unrecognized command: \"bogus\""},
		{"-t", 1, "", "gnatsd-ev: must specify [-c, --config] option"},
		{"-t -c ../../docs/gnatsd-ev.conf", 0, "", "gnatsd-ev: configuration file ../../docs/gnatsd-ev.conf is valid (sha256:"},
		{"-t -c ../../docs/secure.conf", 0, "", "../../docs/secure.conf:3:1: note: Plaintext passwords detected"},
		{"-t -c ../../docs/accounts.conf", 0, "", "../../docs/accounts.conf:3:1: note: Plaintext passwords detected"},
		{"config show -p 5", 0, "host: \"0.0.0.0\"", ""},
		{"-c /nowhere/x", 1, "", "gnatsd-ev: open /nowhere/x: no such file or directory"},
		{"-c ../config/testdata/complaints/unknown.conf", 1, "", "gnatsd-ev: configuration file ../config/testdata/complaints/unknown.conf is not valid: 7 errors\n"},
		{"-c ../config/testdata/complaints/mixed.conf", 1, "", "gnatsd-ev: configuration file"},
	} {
		var stdout, stderr strings.Builder
		code := Run(strings.Fields(c.line), &stdout, &stderr)
		begins := func(got, want string) bool {
			return strings.HasPrefix(got, want) && (got == "") == (want == "")
		}
		if code != c.code || !begins(stdout.String(), c.stdout) || !begins(stderr.String(), c.stderr) {
			t.Errorf("%q: exit code %d\nstdout %q\nstderr %q", c.line, code, stdout.String(), stderr.String())
		}
	}
}

// A daemon started without descriptors 0 to 2 must not get a socket there: the
// first print of a library would go to a client.
func TestClosedStandardDescriptors(t *testing.T) {
	c := start(t, `exec "$0" "$@" <&- >&- 2>&-`, nil, "-a", "127.0.0.1", "-p", "-1", "-l", "DIR/log", "--ports_file_dir", "DIR")
	c.logged("log", "Server is ready")
	if _, err := os.Stat("/proc/self/fd"); err == nil {
		for fd := range 3 {
			if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.cmd.Process.Pid, fd)); err != nil || to != os.DevNull {
				t.Errorf("descriptor %d is %q, %v", fd, to, err)
			}
		}
	}
	c.signal(syscall.SIGTERM)
	c.exits(0)
}

// Nobody reads standard error: the program starts, works and ends all the same.
func TestLogNobodyReads(t *testing.T) {
	for _, reader := range []string{"stopped", "gone"} {
		t.Run(reader, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if reader == "gone" {
				r.Close()
			} else {
				fill(t, w)
			}
			c := start(t, "", func(cmd *exec.Cmd) { cmd.Stderr = w }, "-a", "127.0.0.1", "-p", "-1", "-P", "DIR/pid", "--ports_file_dir", "DIR")
			w.Close()
			portsFiles := func() bool {
				names, _ := filepath.Glob(filepath.Join(c.dir, "*.ports"))
				return len(names) == 1
			}
			c.until("the start", portsFiles)
			c.signal(syscall.SIGHUP)
			c.signal(syscall.SIGTERM)
			c.exits(0)
			if portsFiles() {
				t.Error("the ports file is still there")
			}
		})
	}
}

// fill writes into a pipe until it is full.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	w.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	for _, size := range []int{4096, 1} {
		for {
			if _, err := w.Write(make([]byte, size)); err != nil {
				break
			}
			w.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		}
		w.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	}
}

func TestDescriptorLimit(t *testing.T) {
	c := start(t, `ulimit -n 200 && exec "$0" "$@"`, nil, "-a", "127.0.0.1", "-p", "-1", "--loops", "2")
	c.logged("stderr", "  Files:    200 open files allowed, up to 159 connections")
	if strings.Contains(c.read("stderr"), "[WRN]") {
		t.Errorf("a default needs no warning:\n%s", c.read("stderr"))
	}
	c = start(t, `ulimit -n 200 && exec "$0" "$@"`, nil, "-a", "127.0.0.1", "-p", "-1", "--loops", "2", "--max_connections", "100k", "--max_payload", "9MB")
	c.logged("stderr", "up to 100000 connections")
	inOrder(t, c.read("stderr"), `\[WRN\] Maximum payloads over 8 MB are .*`,
		`\[WRN\] max_connections is 100000, but the limit of 200 open files leaves room for 159: .*`, `\[INF\] Server is ready`)
	c = start(t, `ulimit -n 200 && exec "$0" "$@"`, nil, "-a", "127.0.0.1", "-p", "-1", "--loops", "2", "-m", "-1")
	c.logged("stderr", "  Files:    200 open files allowed, up to 94 connections")
	for limit, want := range map[int]int{10: 1, 41: 1, 42: 1, 1000: 959, 1 << 30: connectionsMax} {
		if got := connectionsFor(limit, 41); got != want {
			t.Errorf("limit %d: %d connections, want %d", limit, got, want)
		}
	}
}

func TestURLs(t *testing.T) {
	for _, c := range []struct{ ip, want string }{
		{"127.0.0.1", "nats://127.0.0.1:5"}, {"::1", "nats://[::1]:5"}, {"0.0.0.0", "nats://127.0.0.1:5"}, {"::", "nats://127.0.0.1:5"},
	} {
		got := urls("nats", &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 5})
		found := false
		for _, u := range got {
			found = found || u == c.want
			if c.ip == "0.0.0.0" && strings.Contains(u, "[") {
				t.Errorf("%s is not of the family of %s", u, c.ip)
			}
		}
		if !found {
			t.Errorf("%s: %q lacks %s", c.ip, got, c.want)
		}
	}
}
