package conformance

// Secrets wherever there can be one, everything that can go wrong, and all that the process said of it: none may be in there.

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/internal/transcript"
)

// A coop is all canaries of one test.
type coop struct {
	t      *testing.T
	dir    string
	birds  map[string]string // by what they are; none of these texts may be shown
	hash   string
	key    nkeys.KeyPair
	public string
	tls    vouched
}

func newCoop(t *testing.T) *coop {
	c := &coop{t: t, dir: t.TempDir(), tls: vouch(t), birds: map[string]string{
		"a password": "c4n4ry-password", "a token": "c4n4ry-token", "a hashed password": "c4n4ry-hashed", "a wrong password": "c4n4ry-guess", "half of a password": "n4ry",
	}}
	hash, err := bcrypt.GenerateFromPassword([]byte(c.birds["a hashed password"]), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	c.hash, c.birds["a hash"] = string(hash), string(hash[len("$2a$04$"):])
	if c.key, err = nkeys.CreateUser(); err != nil {
		t.Fatal(err)
	}
	seed, err := c.key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	c.public, err = c.key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	c.birds["a seed"] = string(seed)
	pem, err := os.ReadFile(c.tls.server.Key)
	if err != nil {
		t.Fatal(err)
	}
	c.birds["a private key"] = strings.Split(string(pem), "\n")[1]
	return c
}

// users is a configuration with every kind of secret.
func (c *coop) users() string {
	return fmt.Sprintf("authorization {\n timeout: 5\n users: [\n  { user: plain, password: %q }\n  { user: hashed, password: %q }\n  { nkey: %s }\n ]\n}\n",
		c.birds["a password"], c.hash, c.public)
}

// file writes a configuration and returns its name.
func (c *coop) file(text string) string {
	c.t.Helper()
	name := filepath.Join(c.t.TempDir(), "secret.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return name
}

// search wants no canary in what was said.
func (c *coop) search(where, said string) {
	c.t.Helper()
	for what, bird := range c.birds {
		if at := strings.Index(said, bird); at >= 0 {
			c.t.Errorf("%s shows %s: ...%q...", where, what, said[max(0, at-100):min(len(said), at+100)])
		}
	}
	for _, b := range []byte(said) {
		if b < ' ' && b != '\n' && b != '\t' || b == 0x7f {
			c.t.Errorf("%s has the raw control byte %#x", where, b)
			break
		}
	}
}

// Files with mistakes, and files without, by every command that reads one.
func TestCanariesInFiles(t *testing.T) {
	c, path := newCoop(t), binary(t)
	whole := c.users()
	pem, err := os.ReadFile(c.tls.server.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"whole": whole, "cut": whole[:len(whole)-5], "no such key": whole + "prt: 1", "no such user": whole + "no_auth_user: nobody",
		"wrong value": strings.Replace(whole, "timeout: 5", "timeout: true", 1), "token and users": strings.Replace(whole, "timeout: 5", "token: "+c.birds["a token"], 1),
		"misspelt": strings.Replace(whole, "password", "pasword", 2), "without quotes": strings.Replace(whole, "\"", "", 4), "a seed for a key": strings.Replace(whole, c.public, c.birds["a seed"], 1),
		"twice":        strings.Replace(whole, "user: hashed", "user: plain", 1),
		"a key inside": fmt.Sprintf("%stls { cert_file: %q, key_file: %q }", whole, c.tls.server.Cert, pem),
		"key for cert": fmt.Sprintf("%stls { cert_file: %q, key_file: %q }", whole, c.tls.server.Key, c.tls.server.Cert),
		"included":     "include " + filepath.Base(c.file(whole)), "refused": "jetstream { key: " + c.birds["a password"] + " }\n" + whole,
	} {
		file := c.file(text)
		for _, args := range [][]string{{"-t"}, {"config", "show"}, {"-t", "-DV"}, {"config", "show", "--user", "u", "--pass", c.birds["a password"]}} {
			out, _ := exec.Command(path, append(args, "-c", file)...).CombinedOutput() // most of them end with a status
			c.search(fmt.Sprintf("%s of the file %q", args, name), string(out))
			if len(out) == 0 {
				t.Errorf("%s of the file %q says nothing", args, name)
			}
		}
	}
	for _, args := range [][]string{
		{"--pass", c.birds["a password"]}, {"--auth", c.birds["a token"], "--prt", "1"}, {"--pass=" + c.birds["a password"], "--user=u", "-p", "x"},
		{"--user", "u", "--pass", c.birds["a password"], "--auth", c.birds["a token"], "-t"}, {"--pas=" + c.birds["a password"]}, {"--pas", c.birds["a password"]},
	} {
		out, _ := exec.Command(path, args...).CombinedOutput() // all of them are refused
		c.search("a refused command line", string(out))
	}
}

// A broker that tells everything, and clients that do everything wrong, in the clear and behind TLS; secrets from a file and
// from flags.
func TestCanariesOfClients(t *testing.T) {
	c := newCoop(t)
	block := fmt.Sprintf("tls { cert_file: %q, key_file: %q }\n", c.tls.server.Cert, c.tls.server.Key)
	for name, s := range map[string]struct {
		options transcript.Options
		flags   []string
	}{
		"file": {configOf(c.users()), nil}, "TLS": {configOf(c.users() + block), nil},
		"user":  {nil, []string{"--user", "plain", "--pass", c.birds["a password"]}},
		"token": {nil, []string{"--auth=" + c.birds["a token"]}}, "hash": {nil, []string{"--user=hashed", "--pass", c.hash}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p, err := candidate.Start(binary(t), dir, candidate.Setting{Options: s.options, Flags: append([]string{"-DV", "-m", "-1", "--profile", "-1", "--lame_duck_grace_period", "10ms", "--log", filepath.Join(dir, "log")}, s.flags...)})
			if err != nil {
				t.Fatal(err)
			}
			c := *c
			c.t = t
			c.attack(p, name == "TLS")
			c.pages(p)
			c.arguments(p, s.flags != nil)
			c.ends(p, dir)
		})
	}
}

// attack sends what clients may send that holds secrets, right and wrong.
func (c *coop) attack(p *candidate.Process, encrypted bool) {
	for i, connect := range c.connects() {
		conn, err := p.Dial()
		if err != nil {
			c.t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(wait))
		in := bufio.NewReader(conn)
		info, err := in.ReadString('\n')
		if err != nil {
			c.t.Fatal(err)
		}
		if encrypted {
			conn = tls.Client(conn, &tls.Config{RootCAs: c.tls.authority.Pool(), ServerName: "127.0.0.1"})
			in = bufio.NewReader(conn)
		}
		sig, _ := c.key.Sign([]byte(nonceOf(info)))
		signed := base64.RawURLEncoding.EncodeToString(sig)
		io.WriteString(conn, strings.ReplaceAll(connect, "SIGNATURE", signed)) // fails where it is refused early
		if i%5 == 0 {
			conn.(interface{ CloseWrite() error }).CloseWrite()
		}
		for err == nil {
			var line string
			line, err = in.ReadString('\n')
			if line == "PONG\r\n" {
				break
			}
		}
		conn.Close()
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			c.t.Errorf("%.60q was not answered", connect)
		}
	}
}

// nonceOf is the nonce of a greeting, empty if it has none.
func nonceOf(info string) string {
	_, rest, _ := strings.Cut(info, `"nonce":"`)
	nonce, _, _ := strings.Cut(rest, `"`)
	return nonce
}

// connects are lines with secrets; some are right for some of the brokers.
func (c *coop) connects() []string {
	right := fmt.Sprintf(`{"user":"plain","pass":%q,"auth_token":%q}`, c.birds["a password"], c.birds["a token"])
	wrong := fmt.Sprintf(`{"user":"plain","pass":%q,"auth_token":%[1]q}`, c.birds["a wrong password"])
	return []string{
		"CONNECT " + right + "\r\nPING\r\n",
		fmt.Sprintf("CONNECT {\"user\":\"hashed\",\"pass\":%q}\r\nPING\r\n", c.birds["a hashed password"]),
		fmt.Sprintf("CONNECT {\"nkey\":%q,\"sig\":\"SIGNATURE\"}\r\nPING\r\n", c.public),
		fmt.Sprintf("CONNECT {\"nkey\":%q,\"sig\":%q}\r\nPING\r\n", c.birds["a seed"], c.birds["a token"]),
		"CONNECT " + wrong + "\r\nPING\r\n",
		"CONNECT " + strings.ReplaceAll(strings.ReplaceAll(right, "pass", `p\u0061ss`), "auth_", `auth\u005f`) + "\r\nPING\r\n",
		"CONNECT " + strings.ReplaceAll(wrong, "auth_token", "AUTH_TOKEN") + "\r\nPING\r\n",
		"CONNECT " + strings.ReplaceAll(wrong, ":", " :\t") + "\nPING\r\n",
		"CONNECT " + right[:len(right)-1] + "\r\nPING\r\n",
		"CONNECT " + right[:len(right)-4] + "\r\nPING\r\n",
		fmt.Sprintf("CONNECT {\"pass\":[%q],\"auth_token\":{\"a\":%[1]q},\"user\":1}\r\n", c.birds["a wrong password"]),
		fmt.Sprintf("CONNECT {\"pass\":1%q}\r\n", c.birds["a wrong password"]),
		"CONNEXT " + right + "\r\n", "CONN" + right + "\r\n", right + "\r\n", "PING\r\n" + right + "\r\n", "\r\nCONNECT " + right + "\r\n",
		"CONNECT " + right[:len(right)-1] + strings.Repeat(" ", 5000) + "}\r\n",
		"CONNECT {" + strings.Repeat(" ", 4060) + right[1:] + strings.Repeat(" ", 5000),
		"CONNECT " + right + "\r\nCONNECT " + wrong + "\r\nPING\r\n",
		"CONNECT " + right + "\r\nSUB a\x1b[2J\r\nPING\r\n", "CONNECT " + right + "\r\nPUB a 3\r\n\x00\x1b\x07\r\nSUB > 1\r\nPUB a\x07b 1\r\n\x1b\r\nPING\r\n",
		"INFO " + right + "\r\n", "CONNECT " + right + "\r\nINFO " + right + "\r\nPING\r\n", "-ERR 'x'\r\n",
		"CONNECT {\"user\":\"\x1b[2J\\u001b[2J\\r\\n[1] [INF] forged\",\"pass\":\"" + c.birds["a wrong password"] + "\",\"name\":\"\\u0007\",\"lang\":\"\\u009b\"}\r\n",
		"CONNECT {\"user\":\"\\u001b[2J\\r\\n[1] [INF] forged\",\"pass\":\"" + c.birds["a wrong password"] + "\",\"name\":\"\\u0007\",\"lang\":\"\\u009b\"}\r\n",
	}
}

// pages looks at all that is served over HTTP.
func (c *coop) pages(p *candidate.Process) {
	profiler := c.profiler(p)
	for _, url := range []string{
		"http://" + p.Monitor() + "/", "http://" + p.Monitor() + "/varz", "http://" + p.Monitor() + "/healthz?details=1", "http://" + p.Monitor() + "/connz?auth=1", "http://" + p.Monitor() + "/debug/vars",
		profiler + "/debug/pprof/", profiler + "/debug/pprof/cmdline", profiler + "/debug/pprof/goroutine?debug=2", profiler + "/debug/pprof/goroutine?debug=1", profiler + "/debug/pprof/heap?debug=1",
	} {
		r, err := http.Get(url)
		if err != nil {
			c.t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			c.t.Fatal(err)
		}
		c.search(url, strings.ReplaceAll(string(body), "\x00", " "))
		if strings.HasSuffix(url, "cmdline") && !strings.Contains(string(body), "-DV") {
			c.t.Errorf("%s answers %q", url, body)
		}
	}
}

// profiler is where the ports file says it is.
func (c *coop) profiler(p *candidate.Process) string {
	c.t.Helper()
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(args), "--ports_file_dir\x00")
	dir, _, _ := strings.Cut(rest, "\x00")
	names, _ := filepath.Glob(filepath.Join(dir, "*.ports"))
	text, err := os.ReadFile(names[0])
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ = strings.Cut(string(text), `"profile":["`)
	url, _, _ := strings.Cut(rest, `"`)
	return url
}

// arguments says what the list of processes shows: what was given by flag stays there, as with nats-server, which is why the
// README names it; nothing else gets there.
func (c *coop) arguments(p *candidate.Process, byFlag bool) {
	c.t.Helper()
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	if !byFlag {
		c.search("the list of processes", strings.ReplaceAll(string(args), "\x00", " "))
	}
}

// ends makes the broker a lame duck, which has nobody to see off, and looks at all it has written.
func (c *coop) ends(p *candidate.Process, dir string) {
	c.t.Helper()
	syscall.Kill(p.Pid, syscall.SIGUSR1)
	if err := p.Retire(wait); err != nil {
		c.t.Error(err)
	}
	c.search("its standard output", p.Output())
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.search("its log", string(log))
	for _, line := range []string{"authentication error", "[TRC]", "[DBG]", "lame duck"} {
		if !strings.Contains(string(log), line) {
			c.t.Errorf("the log has no %q: this tests little\n%.2000s", line, log)
		}
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(log), "\n"), "\n") {
		if !strings.HasPrefix(line, fmt.Sprintf("[%d] ", p.Pid)) {
			c.t.Errorf("a line of the log is forged: %q", line)
		}
	}
}
