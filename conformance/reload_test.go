package conformance

// The same configurations and SIGHUPs for nats-server and gnatsd-ev, both as processes: what clients get, and
// whether the reload is refused and in which words, must be the same.

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
)

// buildReal builds nats-server once.
var buildReal = sync.OnceValues(func() (string, error) {
	return candidate.Build(buildDir, "", "nats-server", "github.com/nats-io/nats-server/v2")
})

// A caller is a client, and what it does.
type caller struct {
	connect string // fields of CONNECT
	lines   string // what it sends before the reload
	after   string // and behind it, or ends
}

// reloading is one change of a configuration.
type reloading struct {
	what        string
	old, next   string
	callers     []caller
	differently map[int][]string // what a caller gets from us instead
}

const (
	ends         = "ends" // nats-server takes its time to close
	asAnn, asBob = `"user":"ann","pass":"x"`, `"user":"bob","pass":"y"`
	annAndBob    = "authorization { users: [\n {user: ann, password: x}\n {user: bob, password: y %s}\n] }\n"
)

func annAnd(bob string) string { return fmt.Sprintf(annAndBob, bob) }

var reloadings = []reloading{
	{what: "nothing", old: annAnd(""), next: annAnd(""), callers: []caller{{asAnn, "", "SUB a 1\r\n"}, {asBob, "", ""}}},
	{what: "permissions to subscribe taken away", old: annAnd(""), next: annAnd(`, permissions: { subscribe: { deny: ["a", "b.x", "c q"] } }`),
		callers: []caller{{asAnn, "SUB a 1\r\n", ""}, {asBob, "SUB a 1\r\nSUB b.* 2\r\nSUB a q 3\r\nSUB c q 4\r\nSUB c 5\r\nSUB > 6\r\n", "PUB b.x 1\r\nx\r\nPUB b.y 1\r\ny\r\nPUB c 1\r\nz\r\nSUB a 7\r\n"}}},
	{what: "permissions to subscribe narrowed", old: annAnd(`, permissions: { subscribe: { allow: ["a.>", "b"] } }`), next: annAnd(`, permissions: { subscribe: { allow: ["a.*"] } }`),
		callers: []caller{{asBob, "SUB a.b.c 1\r\nSUB a.x 2\r\nSUB b 3\r\n", "SUB b 4\r\nSUB a.y 5\r\n"}}},
	{what: "permissions to publish taken away", old: annAnd(""), next: annAnd(`, permissions: { publish: { allow: ["b"] } }`),
		callers: []caller{{asBob, "SUB > 1\r\nPUB a 1\r\nx\r\n", "PUB a 1\r\nx\r\nPUB b 1\r\ny\r\n"}}},
	{what: "permissions given", old: annAnd(`, permissions: { publish: { deny: ["a"] }, subscribe: { deny: ["a"] } }`), next: annAnd(""),
		callers: []caller{{asBob, "SUB a 1\r\nPUB a 1\r\nx\r\n", "SUB a 1\r\nPUB a 1\r\nx\r\n"}}},
	{what: "password changed", old: annAnd(""), next: strings.Replace(annAnd(""), "password: y", "password: z", 1), callers: []caller{{asAnn, "", ""}, {asBob, "", ""}}},
	{what: "user removed", old: annAnd(""), next: "authorization { users: [ {user: ann, password: x} ] }\n", callers: []caller{{asAnn, "", ""}, {asBob, "", ""}},
		differently: map[int][]string{1: {"-ERR 'Authorization Violation'", "EOF"}}}, // it is told why
	{what: "token changed", old: "authorization { token: t }\n", next: "authorization { token: s }\n", callers: []caller{{`"auth_token":"t"`, "", ""}}},
	{what: "token kept", old: "authorization { token: t }\n", next: "authorization { token: t, timeout: 3 }\n", callers: []caller{{`"auth_token":"t"`, "", ""}}},
	{what: "the only user kept", old: "authorization { user: ann, password: x }\n", next: "debug: false\nauthorization { user: ann, password: x }\n", callers: []caller{{asAnn, "", ""}},
		differently: map[int][]string{0: {"PONG"}}}, // nats-server closes it, whatever the reload is about
	{what: "proof wanted", old: "debug: false\n", next: annAnd(""), callers: []caller{{`"name":"x"`, "", ""}}},
	{what: "limits", old: "debug: false\n", next: "max_payload: 10\nmax_control_line: 512\nping_max: 5\n",
		callers: []caller{{`"name":"x"`, "SUB a 1\r\n", "PUB a 10\r\n0123456789\r\n"}, {`"name":"y"`, "", "PUB b 11\r\n01234567890\r\n"}, {`"name":"z"`, "", "SUB " + strings.Repeat("x", 600) + " 1\r\n"}}},
	{what: "account removed", old: "accounts { A { users: [ {user: ann, password: x} ] }\n B { users: [ {user: bob, password: y} ] } }\n", next: "accounts { A { users: [ {user: ann, password: x} ] } }\n",
		callers: []caller{{asAnn, "SUB a 1\r\n", "PUB a 1\r\nx\r\n"}, {asBob, "", ""}}, differently: map[int][]string{1: {"-ERR 'Authorization Violation'", "EOF"}}},
	{what: "user moved to another account", old: "accounts { A { users: [ {user: ann, password: x}, {user: bob, password: y} ] }\n B {} }\n",
		next: "accounts { A { users: [ {user: ann, password: x} ] }\n B { users: [ {user: bob, password: y} ] } }\n", callers: []caller{{asAnn, "", ""}, {asBob, "", ""}}},
	{what: "limits of an account", old: "accounts { A { users: [ {user: ann, password: x}, {user: bob, password: y} ] } }\n",
		next:    "accounts { A { users: [ {user: ann, password: x}, {user: bob, password: y} ]\n limits { max_payload: 5, max_subs: 3 } } }\n",
		callers: []caller{{asAnn, "", "PUB a 6\r\n012345\r\n"}, {asBob, "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n", ends}}},
	{what: "server_name", old: "debug: false\n", next: "server_name: x\n", callers: []caller{{`"name":"x"`, "", ""}}},
	{what: "max_pending", old: "debug: false\n", next: "max_pending: 3000000\n", callers: []caller{{`"name":"x"`, "", ""}}},
	{what: "no_auth_user", old: annAnd(""), next: annAnd("") + "no_auth_user: ann\n", callers: []caller{{asAnn, "", ""}}},
}

// reloadLine is how a reload ends; of one that is refused for what cannot change the words count.
var reloadLine = regexp.MustCompile(`(Reloaded server configuration|Failed to reload server configuration: config reload not supported.*)`)

// play is what the callers get behind a reload, and how it ends.
func (c *reloading) play(t *testing.T, binary string) (got [][]string, line string) {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf")
	write := func(text string) {
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(c.old)
	p, err := candidate.Start(binary, dir, candidate.Setting{Flags: []string{"-c", conf}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	var all []*rawClient
	for _, who := range c.callers {
		client, err := dialRaw(t, p, wait)
		if err != nil {
			t.Fatal(err)
		}
		defer client.conn.Close()
		fmt.Fprintf(client.conn, "CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1,%s}\r\n%sPING\r\n", who.connect, who.lines)
		if said := untilPong(client); said[len(said)-1] != "PONG" {
			t.Fatalf("%s: before the reload a client gets %q", c.what, said)
		}
		all = append(all, client)
	}
	write(c.next)
	if err := syscall.Kill(p.Pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(wait); line == ""; time.Sleep(5 * time.Millisecond) {
		if line = reloadLine.FindString(p.Output()); time.Now().After(deadline) {
			t.Fatalf("%s: no outcome of the reload in\n%s", c.what, p.Output())
		}
	}
	for i, who := range c.callers {
		if who.after != ends {
			io.WriteString(all[i].conn, who.after+"PING\r\n") // fails where it was closed, which reading sees
		}
		said := untilPong(all[i])
		if strings.HasPrefix(c.what, "permissions") {
			slices.Sort(said) // in which order they are looked at means nothing
		}
		got = append(got, said)
	}
	return got, line
}

// untilPong returns what comes up to a PONG or the end, without INFO behind the first PONG and without PING.
func untilPong(c *rawClient) (said []string) {
	for {
		line, err := c.line(wait)
		switch {
		case err != nil:
			return append(said, "EOF")
		case line == "PING", strings.HasPrefix(line, "INFO"):
			continue
		}
		if said = append(said, line); line == "PONG" {
			return said
		}
	}
}

func TestReloadsAreTheSame(t *testing.T) {
	real, err := buildReal()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range reloadings {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			want, wantLine := c.play(t, real)
			got, line := c.play(t, binary(t))
			if line != wantLine {
				t.Errorf("the outcome is %q, want %q", line, wantLine)
			}
			for i := range want {
				if ours, deviates := c.differently[i]; deviates {
					if slices.Equal(want[i], ours) {
						t.Errorf("client %d: nats-server does as we do by now", i)
					}
					want[i] = ours
				}
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("client %d gets %q, want %q", i, got[i], want[i])
				}
			}
		})
	}
}
