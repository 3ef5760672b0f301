package broker

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gnatsd-ev/internal/certificate"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/internal/transcript"
)

var authority = sync.OnceValue(func() *certificate.Authority { return certificate.NewAuthority("authority") })

// withTLS makes a broker's clients speak TLS.
func withTLS(t testing.TB) func(*config.Options) {
	f := authority().Write(t.TempDir(), "server")
	return func(o *config.Options) {
		o.TLS = config.TLS{CertFile: f.Cert, KeyFile: f.Key, CAFile: f.CA, Timeout: config.DefaultTLSTimeout}
	}
}

func clientTLS() *tls.Config { return &tls.Config{RootCAs: authority().Pool(), ServerName: "server"} }

// veiled is a connection as clients open them: INFO in the clear, and TLS behind it. INFO is read again
// by the reader.
type veiled struct {
	*tls.Conn
	info []byte
}

func (g *veiled) Read(b []byte) (int, error) {
	if len(g.info) > 0 {
		n := copy(b, g.info)
		g.info = g.info[n:]
		return n, nil
	}
	n, err := g.Conn.Read(b)
	if err == io.ErrUnexpectedEOF { // the broker kills connections without a word
		err = io.EOF
	}
	return n, err
}

// dialTLS opens one.
func (r *rig) dialTLS(c *tls.Config) (*veiled, error) {
	raw, info, err := r.knock()
	if err != nil {
		return nil, err
	}
	g := &veiled{tls.Client(raw, c), info}
	if err := g.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	return g, nil
}

// knock opens a connection and reads INFO, byte by byte: what is behind it is not ours to read.
func (r *rig) knock() (c net.Conn, info []byte, err error) {
	if c, err = net.Dial("tcp", r.addr); err != nil {
		return nil, nil, err
	}
	c.SetDeadline(time.Now().Add(patience))
	for b := make([]byte, 1); !bytes.HasSuffix(info, []byte("\n")); info = append(info, b[0]) {
		if _, err := io.ReadFull(c, b); err != nil {
			c.Close()
			return nil, nil, err
		}
	}
	return c, info, nil
}

// secret is a client of the scripts, with TLS.
type secret struct {
	t testing.TB
	*veiled
	r *bufio.Reader
}

func (r *rig) secret() *secret {
	r.t.Helper()
	g, err := r.dialTLS(clientTLS())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { g.NetConn().Close() })
	s := &secret{r.t, g, bufio.NewReader(g)}
	s.line()
	s.say(quiet, "PING")
	s.expect("PONG")
	return s
}

func (s *secret) say(lines ...string) {
	s.t.Helper()
	if _, err := io.WriteString(s, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		s.t.Fatal(err)
	}
}

// line returns the next line, the broker's PING left out.
func (s *secret) line() string {
	s.t.Helper()
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			s.t.Fatal(err)
		}
		if text := strings.TrimRight(line, "\r\n"); text != "PING" {
			return text
		}
	}
}

func (s *secret) expect(want string) {
	s.t.Helper()
	if got := s.line(); got != want {
		s.t.Fatalf("got %.100q, want %.100q", got, want)
	}
}

// The transcripts hold under TLS as they do in the clear.
func TestTranscriptsUnderTLS(t *testing.T) {
	paths, err := filepath.Glob("testdata/wire/*.wire")
	if err != nil || len(paths) < scriptsMin {
		t.Fatalf("%d transcripts, want at least %d: %v", len(paths), scriptsMin, err)
	}
	tlsOn := withTLS(t)
	for _, path := range paths {
		script, err := transcript.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, refused := script.Options["max_connections"]; refused {
			continue // who is one too many is told so in the clear
		}
		t.Run(script.Name, func(t *testing.T) {
			t.Parallel()
			eachLoops(t, func(t *testing.T, loops int) {
				r := start(t, loops, scriptOptions(t, script), tlsOn)
				dial := func() (net.Conn, error) {
					c, err := r.dialTLS(clientTLS())
					if err == nil { // that alone is not as it was recorded
						c.info = bytes.Replace(c.info, []byte(`"tls_required":true,`), nil, 1)
					}
					return c, err
				}
				if err := transcript.Play(t.Context(), dial, script, transcript.Whole()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// INFO says what nats-server's says.
func TestInfoUnderTLS(t *testing.T) {
	for _, verify := range []bool{false, true} {
		r := start(t, 1, withTLS(t), func(o *config.Options) { o.TLS.Verify = verify })
		c, info, err := r.knock()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		want := `"headers":true,"tls_required":true,`
		if verify {
			want += `"tls_verify":true,`
		}
		if !strings.Contains(string(info), want+`"max_payload"`) {
			t.Errorf("verify %v: %s", verify, info)
		}
	}
}

// Messages of all sizes, both ways, to one client and to many with TLS.
func TestMessagesUnderTLS(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops, withTLS(t))
		var subs []*secret
		for range scale(6, 20, 100) {
			s := r.secret()
			s.say("SUB sizes 1", "PING")
			s.expect("PONG")
			subs = append(subs, s)
		}
		p := r.secret()
		sizes := []int{0, 1, 100, 2047, 2048, 16 << 10, 60_000, 200_000, 1 << 20}
		go func() {
			for i, n := range sizes {
				p.Write([]byte(pub("sizes", strings.Repeat(string(rune('a'+i)), n)) + "\r\n"))
			}
		}()
		for _, s := range subs {
			for i, n := range sizes {
				s.expect("MSG sizes 1 " + strconv.Itoa(n))
				s.expect(strings.Repeat(string(rune('a'+i)), n))
			}
			s.say("PING")
			s.expect("PONG")
		}
	})
}

// A reader that takes nothing is cut as any slow consumer, and the others get everything.
func TestSlowReaderUnderTLS(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops, withTLS(t), func(o *config.Options) { o.MaxPending = 2 << 20 })
		slow, quick, p := r.secret(), r.secret(), r.secret()
		for _, s := range []*secret{slow, quick} {
			s.say("SUB flood 1", "PING")
			s.expect("PONG")
		}
		word := strings.Repeat("f", 64<<10)
		gone := func() bool {
			cut := int64(0)
			for _, l := range r.Stats().Loops {
				cut += l.SlowPending
			}
			return cut > 0
		}
		for sent := 0; !gone(); sent++ {
			p.say(pub("flood", word))
			quick.expect("MSG flood 1 " + strconv.Itoa(len(word)))
			quick.expect(word)
			if sent > 10_000 {
				t.Fatal("never cut")
			}
		}
		eventually(t, "the connection is closed", func() bool { return r.sessions.Load() == 2 })
	})
}

// A close_notify on both sides: nobody can cut a connection short unnoticed.
func TestOrderlyEndUnderTLS(t *testing.T) {
	r := start(t, 1, withTLS(t))
	s := r.secret()
	s.say("PUB nobody 1\r\nx", "PING")
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	s.expect("PONG")
	if b, err := s.Conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v behind the end", b, err)
	}
	s = r.secret()
	s.say("NONSENSE")
	s.expect("-ERR 'Unknown Protocol Operation'")
	if b, err := s.Conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v behind the error", b, err)
	}
	s = r.secret()
	go r.Shutdown(patience)
	if b, err := s.Conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v at the shutdown", b, err)
	}
}

// Who cannot do the handshake is closed, and counted no more; so is who does not do it in time.
func TestFailedHandshakes(t *testing.T) {
	r := start(t, 2, withTLS(t), func(o *config.Options) { o.TLS.Verify, o.TLS.Timeout = true, 200*time.Millisecond })
	ends := map[string]func(net.Conn){
		"in the clear":  func(c net.Conn) { io.WriteString(c, quiet+"\r\nPING\r\n") },
		"silent":        func(net.Conn) {},
		"silent midway": func(c net.Conn) { c.Write([]byte{0x16, 3, 1, 2, 0, 1}) },
		"gone midway":   func(c net.Conn) { c.Write([]byte{0x16, 3, 1, 2, 0, 1}); c.(*net.TCPConn).CloseWrite() },
		"silent behind our answer": func(c net.Conn) {
			tls.Client(&firstFlight{Conn: c}, clientTLS()).Handshake()
		},
		"without a certificate": func(c net.Conn) { tls.Client(c, clientTLS()).Handshake() },
	}
	for name, f := range ends {
		c, _, err := r.knock()
		if err != nil {
			t.Fatal(err)
		}
		f(c)
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, io.EOF) && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: still open: %v", name, err)
		}
		c.Close()
	}
	eventually(t, "all are gone", func() bool { return r.sessions.Load() == 0 })
}

// firstFlight lets the client say its first word and no other.
type firstFlight struct {
	net.Conn
	said bool
}

func (f *firstFlight) Write(b []byte) (int, error) {
	if f.said {
		return 0, errors.New("silent from now on")
	}
	f.said = true
	return f.Conn.Write(b)
}

// Handshakes that compute take nothing from those who are through: with all places at the gate taken
// and many waiting there, messages go on; and when there are places again, so do the handshakes.
func TestHandshakeFloodBesideTraffic(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops, withTLS(t), func(o *config.Options) { o.TLS.Timeout = patience })
		a, b := r.secret(), r.secret()
		a.say("SUB on 1", "PING")
		a.expect("PONG")
		for range helperThreads {
			r.gate.Enter()
		}
		flood := scale(10, 50, 500)
		through := make(chan error, flood)
		for range flood {
			go func() {
				g, err := r.dialTLS(clientTLS())
				if err == nil {
					g.Close()
				}
				through <- err
			}()
		}
		eventually(t, "all have knocked", func() bool { return r.sessions.Load() == int64(flood+2) })
		for range 100 {
			b.say(pub("on", "and on"), "PING")
			b.expect("PONG")
			a.expect("MSG on 1 6")
			a.expect("and on")
		}
		if len(through) > 0 {
			t.Errorf("%d handshakes went by the gate", len(through))
		}
		for range helperThreads {
			r.gate.Leave()
		}
		for range flood {
			if err := <-through; err != nil {
				t.Error(err)
			}
		}
	})
}

// A broker ends although handshakes wait for their peers and at the gate.
func TestShutdownAmidHandshakes(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops, withTLS(t))
		for range helperThreads {
			r.gate.Enter()
		}
		for i := range 20 {
			c, _, err := r.knock()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if i%2 == 0 {
				go tls.Client(c, clientTLS()).Handshake()
			}
		}
		ended := make(chan struct{})
		go func() {
			r.Shutdown(0)
			close(ended)
		}()
		eventually(t, "sessions end", func() bool { return r.sessions.Load() == 0 })
		for range helperThreads {
			r.gate.Leave()
		}
		<-ended
	})
}

// The lines of a handshake's life are nats-server's.
func TestHandshakeLog(t *testing.T) {
	out := &logBuffer{}
	log, err := logging.New(logging.Options{Output: out, Debug: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(time.Second)
	r := startLogged(t, log, 1, withTLS(t), func(o *config.Options) { o.TLS.Timeout = time.Second })
	s := r.secret()
	s.Close()
	for _, say := range []func(net.Conn){
		func(c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\n\r\n") },
		func(c net.Conn) { c.(*net.TCPConn).CloseWrite() },
		func(net.Conn) {},
		func(c net.Conn) {
			tls.Client(c, &tls.Config{ServerName: "server", RootCAs: x509.NewCertPool()}).Handshake()
		},
	} {
		c, _, err := r.knock()
		if err != nil {
			t.Fatal(err)
		}
		say(c)
		io.Copy(io.Discard, c)
		c.Close()
	}
	for _, want := range []string{
		"[DBG] %s - cid:1 - Starting TLS client connection handshake", "[DBG] %s - cid:1 - TLS handshake complete",
		"[DBG] %s - cid:1 - TLS version 1.3, cipher suite TLS_AES_128_GCM_SHA256", "[DBG] %s - cid:1 - Client connection closed: Client Closed",
		"[DBG] %s - cid:2 - TLS handshake error: tls: first record does not look like a TLS handshake",
		"[DBG] %s - cid:2 - Client connection closed: " + proto.TLSHandshakeError.String(),
		"[ERR] %s - cid:3 - TLS handshake error: EOF",
		"[DBG] %s - cid:4 - TLS handshake timeout",
		"[ERR] %s - cid:5 - TLS handshake error: ",
	} {
		level, text, _ := strings.Cut(want, " %s")
		eventually(t, "a line "+want, func() bool {
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, level) && strings.Contains(line, text) {
					return true
				}
			}
			return false
		}, func() any { return out.String() })
	}
}

// BenchmarkIdleUnderTLS tells what an idle connection takes of the heap: session, TLS, and in "half open" the
// goroutine of a handshake whose client has said its first word and no other. What the test keeps of its own end, a
// socket, is in it.
func BenchmarkIdleUnderTLS(b *testing.B) {
	const count = 300
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapInuse + m.StackInuse)
	}
	for name, open := range map[string]func(*rig) net.Conn{
		"ready": func(r *rig) net.Conn {
			c, err := r.dialTLS(clientTLS())
			if err != nil {
				b.Fatal(err)
			}
			io.WriteString(c, quiet+"\r\nSUB idle 1\r\nPING\r\n")
			for all := []byte(nil); !bytes.Contains(all, []byte("PONG\r\n")); {
				p := make([]byte, 4096)
				n, err := c.Read(p)
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, p[:n]...)
			}
			return c.NetConn()
		},
		"half open": func(r *rig) net.Conn {
			c, _, err := r.knock()
			if err != nil {
				b.Fatal(err)
			}
			tls.Client(&firstFlight{Conn: c}, clientTLS()).Handshake()
			return c
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := start(b, 1, withTLS(b), func(o *config.Options) { o.TLS.Timeout = time.Minute })
				var kept []net.Conn
				before := heap()
				for range count {
					kept = append(kept, open(r))
				}
				b.ReportMetric(float64(heap()-before)/count, "B/connection")
				for _, c := range kept {
					c.Close()
				}
				r.Shutdown(0)
			}
		})
	}
}
