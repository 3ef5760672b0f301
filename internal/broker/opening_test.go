package broker

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/transport"
	"gnatsd-ev/loop"
)

// dialFirst opens a connection whose handshake comes before INFO.
func (r *rig) dialFirst(c *tls.Config) *secret {
	r.t.Helper()
	raw, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(patience))
	g := &veiled{tls.Client(raw, c), nil}
	if err := g.Handshake(); err != nil {
		r.t.Fatal(err)
	}
	return &secret{r.t, g, bufio.NewReader(g)}
}

// works says CONNECT and PING.
func (s *secret) works() {
	s.t.Helper()
	s.say(quiet, "PING")
	s.expect("PONG")
}

const (
	required  = `"tls_required":true`
	available = `"tls_available":true`
)

// INFO comes behind the handshake for those who begin with it, in front of it for those who wait long enough, and what it
// says is nats-server's.
func TestHandshakeFirst(t *testing.T) {
	for _, c := range []struct {
		name          string
		first         time.Duration // until INFO goes all the same, 0 for never
		allowNonTLS   bool
		behind, ahead string // what stands in INFO behind a handshake that came first, and in front of one
		not           string // and what does not in the latter
	}{
		{"always", 0, false, required, "", ""},
		{"always, though others may do without", 0, true, available, "", ""},
		{"auto", 50 * time.Millisecond, false, required, required, available},
		{"auto, and others may do without", 50 * time.Millisecond, true, required, available, required},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachLoops(t, func(t *testing.T, loops int) {
				r := start(t, loops, withTLS(t), func(o *config.Options) {
					o.TLS.First, o.TLS.FirstFallback, o.TLS.AllowNonTLS, o.TLS.Timeout = true, c.first, c.allowNonTLS, 300*time.Millisecond
				})
				s := r.dialFirst(clientTLS())
				if info := s.line(); !strings.Contains(info, c.behind) || !strings.Contains(info, required) {
					t.Errorf("behind the handshake: %s", info)
				}
				s.works()
				g, err := r.dialTLS(clientTLS()) // which waits for INFO
				if c.first == 0 {
					if err == nil {
						t.Fatal("INFO came without a handshake")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer g.NetConn().Close()
				s = &secret{t, g, bufio.NewReader(g)}
				if info := s.line(); !strings.Contains(info, c.ahead) || strings.Contains(info, c.not) {
					t.Errorf("in front of the handshake: %s", info)
				}
				s.works()
			})
		})
	}
}

// Who may do without TLS says by its first byte whether it does, and gets what it asked for; who says nothing for long
// is taken for one who does.
func TestTLSOrNot(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops, withTLS(t), func(o *config.Options) { o.TLS.AllowNonTLS, o.TLS.Timeout = true, 100*time.Millisecond })
		c, info, err := r.knock()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if !strings.Contains(string(info), `"headers":true,`+available) || strings.Contains(string(info), required) {
			t.Errorf("greeted with %s", info)
		}
		s := r.secret()
		plain := r.dial("plain")
		plain.send("SUB both 1")
		plain.barrier("it subscribes in the clear")
		s.say("PUB both 2\r\nhi", "PING")
		s.expect("PONG")
		plain.want("one with TLS has published", "MSG both 1*")
		time.Sleep(200 * time.Millisecond) // the first one has waited for longer than a handshake may take
		io.WriteString(c, quiet+"\r\nPING\r\n")
		b := bufio.NewReader(c)
		for line := ""; line != "PONG\r\n"; {
			if line, err = b.ReadString('\n'); err != nil {
				t.Fatalf("who said nothing at first: %v behind %q", err, line)
			}
		}
	})
}

// The first bytes may come one by one.
func TestTLSOrNotByteByByte(t *testing.T) {
	r := start(t, 1, withTLS(t), func(o *config.Options) { o.TLS.AllowNonTLS = true })
	c, info, err := r.knock()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	g := &veiled{tls.Client(drip{c}, clientTLS()), info}
	if err := g.Handshake(); err != nil {
		t.Fatal(err)
	}
	s := &secret{t, g, bufio.NewReader(g)}
	s.line()
	s.works()
}

// deaf leaves what comes to others.
type deaf struct{ net.Conn }

func (deaf) Read([]byte) (int, error) { return 0, io.EOF }

// drip writes byte by byte.
type drip struct{ net.Conn }

func (d drip) Write(b []byte) (n int, err error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// A second's worth of handshakes begins at once, those beyond have turns, one behind the other, and whose turn would
// come too late is refused and takes none.
func TestTurnsOfHandshakes(t *testing.T) {
	th := newThrottle(10)
	const second = int64(time.Second)
	now := 1000 * second
	latest := now + second/2
	var waits []int64
	for range 10 {
		wait, ok := th.reserve(now, latest)
		if !ok || wait != 0 {
			t.Fatalf("of ten at once one waits %v, %v", time.Duration(wait), ok)
		}
	}
	for range 8 {
		if wait, ok := th.reserve(now, latest); ok {
			waits = append(waits, wait/(second/1000))
		}
	}
	if got := fmt.Sprint(waits); got != "[100 200 300 400 500]" {
		t.Errorf("those beyond wait for %s ms", got)
	}
	if wait, ok := th.reserve(now+second, now+second); !ok || wait != 0 {
		t.Errorf("a second later one waits %v, %v", time.Duration(wait), ok)
	}
	if newThrottle(0) != nil {
		t.Error("no limit is one")
	}
}

// Who is refused is told so in the clear, and a line counts.
func TestTooManyHandshakes(t *testing.T) {
	out := &logBuffer{}
	log, err := logging.New(logging.Options{Output: out})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(time.Second)
	r := startLogged(t, log, 2, withTLS(t), func(o *config.Options) { o.TLS.RateLimit, o.TLS.Timeout = 2, 5*time.Second })
	for range 4 { // two at once, and two that wait for half a second and for one
		r.secret()
	}
	r.terms.Load().throttle.mu.Lock()
	r.terms.Load().throttle.next += int64(time.Minute)
	r.terms.Load().throttle.mu.Unlock()
	for range 3 {
		c, _, err := r.knock()
		if err != nil {
			t.Fatal(err)
		}
		go tls.Client(&firstFlight{Conn: deaf{c}}, clientTLS()).Handshake()
		if said, _ := io.ReadAll(c); string(said) != "-ERR 'Connection throttling is active. Please try again later.'\r\n" {
			t.Errorf("refused with %q", said)
		}
		c.Close()
	}
	eventually(t, "a line tells", func() bool {
		return strings.Contains(out.String(), "[WRN] Rejected 3 connections due to TLS rate limiting")
	}, func() any { return out.String() })
}

// Clients need one of the keys that are named, whoever has signed them.
func TestPinnedCertificates(t *testing.T) {
	good, other := authority().Issue("client"), authority().Issue("client")
	out := &logBuffer{}
	log, err := logging.New(logging.Options{Output: out, Debug: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(time.Second)
	r := startLogged(t, log, 1, withTLS(t), func(o *config.Options) {
		o.TLS.Verify = true
		o.TLS.Pinned = []string{strings.Repeat("0", 64), fmt.Sprintf("%x", sha256.Sum256(good.Leaf.RawSubjectPublicKeyInfo))}
	})
	for name, c := range map[string]struct {
		cert tls.Certificate
		in   bool
	}{"pinned": {good, true}, "not pinned": {other, false}} {
		config := clientTLS()
		config.Certificates = []tls.Certificate{c.cert}
		g, err := r.dialTLS(config)
		if err != nil {
			t.Fatal(name, err)
		}
		io.WriteString(g, quiet+"\r\nPING\r\n")
		g.info = nil
		said, _ := bufio.NewReader(g).ReadString('\n')
		if in := said == "PONG\r\n"; in != c.in {
			t.Errorf("%s: the broker says %q", name, said)
		}
		g.NetConn().Close()
	}
	for _, want := range []string{"TLS handshake error: certificate not pinned", "Failed pinned cert test for key id: " + fmt.Sprintf("%x", sha256.Sum256(other.Leaf.RawSubjectPublicKeyInfo))} {
		eventually(t, want, func() bool { return strings.Contains(out.String(), want) }, func() any { return out.String() })
	}
}

// Certificates say who clients are: what they may do is that user's, logs name it, and neither names nor the clear are
// a way in.
func TestUsersNamedByCertificates(t *testing.T) {
	out := &logBuffer{}
	log, err := logging.New(logging.Options{Output: out, Debug: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(time.Second)
	r := startLogged(t, log, 2, withTLS(t), func(o *config.Options) {
		o.TLS.Verify, o.TLS.Map, o.TLS.AllowNonTLS = true, true, true
		o.Authorization.Users = []config.User{
			{Name: "bob", Permissions: &config.Permissions{Publish: config.Subjects{Allow: []string{"allowed"}}}}, {Name: "ann", Password: "secret"},
		}
	})
	with := func(name string) *secret {
		c := clientTLS()
		c.Certificates = []tls.Certificate{authority().Issue(name)}
		g, err := r.dialTLS(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { g.NetConn().Close() })
		s := &secret{t, g, bufio.NewReader(g)}
		s.line()
		return s
	}
	bob := with("bob")
	bob.say(as("eve", ""), "PING")
	bob.expect("PONG")
	bob.say("PUB other 0\r\n")
	bob.expect(`-ERR 'Permissions Violation for Publish to "other"'`)
	for name, connect := range map[string]string{"mallory": as("bob", ""), "ann": as("bob", ""), "bob": "PING"} {
		s := with(name)
		s.say(connect)
		s.expect(violation)
	}
	for _, connect := range []string{as("bob", ""), as("ann", "secret"), quiet} {
		c := r.raw("nameless")
		c.next("the greeting")
		c.send(connect, "PING")
		c.want("it has no certificate", violation)
	}
	for _, want := range []string{`Using SAN found in cert for auth ["bob"]`, `User "eve" found in connect proto, but user required from cert`, `$G/user:bob" - Publish Violation - Subject "other"`} {
		eventually(t, want, func() bool { return strings.Contains(out.String(), want) }, func() any { return out.String() })
	}
}

// A handshake that panics ends its connection alone, and is counted and told as any other panic.
func TestPanicInAHandshakeIsCounted(t *testing.T) {
	out := &logBuffer{}
	log, err := logging.New(logging.Options{Output: out})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(time.Second)
	r := startLogged(t, log, 1, withTLS(t))
	done := make(chan struct{})
	sh := r.shards[0]
	sh.loop.Do(func(*loop.Loop) {
		broken := *sh.terms
		broken.tls = transport.NewAcceptor(&tls.Config{
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("on purpose") },
		}, r.gate)
		sh.terms = &broken
		close(done)
	})
	<-done
	if _, err := r.dialTLS(clientTLS()); err == nil {
		t.Error("the handshake succeeded")
	}
	eventually(t, "the session has ended", func() bool { return r.sessions.Load() == 0 && r.Panics() == 1 })
	eventually(t, "a line tells", func() bool {
		return strings.Contains(out.String(), `Panic, this session ends: "on purpose" at `) && strings.Contains(out.String(), "opening_test.go")
	}, func() any { return out.String() })
}

// Half-open handshakes are counted among those who have not said who they are: over their share nobody is accepted, and
// the oldest go, long before their time is up.
func TestHalfOpenHandshakesAreBounded(t *testing.T) {
	r := start(t, 2, withTLS(t), func(o *config.Options) {
		o.MaxPendingTotal, o.TLS.Timeout = config.MaxPendingTotalMin, time.Hour
	})
	share := r.budget.Guarded / handshakeCost
	through := r.secret()
	gone := make(chan struct{}, 2*share)
	for range share + share/2 {
		go func() { // ends when the broker, or the test, closes the connection
			defer func() { gone <- struct{}{} }()
			c, _, err := r.knock()
			if err != nil {
				return
			}
			defer c.Close()
			c.SetDeadline(time.Time{})
			tls.Client(&firstFlight{Conn: c}, clientTLS()).Handshake()
			io.Copy(io.Discard, c)
		}()
	}
	<-gone
	through.say("PING")
	through.expect("PONG")
	r.secret()
	r.Shutdown(0)
	for range share + share/2 - 1 {
		<-gone
	}
}

// Writing a subject takes the square of its length, and a stranger chooses it: long ones are not written, nor very many.
func TestCertificatesOfStrangersAreShownInShort(t *testing.T) {
	long, short := &x509.Certificate{RawSubject: make([]byte, 250<<10)}, &x509.Certificate{RawSubject: make([]byte, 20)}
	long.Subject.CommonName, short.Subject.CommonName = "long", "short"
	text := certificateNames(slices.Repeat([]*x509.Certificate{long, short}, 50))
	if strings.Contains(text, "CN=long") || strings.Count(text, "CN=short") != certificatesShown/2 {
		t.Errorf("shown as %.300q", text)
	}
}
