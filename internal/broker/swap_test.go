package broker

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gnatsd-ev/internal/certificate"
	"gnatsd-ev/internal/config"
)

// serial is the certificate a connection was shown.
func (g *veiled) serial() string {
	return g.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// New certificates are for who comes from then on: who is there keeps its connection, and a handshake that is
// under way ends with the old one. An unchanged file changes nothing, and TLS can be turned off and on.
func TestAReloadSwapsCertificates(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		dir := t.TempDir()
		files := authority().Write(dir, "server")
		r := start(t, loops, func(o *config.Options) {
			o.TLS = config.TLS{CertFile: files.Cert, KeyFile: files.Key, Timeout: patience}
		})
		var all []*secret
		for range 2 * loops {
			all = append(all, r.secret())
		}
		old := all[0].serial()
		raw, info, err := r.knock() // its handshake begins behind the reload
		if err != nil {
			t.Fatal(err)
		}
		acceptor := r.terms.Load().tls
		r.reload(func(*config.Options) {})
		if r.terms.Load().tls != acceptor {
			t.Error("what has not changed was made anew")
		}
		authority().Write(dir, "server")
		r.reload(func(*config.Options) {})
		late := &veiled{tls.Client(raw, clientTLS()), info}
		if err := late.Handshake(); err != nil || late.serial() != old {
			t.Errorf("the handshake that was under way ended with %v, of another certificate", err)
		}
		raw.Close()
		fresh := r.secret()
		if fresh.serial() == old {
			t.Error("the new certificate is not shown")
		}
		for _, s := range append(all, fresh) {
			s.say("SUB a 1", "PING")
			s.expect("PONG")
		}
		fresh.say(pub("a", "x"))
		for _, s := range append(all, fresh) {
			s.expect("MSG a 1 1")
			s.expect("x")
		}
		r.reload(func(o *config.Options) { o.TLS = config.TLS{} })
		plain := r.dial("in the clear")
		for _, s := range all {
			s.say("PING")
			s.expect("PONG")
		}
		r.reload(func(o *config.Options) {
			o.TLS = config.TLS{CertFile: files.Cert, KeyFile: files.Key, CAFile: files.CA, Verify: true, Timeout: patience}
		})
		plain.barrier("it stays in the clear")
		if g, err := r.dialTLS(clientTLS()); err == nil {
			if _, err = io.ReadAll(g); err == nil {
				t.Error("a client without a certificate came in")
			}
			g.NetConn().Close()
		}
	})
}

// A certificate that cannot be read changes nothing.
func TestAReloadWithBrokenCertificates(t *testing.T) {
	r := start(t, 2, withTLS(t))
	before := r.terms.Load()
	for what, broken := range map[string]config.TLS{
		"no file": {CertFile: "/no/cert", KeyFile: "/no/key"},
		"no key":  {CertFile: before.options.TLS.CertFile, KeyFile: before.options.TLS.CertFile},
		"no ca":   {CertFile: before.options.TLS.CertFile, KeyFile: before.options.TLS.KeyFile, CAFile: before.options.TLS.KeyFile},
	} {
		o := *before.options
		o.TLS, o.MaxPayload = broken, 1
		if _, err := r.Prepare(&o); err == nil {
			t.Errorf("%s: is prepared", what)
		}
	}
	if r.terms.Load() != before {
		t.Error("the terms have changed")
	}
	r.secret()
}

// Reloads, one behind the other, of users, rules, limits and certificates, while clients come, go, subscribe and publish:
// who may stay loses nothing, and nothing is left of it.
func TestReloadsInAStorm(t *testing.T) {
	const subscribers = 8
	dir := t.TempDir()
	second, hash := certificate.NewAuthority("second"), hashed(t, "pw")
	rules := func(i int) *config.Permissions {
		return &config.Permissions{Subscribe: config.Subjects{Deny: []string{fmt.Sprintf("no.%d.>", i%3)}}, Publish: config.Subjects{Deny: []string{"no.publish"}}}
	}
	users := func(i int) []config.User {
		return []config.User{
			{Name: "stays", Password: "pw", Permissions: []*config.Permissions{nil, rules(0), rules(1)}[i%3]}, {Name: "comes", Password: fmt.Sprint("pw", i%2)},
			{Name: "hashed", Password: hash}, {Name: "other", Account: "A", Password: "pw"},
		}
	}
	r := guarded(t, 4, config.Authorization{Users: users(0)}, func(o *config.Options) { o.Accounts = []config.Account{{Name: "A", Limits: config.NoLimits()}} })
	var all []*client
	for i := range subscribers {
		c := r.on(i, "stays", as("stays", "pw"))
		c.send("SUB news.* 1", "SUB no.*.x 2", "SUB no.1.y 3", "PING")
		c.pong("subscribed")
		all = append(all, c)
	}
	var running sync.WaitGroup
	var stop atomic.Bool
	for _, name := range []string{"comes", "hashed", "other"} {
		running.Go(func() { // ends with stop
			for i := 0; !stop.Load(); i++ {
				c, err := r.connect(name)
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Fprintf(c.conn, "%s\r\nSUB no.%d.x 1\r\nSUB news.> q 2\r\nPING\r\n", as(name, map[string]string{"comes": "pw0", "hashed": "pw", "other": "pw"}[name]), i%3)
				c.conn.SetReadDeadline(time.Now().Add(patience))
				for {
					if f, err := c.read(); err != nil || f.verb == "PONG" {
						break
					}
				}
				c.conn.Close()
			}
		})
	}
	p := r.dial("stays", as("stays", "pw"))
	reloads := scale(60, 200, 3000)
	running.Go(func() {
		for i := range reloads {
			f := []*certificate.Authority{authority(), second}[i%2].Write(dir, "server")
			r.reload(func(o *config.Options) {
				o.Authorization.Users, o.MaxPayload, o.PingMax = users(i), int32(1000+i%5), 2+i%2
				if o.TLS = (config.TLS{}); i%5 == 4 { // nobody can come then, but who tries
					o.TLS = config.TLS{CertFile: f.Cert, KeyFile: f.Key, Timeout: 50 * time.Millisecond}
				}
				o.Accounts = []config.Account{{Name: "A", Limits: config.NoLimits()}, {Name: fmt.Sprint("B", i%2), Limits: config.NoLimits()}}
			})
		}
		stop.Store(true)
	})
	sent := 0
	for ; !stop.Load(); sent++ {
		p.send(pub(fmt.Sprintf("news.%d", sent), "x"), "PING")
		p.pong("published")
	}
	running.Wait()
	for _, c := range all {
		next := 0
		for _, f := range c.drain("it stays") {
			if f.verb == "-ERR" && strings.Contains(f.text, "no.") {
				continue
			}
			if f.String() != fmt.Sprintf(`MSG news.%d 1  "" "x"`, next) {
				t.Fatalf("got %s, want message %d of %d", f, next, sent)
			}
			next++
		}
		if next != sent {
			t.Fatalf("%d of %d messages came", next, sent)
		}
		c.conn.Close()
	}
	p.conn.Close()
	t.Logf("%d messages and %d reloads", sent, reloads)
	wantNothingHeld(t, r.Broker)
}

// Keys that are not pinned any more end the sessions that have them. Who is named by a certificate stays under users
// that it still names.
func TestAReloadOfWhoCertificatesName(t *testing.T) {
	dir := t.TempDir()
	files := authority().Write(dir, "server")
	r := start(t, 2, func(o *config.Options) {
		o.TLS = config.TLS{CertFile: files.Cert, KeyFile: files.Key, CAFile: files.CA, Verify: true, Map: true, Timeout: patience}
		o.Authorization = config.Authorization{Required: true, Users: []config.User{{Name: "ann"}, {Name: "bob"}}}
	})
	pins := map[string]string{}
	as := func(name string) *secret {
		c := authority().Issue(name)
		pins[name] = fmt.Sprintf("%x", sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo))
		with := clientTLS()
		with.Certificates = []tls.Certificate{c}
		g, err := r.dialTLS(with)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { g.NetConn().Close() })
		s := &secret{t, g, bufio.NewReader(g)}
		s.line()
		s.say(quiet, "PING")
		s.expect("PONG")
		return s
	}
	ann, bob := as("ann"), as("bob")
	r.allow(config.User{Name: "ann", Permissions: &config.Permissions{Publish: config.Subjects{Deny: []string{"x"}}}}, config.User{Name: "bob"}, config.User{Name: "new"})
	ann.say(pub("x", ""), "PING")
	ann.expect(`-ERR 'Permissions Violation for Publish to "x"'`)
	ann.expect("PONG")
	bob.say("PING")
	bob.expect("PONG")
	r.reload(func(o *config.Options) { o.TLS.Pinned = []string{pins["ann"]} })
	if line, err := bob.r.ReadString('\n'); err == nil {
		t.Errorf("who is not pinned any more gets %q", line)
	}
	ann.say("PING")
	ann.expect("PONG")
	r.allow(config.User{Name: "bob"})
	ann.expect(violation)
}

// Who has not said yet whether it speaks TLS when a reload ends that is served in the clear, and greeted if it was not.
func TestAReloadEndsTLSBeforeTheFirstByte(t *testing.T) {
	for name, first := range map[string]bool{"handshake_first": true, "allow_non_tls": false} {
		t.Run(name, func(t *testing.T) {
			r := start(t, 1, withTLS(t), func(o *config.Options) {
				o.TLS.First, o.TLS.AllowNonTLS, o.TLS.Timeout = first, !first, patience
				o.TLS.FirstFallback = patience
			})
			c, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if first { // another one behind it, so that the loop knows the first one as well
				r.dialFirst(clientTLS())
			} else {
				r.secret()
			}
			r.reload(func(o *config.Options) { o.TLS = config.TLS{} })
			c.SetDeadline(time.Now().Add(patience))
			io.WriteString(c, quiet+"\r\nPING\r\n")
			b := bufio.NewReader(c)
			for _, want := range []string{"INFO {", "PONG\r\n"} {
				if line, err := b.ReadString('\n'); err != nil || !strings.HasPrefix(line, want) {
					t.Fatalf("%q, %v; want %q", line, err, want)
				}
			}
		})
	}
}
