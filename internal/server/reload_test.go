//go:build unix

package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/internal/certificate"
)

// A reloader is a child with a configuration file.
type reloader struct {
	*child
	conf  string
	ports ports
}

func startReloader(t *testing.T, text string, args ...string) *reloader {
	t.Helper()
	r := &reloader{conf: filepath.Join(t.TempDir(), "conf")}
	r.write(t, text)
	r.child = start(t, "", nil, append([]string{"-c", r.conf, "-a", "127.0.0.1", "-p", "-1", "-m", "-1", "--ports_file_dir", "DIR", "--pin", "off"}, args...)...)
	r.logged("stderr", "  Files:")
	names, _ := filepath.Glob(filepath.Join(r.dir, "*.ports"))
	if len(names) != 1 {
		t.Fatalf("ports files: %v", names)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &r.ports); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reloader) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(r.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload sends SIGHUP and waits for a line in a log.
func (r *reloader) reload(text, log, line string) {
	r.t.Helper()
	r.write(r.t, text)
	r.signal(syscall.SIGHUP)
	r.logged(log, line)
}

func (r *reloader) dial() net.Conn {
	r.t.Helper()
	_, at, _ := strings.Cut(r.ports.Nats[0], "://")
	c, err := net.Dial("tcp", at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// varz is some of what the monitor tells.
func (r *reloader) varz() (v struct {
	Digest string    `json:"config_digest"`
	Loaded time.Time `json:"config_load_time"`
	Start  time.Time `json:"start"`
	Max    int       `json:"max_payload"`
	Ends   time.Time `json:"tls_cert_not_after"`
}) {
	r.t.Helper()
	a, err := http.Get(r.ports.Monitoring[0] + "/varz")
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Body.Close()
	if err := json.NewDecoder(a.Body).Decode(&v); err != nil {
		r.t.Fatal(err)
	}
	return v
}

// One process from reload to reload: what is in force is told by the log and the monitor, and what is refused
// changes nothing.
func TestReloadsOfOneLife(t *testing.T) {
	r := startReloader(t, "max_payload: 1000\n")
	before := r.varz()
	r.reload("max_payload: 2000\nping_max: 7\n", "stderr", "Reloaded server configuration (sha256:")
	inOrder(t, r.read("stderr"), `\[INF\] Trapped "hangup" signal`, `\[INF\] Reloaded: ping_max = 7`, `\[INF\] Reloaded: max_payload = 2000`, `\[INF\] Reloaded server configuration \(sha256:[0-9a-f]{64}\)`)
	now := r.varz()
	if now.Max != 2000 || now.Digest == before.Digest || !now.Loaded.After(before.Loaded) || !now.Start.Equal(before.Start) || !strings.Contains(r.read("stderr"), now.Digest) {
		t.Errorf("/varz tells of %+v, and before of %+v", now, before)
	}
	greeting, err := bufio.NewReader(r.dial()).ReadString('\n')
	if err != nil || !strings.Contains(greeting, `"max_payload":2000,`) {
		t.Errorf("greeted with %s, %v", greeting, err)
	}
	for _, c := range []struct{ text, line string }{
		{"max_payload: 3000\nserver_name: x\n", "Failed to reload server configuration: config reload not supported for ServerName: old=, new=x"},
		{"max_payload: 3000\nmax_pending: 5000\n", "Failed to reload server configuration: config reload not supported for MaxPending: old=67108864, new=5000"},
		{"max_payload: 3000\nlog_file: \"/no/where\"\n", "Failed to reload server configuration: opening the log file: open /no/where: no such file or directory"},
		{"max_payload: 3000\ntls { cert_file: \"/no/cert\", key_file: \"/no/key\" }\n", "open /no/cert: no such file or directory"},
		{"", "Failed to reload server configuration: config has no values or is empty"},
		{"max_payload: 3000\nping_mx: 3\nauthorization {user: a, password: c4n4ry, tken: b}\n", "conf:3:43: unknown field \"tken\""},
	} {
		r.reload(c.text, "stderr", c.line)
		if still := r.varz(); still != now {
			t.Errorf("%s: /varz tells of %+v, and before of %+v", c.line, still, now)
		}
	}
	r.logged("stderr", "[ERR]   "+r.conf+":2:1: unknown field \"ping_mx\"; did you mean \"ping_max\"?")
	os.Remove(r.conf)
	r.signal(syscall.SIGHUP)
	r.logged("stderr", "Failed to reload server configuration: open "+r.conf+": no such file or directory")
	if log := r.read("stderr"); strings.Contains(log, "c4n4ry") {
		t.Errorf("a password is in the log:\n%s", log)
	}
	r.signal(syscall.SIGTERM)
	r.exits(0)
}

// A reload that waits for a file nobody reads does not keep the process from ending.
func TestTheEndDoesNotWaitForAReload(t *testing.T) {
	r := startReloader(t, "max_payload: 1000\n")
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	r.reload(fmt.Sprintf("log_file: %q\n", pipe), "stderr", `[INF] Trapped "hangup" signal`)
	r.signal(syscall.SIGTERM)
	r.exits(0)
}

// The log moves with its lines, and so do the files that tell of the process.
func TestAReloadMovesFiles(t *testing.T) {
	r := &reloader{conf: filepath.Join(t.TempDir(), "conf")}
	other := t.TempDir()
	r.write(t, "ports_file_dir: \""+other+"\"\n")
	r.child = start(t, "", nil, "-c", r.conf, "-a", "127.0.0.1", "-p", "-1", "--pin", "off")
	r.logged("stderr", "  Files:")
	files := func(dir string) int {
		names, _ := filepath.Glob(filepath.Join(dir, "*.ports"))
		return len(names)
	}
	r.reload(fmt.Sprintf("ports_file_dir: %q\npid_file: \"%s/pid\"\nlog_file: \"%s/log\"\nlogtime: false\ndebug: true\ntrace: true\n", r.dir, r.dir, r.dir), "log", "Reloaded server configuration")
	if files(other) != 0 || files(r.dir) != 1 || r.read("pid") != fmt.Sprint(r.cmd.Process.Pid) {
		t.Errorf("%d and %d ports files, and the pid %q", files(other), files(r.dir), r.read("pid"))
	}
	first := r.read("stderr")
	if !strings.Contains(first, "Reloaded: log_file = "+r.dir+"/log\n") || strings.Contains(first, "Reloaded server configuration") {
		t.Errorf("the first log is\n%s", first)
	}
	if err := os.Rename(filepath.Join(r.dir, "log"), filepath.Join(r.dir, "old")); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGHUP)
	r.signal(syscall.SIGUSR1)
	r.logged("log", "File log re-opened")
	if log := r.read("log"); !strings.HasPrefix(log, fmt.Sprintf("[%d] [INF] ", r.cmd.Process.Pid)) {
		t.Errorf("lines have a time:\n%s", log)
	}
	r.signal(syscall.SIGTERM)
	r.exits(0)
	if files(r.dir) != 0 {
		t.Error("the ports file is left behind")
	}
}

// A reload that never comes to its end because a client holds everything up does not keep the process from ending, and
// those that come while one runs are one.
func TestReloadsAndTheEnd(t *testing.T) {
	r := startReloader(t, "ping_max: 3\n")
	for range 50 {
		r.signal(syscall.SIGHUP)
	}
	r.logged("stderr", "Reloaded server configuration")
	for range 50 {
		r.signal(syscall.SIGHUP)
	}
	r.signal(syscall.SIGTERM)
	r.exits(0)
}

// Certificates that have other names, or the same and other contents, hold for who comes from then on; who is there keeps
// its connection. A warning is over with the certificate it was about.
func TestAReloadOfCertificates(t *testing.T) {
	dir := t.TempDir()
	conf := func(f certificate.Files) string {
		return fmt.Sprintf("tls { cert_file: %q, key_file: %q, timeout: 5 }\n", f.Cert, f.Key)
	}
	f := certificate.NewAuthority("first").Write(dir, "server")
	r := startReloader(t, conf(f))
	r.logged("stderr", "[WRN] The TLS certificate ends in 1 hours, on ")
	before := r.varz()
	time.Sleep(1100 * time.Millisecond) // certificates tell the end in whole seconds
	certificate.NewAuthority("second").Write(dir, "server")
	r.reload(conf(f), "stderr", "Reloaded server configuration")
	r.logged("stderr", "[INF] Reloaded: tls = enabled")
	if now := r.varz(); !now.Ends.After(before.Ends) {
		t.Errorf("/varz tells of %v, and before of %v", now.Ends, before.Ends)
	}
	if err := os.WriteFile(f.Key, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.reload(conf(f), "stderr", "error parsing X509 certificate/key pair")
	r.reload("debug: false\n", "stderr", "[INF] Reloaded: tls = disabled")
	r.until("/varz tells of no certificate", func() bool { return r.varz().Ends.IsZero() })
	c := r.dial()
	io.WriteString(c, "CONNECT {\"verbose\":false}\r\nPING\r\n")
	lines := bufio.NewReader(c)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("without TLS: %v", err)
		}
		if strings.HasPrefix(line, "PONG") {
			break
		}
	}
	r.signal(syscall.SIGTERM)
	r.exits(0)
}
