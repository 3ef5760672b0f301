//go:build unix

package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/internal/invariant"
)

// panicMark makes a child panic the first time it reaches a place, or every time if "every "
// stands before it. At "invariant" it finds one broken while it applies an operation.
const panicMark = "GNATSD_EV_TEST_PANIC"

// plantPanic is the child's side.
func plantPanic() {
	where, broken := os.Getenv(panicMark), false
	if where == "invariant" {
		where, broken = "apply", true
	}
	var left atomic.Int64
	left.Store(1)
	if rest, ok := strings.CutPrefix(where, "every "); ok {
		where = rest
		left.Store(1 << 40)
	}
	invariant.Plant(func(place string, _ any) {
		if place != where || left.Add(-1) < 0 {
			return
		}
		if broken {
			invariant.Check(false, "planted")
		}
		panic("planted at " + place + "\r\n[1] [INF] forged \x1b[2J")
	})
}

// startPanicking runs a child that panics at a place.
func startPanicking(t *testing.T, place string, loops int) (c *child, addr string) {
	t.Helper()
	if !invariant.Enabled {
		t.Skip("places where a panic can be planted need the invariants tag")
	}
	t.Setenv(panicMark, place)
	c = start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", "DIR", "--pin", "off", "--loops", fmt.Sprint(loops))
	c.logged("stderr", "  Files:") // the last line of a start: what comes behind it is of the panic
	return c, c.address()
}

// address is where clients find the child, which has a ports file.
func (c *child) address() string {
	c.t.Helper()
	var p ports
	if err := json.Unmarshal([]byte(c.read(portsName(c))), &p); err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimPrefix(p.Nats[0], "nats://")
}

func portsName(c *child) string {
	names, _ := filepath.Glob(filepath.Join(c.dir, "*.ports"))
	if len(names) == 0 {
		return ""
	}
	return filepath.Base(names[0])
}

// busy keeps a broker at everything it does, until it is gone: clients come, subscribe, publish
// to each other one message at a time, and go.
func busy(addr string, gone <-chan struct{}) *sync.WaitGroup {
	var clients sync.WaitGroup
	for i := range 6 {
		clients.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-gone:
					return
				default:
				}
				talk(addr, fmt.Sprintf("%d.%d", i, round))
			}
		})
	}
	return &clients
}

// talk is one client's life.
func talk(addr, name string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		time.Sleep(time.Millisecond) // the broker may be gone
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(conn)
	fmt.Fprintf(conn, "CONNECT {\"verbose\":false}\r\nSUB all 1\r\nSUB own.%s 2\r\n", name)
	for range 20 {
		fmt.Fprintf(conn, "PUB all 1\r\nx\r\nPUB own.%s 1\r\ny\r\nPING\r\n", name)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if line == "PONG\r\n" {
				break
			}
		}
	}
}

// A panic in what sessions share ends the process, at once, with a last line that
// says what and where, and a status that is none of the others.
func TestAPanicInWhatSessionsShareEndsTheProcess(t *testing.T) {
	alone := []string{"answer", "subscribe", "fan-out", "write", "teardown", "invariant"}
	for _, loops := range []int{1, 2, 4} {
		places := alone
		if loops > 1 {
			places = append(slices.Clone(alone), "commit", "post", "mail", "loan")
		}
		for _, place := range places {
			t.Run(fmt.Sprintf("%s/loops=%d", place, loops), func(t *testing.T) {
				c, addr := startPanicking(t, place, loops)
				clients := busy(addr, c.done)
				c.exits(exitBroken)
				clients.Wait()
				wantLastLine(t, c.read("stderr"))
				if portsName(c) != "" {
					t.Error("the ports file is still there")
				}
			})
		}
	}
}

func wantLastLine(t *testing.T, log string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(log, "\n"), "\n")
	last := lines[len(lines)-1]
	want := regexp.MustCompile(`^\[\d+\] \S+ \S+ \[FTL\] Panic on loop \d+, what sessions share may be half changed, the process ends: ` +
		`"(planted at [a-z-]+\\r\\n\[1\] \[INF\] forged \\x1b\[2J|invariant broken: planted)" at "panic\(.*gnatsd-ev/`)
	if !want.MatchString(last) || len(last) > 8<<10 {
		t.Errorf("the last line is\n%s", last)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "[") || strings.HasPrefix(line, "[1] ") {
			t.Errorf("what was panicked with made a line of its own: %q", line)
		}
	}
}

// Sessions that panic all the time are one line a second, and the process lives on.
func TestPanicsOfSessionsAreOneLineASecond(t *testing.T) {
	const sessions = 200
	c, addr := startPanicking(t, "every apply", 2)
	began := time.Now()
	for i := range sessions {
		talk(addr, fmt.Sprint(i))
	}
	took := time.Since(began)
	c.signal(syscall.SIGTERM)
	c.exits(0)
	panicked := regexp.MustCompile(`\[ERR\] 127\.0\.0\.1:\d+ - cid:\d+ - Panic, this session ends: "planted at apply.*?" at "panic\(.*?"(?: \((\d+) similar suppressed\))?\n`)
	lines := panicked.FindAllStringSubmatch(c.read("stderr"), -1)
	told, repeated := len(lines), 0
	for _, line := range lines {
		if n, _ := strconv.Atoi(line[1]); n > 0 {
			told += n
			repeated++ // one of those it counts, or one more
		}
	}
	if len(lines) == 0 || len(lines) > int(took/time.Second)+3 {
		t.Errorf("%d lines in %v", len(lines), took)
	}
	if told < sessions || told-repeated > sessions {
		t.Errorf("the lines tell of %d panics, %d of them perhaps twice; want %d:\n%s", told, repeated, sessions, c.read("stderr"))
	}
}

// A shutdown waits for all loops, but not for one that has panicked.
func TestAPanicDuringTheShutdownEndsItAtOnce(t *testing.T) {
	c, addr := startPanicking(t, "teardown", 2)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(conn, "CONNECT {\"verbose\":false}\r\nSUB a 1\r\nPING\r\n")
	for in := bufio.NewReader(conn); ; {
		if line, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		} else if line == "PONG\r\n" {
			break
		}
	}
	c.signal(syscall.SIGTERM)
	c.exits(exitBroken)
	wantLastLine(t, c.read("stderr"))
}

// Neither the line about a panic nor the last one shows what was being applied, or what is configured.
func TestPanicsShowNoSecrets(t *testing.T) {
	if !invariant.Enabled {
		t.Skip("places where a panic can be planted need the invariants tag")
	}
	const canary = "c4n4ry"
	for place, code := range map[string]int{"every apply": 0, "every admit": 0, "answer": exitBroken} {
		t.Setenv(panicMark, place)
		c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", "DIR", "--pin", "off", "-DV", "--user", "u", "--pass", canary+"-right")
		c.logged("stderr", "  Files:") // the last line of a start: what comes behind it is of the panic
		addr := c.address()
		for _, password := range []string{"right", "wrong"} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				continue // the first one has ended it
			}
			conn.SetDeadline(time.Now().Add(patience))
			fmt.Fprintf(conn, "CONNECT {\"user\":\"u\",\"pass\":\"%s-%s\"}\r\nPING\r\n", canary, password)
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
			conn.Close()
		}
		if code == 0 {
			c.signal(syscall.SIGTERM)
		}
		c.exits(code)
		if log := c.read("stderr"); strings.Contains(log, canary) || !strings.Contains(log, "planted at") {
			t.Errorf("a panic at %q is told as\n%s", place, log)
		}
	}
}
