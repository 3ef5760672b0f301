package conformance

// natscli, the tool operators type: its commands against every broker.

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// commandTimeout bounds one command; natscli waits forever for some things.
const commandTimeout = 30 * time.Second

// natscli returns the path of the tool, built at the version go.mod names.
var natscli = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "github.com/nats-io/natscli/nats").Output()
	if err != nil {
		return "", fmt.Errorf("building natscli: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
})

// A command is a running natscli.
type command struct {
	cmd    *exec.Cmd
	output *syncedBuffer
}

// syncedBuffer is what a command has printed so far. Its lock guards buf.
type syncedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// begin starts a command; it is killed when the test ends.
func begin(t *testing.T, s server, args ...string) *command {
	t.Helper()
	path, err := natscli()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	c := &command{cmd: exec.CommandContext(ctx, path, append([]string{"--server", s.Address()}, args...)...), output: &syncedBuffer{}}
	// The contexts of whoever runs this test must not count.
	home := t.TempDir()
	c.cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "NO_COLOR=1")
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = c.cmd.Wait() // of what ended already, or was just killed
	})
	return c
}

// shows waits until a command has printed what pattern matches.
func (c *command) shows(t *testing.T, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(commandTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if re.MatchString(c.output.String()) {
			return
		}
	}
	t.Fatalf("%v did not print %s but\n%s", c.cmd.Args[1:], pattern, c.output)
}

// ends waits for a command to end well.
func (c *command) ends(t *testing.T) string {
	t.Helper()
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("%v: %v\n%s", c.cmd.Args[1:], err, c.output)
	}
	return c.output.String()
}

// run runs a command to its end and looks for a pattern in what it prints.
func run(t *testing.T, s server, pattern string, args ...string) {
	t.Helper()
	out := begin(t, s, args...).ends(t)
	if !regexp.MustCompile(pattern).MatchString(out) {
		t.Errorf("%v printed no %s but\n%s", args, pattern, out)
	}
}

func TestNatscliPubSub(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		sub := begin(t, s, "sub", "cli.*", "--count", "2")
		sub.shows(t, `Subscribing on cli\.\*`)
		// It prints that before the server has its SUB.
		waitForInterest(t, s, "cli.probe", sub)
		run(t, s, `Published 5 bytes to "cli\.a"`, "pub", "cli.a", "hello")
		out := sub.ends(t)
		if !strings.Contains(out, `Received on "cli.a"`) || !strings.Contains(out, "hello") {
			t.Errorf("sub printed\n%s", out)
		}
	})
}

// waitForInterest sends requests until somebody takes one.
func waitForInterest(t *testing.T, s server, subject string, c *command) {
	t.Helper()
	nc := connect(t, s)
	for deadline := time.Now().Add(commandTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		// A responder that only listens lets it time out; nobody is told
		// at once.
		if _, err := nc.Request(subject, []byte("probe"), quiet); err == nil || !strings.Contains(err.Error(), "no responders") {
			return
		}
	}
	t.Fatalf("%v never subscribed", c.cmd.Args[1:])
}

func TestNatscliHeaders(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		sub := subscribe(t, connect(t, s), "cli.h", "")
		run(t, s, `Published`, "pub", "cli.h", "body", "-H", "Colour:blue", "--count", "3")
		for range 3 {
			if m := next(t, sub); m.Header.Get("Colour") != "blue" || string(m.Data) != "body" {
				t.Errorf("got %v %q", m.Header, m.Data)
			}
		}
	})
}

func TestNatscliRequestReply(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		reply := begin(t, s, "reply", "cli.help", "the answer")
		waitForInterest(t, s, "cli.help", reply)
		run(t, s, `the answer`, "req", "cli.help", "the question")
		reply.shows(t, `the question`)
	})
}

func TestNatscliRequestNobody(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		run(t, s, `No responders are available`, "req", "cli.nobody", "x")
	})
}

func TestNatscliRTT(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		run(t, s, `(?s)nats://`+regexp.QuoteMeta(s.Address())+`.*[0-9](µs|ms|ns|s)`, "rtt")
	})
}

func TestNatscliServerCheck(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		run(t, s, `OK Connection OK:connected to nats://`, "server", "check", "connection")
	})
}

func TestNatscliBench(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		sub := begin(t, s, "bench", "sub", "cli.bench", "--msgs", "10000", "--clients", "2", "--no-progress")
		waitForInterest(t, s, "cli.bench", sub)
		run(t, s, `msgs/sec`, "bench", "pub", "cli.bench", "--msgs", "10000", "--size", "64", "--no-progress")
		sub.shows(t, `msgs/sec`)
	})
}
