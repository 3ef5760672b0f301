package chaos

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A reloader is a broker with a configuration file and a monitor.
type reloader struct {
	*Broker
	t    *testing.T
	file string
}

// startReloader runs gnatsd-ev with a configuration.
func startReloader(t *testing.T, s Setting, text string) *reloader {
	t.Helper()
	r := &reloader{t: t, file: filepath.Join(t.TempDir(), "reload.conf")}
	r.write(text)
	s.Flags = append(s.Flags, "-c", r.file, "-m", "-1")
	r.Broker = Start(t, s)
	return r
}

// write puts a configuration in the place of the one before, as a whole. Any goroutine.
func (r *reloader) write(text string) {
	err := os.WriteFile(r.file+".next", []byte(text), 0o600)
	if err == nil {
		err = os.Rename(r.file+".next", r.file)
	}
	if err != nil {
		r.t.Errorf("the configuration cannot be written: %v", err)
	}
}

// outcomes are the lines with which a reload ends.
var outcomes = regexp.MustCompile(`(Reloaded server configuration|Failed to reload server configuration).*`)

// reload sends SIGHUP and returns the line with which the reload ends, and how long that took.
func (r *reloader) reload() (line string, took time.Duration) {
	r.t.Helper()
	before, start := len(r.Output()), time.Now()
	r.Signal(r.t, syscall.SIGHUP)
	for time.Since(start) < Patience {
		if line = outcomes.FindString(r.Output()[before:]); line != "" {
			return line, time.Since(start)
		}
		time.Sleep(200 * time.Microsecond)
	}
	r.t.Fatalf("no outcome of a reload in %v", Patience)
	return "", 0
}

// A look is what /varz tells of a broker.
type look struct {
	Connections int       `json:"connections"`
	Digest      string    `json:"config_digest"`
	Loaded      time.Time `json:"config_load_time"`
	PingMax     int       `json:"ping_max"`
	Loops       []struct {
		Lag struct {
			Second time.Duration `json:"second"`
			Ever   time.Duration `json:"ever"`
		} `json:"lag"`
	} `json:"loops"`
}

func (r *reloader) look() (l look) {
	r.t.Helper()
	answer, err := http.Get("http://" + r.Monitor() + "/varz")
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&l); err != nil {
		r.t.Fatal(err)
	}
	return l
}

// longest is the longest time a loop has not looked at its sockets, in the last second.
func (l look) longest() (longest time.Duration) {
	for _, loop := range l.Loops {
		longest = max(longest, loop.Lag.Second)
	}
	return longest
}

// anybody is the line of a user that clients without a name are taken for.
const anybody = `  { user: anybody, password: "" }`

// seedConfig is what mutations begin with.
const seedConfig = `debug: false
max_payload: 1MB
max_control_line: 4KB
ping_interval: "2m"
ping_max: 2
write_deadline: "60s"
no_auth_user: anybody
authorization {
 timeout: 2
 users: [
` + anybody + `
  { user: bob, password: secret1, permissions: { publish: { deny: ["a.>"] }, subscribe: { allow: ["b", "c.*"] } } }
  { user: ann, password: "$2a$04$0123456789012345678901234567890123456789012345678901" }
 ]
}
`

// A mutation is a configuration made out of the seed, and what must come of it.
type mutation struct {
	text string
	want string // a part of the outcome; empty: whatever it is
}

var (
	validChanges = [][2]string{
		{"ping_max: 2", "ping_max: %d"}, {`"2m"`, `"%dm"`}, {"secret1", "secret%d"}, {"c.*", "c.%d"}, {"a.>", "a.%d.>"},
		{"max_payload: 1MB", "max_payload: %dKB"}, {"timeout: 2", "timeout: %d"}, {"4KB", "4%d"}, {" ]\n", "  { user: new%d, password: x }\n ]\n"},
	}
	refusedChanges = []string{"server_name: n%d", "max_pending: 3%d000000", "lame_duck_duration: \"5%ds\"", "event_loops { loops: 1%d }", "max_subscriptions: %d"}
)

// mutate makes one.
func mutate(r *rand.Rand) mutation {
	n := 10 + r.IntN(80)
	switch r.IntN(4) {
	case 0:
		c := validChanges[r.IntN(len(validChanges))]
		return mutation{strings.Replace(seedConfig, c[0], fmt.Sprintf(c[1], n), 1), "Reloaded server configuration"}
	case 1:
		return mutation{seedConfig + fmt.Sprintf(refusedChanges[r.IntN(len(refusedChanges))], n) + "\n", "Failed to reload server configuration: "}
	}
	// Bytes go, come and change anywhere but in the line of those who are connected.
	text := []byte(seedConfig)
	for range 1 + r.IntN(4) {
		at := r.IntN(len(text))
		if whole := strings.Index(string(text), anybody); whole >= 0 && at >= whole && at <= whole+len(anybody) {
			continue
		}
		switch b := byte(" {}[]\"'#:,\n\\$x0\x00\xff"[r.IntN(17)]); r.IntN(4) {
		case 0:
			if at >= strings.Index(seedConfig, anybody) { // before that, it would be a good one without users
				text = text[:at]
			}
		case 1:
			text = append(text[:at], text[at+1:]...)
		case 2:
			text[at] = b
		default:
			text = append(text[:at], append([]byte{b}, text[at:]...)...)
		}
	}
	return mutation{text: string(text)}
}

// T41: broken, refused and valid configurations, by seed: a reload that fails leaves everything as it is,
// and none costs a connection or a message.
func TestMutatedConfigurationsCostNobody(t *testing.T) {
	const members = 20
	rounds, seed := Scale(150, 1000), uint64(41)
	s := Setting{Loops: 2}
	b := startReloader(t, s, seedConfig)
	crowd := NewSwarm(t, b.Address())
	crowd.Join(t, members, Subscription{Subject: "news", From: []uint16{1}})
	from := NewPublisher(t, b.Address(), 1)
	r := rand.New(rand.NewPCG(seed, 1))
	was := b.look()
	good, bad := 0, 0
	for i := range rounds {
		m := mutate(r)
		b.write(m.text)
		line, _ := b.reload()
		now := b.look()
		switch {
		case !strings.Contains(line, m.want):
			t.Fatalf("seed %d, %d: the outcome is %q, want %q, of\n%s", seed, i, line, m.want, m.text)
		case strings.HasPrefix(line, "Reloaded"):
			good++
			if !strings.Contains(line, now.Digest) || now.Digest == "" || !now.Loaded.After(was.Loaded) {
				t.Fatalf("seed %d, %d: %q, but /varz tells of %q, loaded %v", seed, i, line, now.Digest, now.Loaded)
			}
		default:
			bad++
			if now.Digest != was.Digest || !now.Loaded.Equal(was.Loaded) || now.PingMax != was.PingMax {
				t.Fatalf("seed %d, %d: %q, but /varz tells of %+v, and of %+v before", seed, i, line, now, was)
			}
		}
		if now.Connections != members+1 {
			t.Fatalf("seed %d, %d: %d are connected, want %d, behind %q, of\n%s", seed, i, now.Connections, members+1, line, m.text)
		}
		was = now
		if err := from.Publish("news", 100); err != nil {
			t.Fatal(err)
		}
		if err := from.Barrier(); err != nil {
			t.Fatal(err)
		}
	}
	crowd.Settle(t)
	crowd.MustHaveAll(t, "subscribers", from)
	if good < rounds/5 || bad < rounds/5 {
		t.Errorf("%d reloads went well and %d did not: this tests little", good, bad)
	}
	for line := range strings.Lines(b.Output()) {
		if strings.Contains(line, "secret") || strings.Contains(line, "0123456789") {
			t.Errorf("a secret is in the log: %s", line)
		}
	}
	Report(t, "T41", "mutated configurations and SIGHUP: what fails changes nothing, none costs a connection or a message", s.Name(), Figures{
		"rounds": rounds, "seed": seed, "reloaded": good, "refused": bad, "members": members, "lost": crowd.Missing(1, from.Sent()),
	})
}

// T41, CVE-2017-7652: a reload that finds no descriptors must not open doors, or close any.
func TestAReloadWithoutDescriptorsResetsNothing(t *testing.T) {
	const conf = "max_connections: 1000\nauthorization { users: [ { user: bob, password: pw } ] }\n"
	s := Setting{Loops: 2, Limits: []string{"--nofile=64"}}
	b := startReloader(t, s, conf)
	was := b.look()
	http.DefaultClient.CloseIdleConnections()
	login := func(password string) (*Client, error) {
		c, err := dialAs(b.Address(), "bob", password, 2*time.Second)
		if err == nil {
			t.Cleanup(func() { c.Conn.Close() })
		}
		return c, err
	}
	var in []*Client
	for range 64 {
		c, err := login("pw")
		if err != nil {
			break // nobody is accepted any more
		}
		in = append(in, c)
	}
	if len(in) < 10 || len(in) == 64 {
		t.Fatalf("%d were let in with 64 descriptors", len(in))
	}
	b.write("authorization { users: [ { user: bob, password: other } ] }\n")
	line, _ := b.reload()
	if !strings.Contains(line, "Failed to reload") || !strings.Contains(line, "too many open files") {
		t.Errorf("without descriptors the outcome is %q", line)
	}
	for _, c := range in {
		if _, err := c.Ping(); err != nil {
			t.Fatalf("who is connected: %v", err)
		}
	}
	for _, c := range in[:8] {
		c.Conn.Close()
	}
	for deadline := time.Now().Add(Patience); ; {
		if c, err := login("pw"); err == nil {
			c.Conn.Close()
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("nobody is let in when there is room: %v", err)
		}
	}
	if _, err := login("other"); err == nil {
		t.Error("the new password opens the door")
	}
	if _, err := Dial(b.Address()); err == nil {
		t.Error("the door is open")
	}
	if now := b.look(); now.Digest != was.Digest {
		t.Errorf("/varz tells of %q, want %q", now.Digest, was.Digest)
	}
	if line, _ = b.reload(); !strings.HasPrefix(line, "Reloaded") {
		t.Errorf("with descriptors the outcome is %q", line)
	}
	for _, c := range in[8:] {
		if _, err := c.Ping(); err == nil {
			t.Fatal("who has the old password stays")
		}
	}
	Report(t, "T41", "SIGHUP without descriptors: nothing is reset", s.Name(), Figures{"connected": len(in)})
}

// dialAs connects a user, whose -ERR or silence is an error.
func dialAs(address, user, password string, patience time.Duration) (*Client, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	c := &Client{Conn: conn, in: bufio.NewReader(conn)}
	conn.SetReadDeadline(time.Now().Add(patience))
	if err = c.Send(fmt.Sprintf("CONNECT {\"verbose\":false,\"user\":%q,\"pass\":%q}\r\nPING\r\n", user, password)); err == nil {
		err = c.pong()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s is not let in: %w", user, err)
	}
	return c, nil
}

// pong reads up to a PONG, within the deadline that was set.
func (c *Client) pong() error {
	for {
		line, err := c.in.ReadString('\n')
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "PONG"):
			return nil
		case strings.HasPrefix(line, "-ERR"):
			return errors.New(strings.TrimSpace(line))
		}
	}
}

// T41: a revoked user is cut within a second, of a broker that has work to do.
func TestARevokedUserIsCutSoon(t *testing.T) {
	const conf = "no_auth_user: anybody\nauthorization { users: [\n" + anybody + "\n%s] }\n"
	onEach(t, ours, func(t *testing.T, s Setting) {
		s.Options = patient
		b := startReloader(t, s, fmt.Sprintf(conf, "{ user: bob, password: pw }\n"))
		crowd := NewSwarm(t, b.Address())
		crowd.Join(t, 100, Subscription{Subject: "news", From: []uint16{1}})
		from := NewPublisher(t, b.Address(), 1)
		stop, done := make(chan struct{}), make(chan error)
		go func() { // ends with stop
			done <- from.Run(Plan{Subject: Always("news"), Size: Bytes(200), Rate: 2000, Window: 200, Behind: crowd.Behind(from), Stop: stop})
		}()
		var revoked []*Client
		for range 10 {
			c, err := dialAs(b.Address(), "bob", "pw", Patience)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Conn.Close()
			revoked = append(revoked, c)
		}
		b.write(fmt.Sprintf(conf, ""))
		start := time.Now()
		b.Signal(t, syscall.SIGHUP)
		for _, c := range revoked {
			c.Conn.SetReadDeadline(start.Add(Patience))
			if err := c.pong(); err == nil || err.Error() != "-ERR 'Authorization Violation'" {
				t.Errorf("a revoked user is told %v", err)
			}
			if _, err := c.in.ReadByte(); err != io.EOF {
				t.Errorf("a revoked user's connection ends with %v", err)
			}
		}
		took := time.Since(start)
		must(t, s, took < 3*time.Second, "they were cut after %v", took)
		close(stop)
		if err := <-done; err != nil {
			t.Error(err)
		}
		crowd.Settle(t)
		crowd.MustHaveAll(t, "subscribers", from)
		Report(t, "T41", "a user is revoked by SIGHUP under load: cut within a second", s.Name(), Figures{
			"cut_after_ms": took.Milliseconds(), "lost": crowd.Missing(1, from.Sent()),
		})
	})
}

// T44: SIGHUP a hundred times a second under load, each with another configuration: no message is lost, nobody's
// connection ends, and nothing is left of it.
func TestManyReloadsUnderLoadLoseNothing(t *testing.T) {
	const publishers, members, rate = 4, 100, 100
	length := Scale(2*time.Second, 30*time.Second)
	config := func(i int) string {
		return fmt.Sprintf("ping_max: %d\nmax_payload: %d\nwrite_deadline: \"60s\"\nno_auth_user: anybody\nauthorization { users: [\n%s\n { user: u%d, password: x%d } ] }\n",
			2+i%3, 1000000+i%7, strings.Replace(anybody, " }", fmt.Sprintf(", permissions: { publish: { deny: [\"x%d\"] }, subscribe: { deny: [\"x%d\"] } } }", i%2, i%3), 1), i%5, i%4)
	}
	onEach(t, ours, func(t *testing.T, s Setting) {
		b := startReloader(t, s, config(0))
		from, numbers := newPublishers(t, b.Broker, publishers)
		crowd := NewSwarm(t, b.Address())
		for i := range members {
			crowd.Join(t, 1, Subscription{Subject: []string{"load.>", "*.one", "load.one"}[i%3], From: numbers})
		}
		threads, began := b.Usage(t).Threads, time.Now()
		sent := 0
		end, ended := make(chan struct{}), make(chan struct{})
		go func() { // ends with end
			defer close(ended)
			tick := time.NewTicker(time.Second / rate)
			defer tick.Stop()
			for ; ; sent++ {
				select {
				case <-end:
					return
				case <-tick.C:
				}
				b.write(config(sent))
				b.Signal(t, syscall.SIGHUP)
			}
		}()
		run(t, from, func(int) Plan {
			return Plan{Subject: Always("load.one"), Size: Rarely(64, Between(StampSize, 64<<10), Between(StampSize, 1<<10)), Rate: 500, For: length, Window: 200, Behind: crowd.Behind(from...)}
		})
		close(end)
		<-ended
		took := time.Since(began)
		b.write(config(1000001))
		await(t, "the last reload", Patience, func() bool {
			line, _ := b.reload()
			return strings.HasPrefix(line, "Reloaded") && strings.Contains(line, b.look().Digest)
		})
		crowd.Settle(t)
		crowd.MustHaveAll(t, "subscribers", from...)
		out := b.Output()
		reloaded := strings.Count(out, "Reloaded server configuration")
		lost := uint64(0)
		for _, p := range from {
			lost += crowd.Missing(p.ID, p.Sent())
		}
		must(t, s, !strings.Contains(out, "Failed to reload"), "a reload failed:\n%s", out)
		must(t, s, reloaded > int(length.Seconds()), "%d reloads of %d signals", reloaded, sent)
		must(t, s, b.Usage(t).Threads <= threads+8, "%d threads, and %d before", b.Usage(t).Threads, threads)
		Report(t, "T44", "SIGHUP 100 times a second under load: none lost, nobody's connection ends", s.Name(), Figures{
			"signals": sent, "reloads": reloaded, "seconds": took.Seconds(), "delivered": crowd.Tally().Delivered, "lost": lost, "ended": crowd.Tally().Ended,
			"resident_mb": b.Usage(t).ResidentMB,
		})
	})
}
