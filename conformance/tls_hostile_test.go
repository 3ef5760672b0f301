package conformance

// Clients that do not speak TLS as they should.

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"gnatsd-ev/internal/certificate"
)

// greeted opens a connection and reads INFO, byte by byte: what is behind it is TLS.
func greeted(s server) (net.Conn, error) {
	c, err := s.Dial()
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(wait))
	for b := make([]byte, 1); b[0] != '\n'; {
		if _, err := io.ReadFull(c, b); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// halfShake lets a client say its first word and no other.
type halfShake struct {
	net.Conn
	part int // how many bytes of it
}

func (h *halfShake) Write(b []byte) (int, error) {
	if h.part < 0 {
		return 0, io.ErrClosedPipe
	}
	n := min(h.part, len(b))
	h.part = -1
	return h.Conn.Write(b[:n])
}

// fullVariable asks for loads in full.
const fullVariable = "GNATSD_EV_FULL"

// Half a handshake ends at the timeout, wherever it stopped, and costs nobody else anything. The handshakes are five
// thousand with the loads in full.
func TestHalfHandshakesAreCut(t *testing.T) {
	const timeout = 2 * time.Second
	v := vouch(t)
	count := 200
	if os.Getenv(fullVariable) != "" {
		count = 5000
	}
	text := fmt.Sprintf("tls { cert_file: %q, key_file: %q, timeout: %q }", v.server.Cert, v.server.Key, timeout)
	onEach(t, configOf(text), func(t *testing.T, s server) {
		through := connect(t, s, nats.RootCAs(v.server.CA))
		sub := subscribe(t, through, "on", "")
		late := make(chan time.Duration, count)
		var all sync.WaitGroup
		for i := range count {
			all.Go(func() {
				c, err := greeted(s)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				begin := time.Now()
				if part := []int{0, 3, 100, 1 << 20}[i%4]; part > 0 {
					tls.Client(&halfShake{c, part}, &tls.Config{RootCAs: v.authority.Pool(), ServerName: "server"}).Handshake()
				}
				c.SetDeadline(begin.Add(4 * timeout))
				io.Copy(io.Discard, c)
				late <- time.Since(begin)
			})
		}
		for range 20 {
			publish(t, through, "on", []byte("and on"))
			next(t, sub)
		}
		all.Wait()
		close(late)
		for took := range late {
			if took > 3*timeout {
				t.Fatalf("one was cut after %v", took)
			}
		}
	})
}

// dripping writes byte by byte, and a record for each.
type dripping struct{ net.Conn }

func (d dripping) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// speak is a client that is through its handshake and has said CONNECT.
func (v vouched) speak(t *testing.T, s server, through func(net.Conn) net.Conn) (net.Conn, *bufio.Reader) {
	t.Helper()
	raw, err := greeted(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	c := tls.Client(through(raw), &tls.Config{RootCAs: v.authority.Pool(), ServerName: "server"})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "CONNECT {\"verbose\":false}\r\nSUB own 1\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for line := ""; line != "PONG\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return c, r
}

// Records of one byte each, records whose bytes come one by one, and many records at once: what they carry is the same.
func TestRecordsOfAnySize(t *testing.T) {
	v := vouch(t)
	payload := strings.Repeat("0123456789abcdef", 20)
	message := "PUB own " + strconv.Itoa(len(payload)) + "\r\n" + payload + "\r\n"
	onEach(t, v.options(false), func(t *testing.T, s server) {
		plain := func(c net.Conn) net.Conn { return c }
		gathered := &gathering{}
		for name, through := range map[string]func(net.Conn) net.Conn{
			"records of one byte":      plain,
			"bytes one by one":         func(c net.Conn) net.Conn { return dripping{c} },
			"many records in one read": func(c net.Conn) net.Conn { gathered.Conn = c; return gathered },
		} {
			c, r := v.speak(t, s, through)
			var err error
			switch name {
			case "records of one byte":
				_, err = dripping{c}.Write([]byte(message))
			case "bytes one by one":
				_, err = io.WriteString(c, message)
			default:
				gathered.hold = true
				if _, err = (dripping{c}).Write([]byte(message)); err == nil {
					err = gathered.flush()
				}
			}
			if err != nil {
				t.Fatal(name, err)
			}
			want := "MSG own 1 " + strconv.Itoa(len(payload)) + "\r\n" + payload + "\r\n"
			got := make([]byte, len(want))
			if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
				t.Errorf("%s: %.60q, %v", name, got, err)
			}
		}
	})
}

// gathering writes at once what was written while it holds.
type gathering struct {
	net.Conn
	hold bool
	all  bytes.Buffer
}

func (g *gathering) Write(b []byte) (int, error) {
	if g.hold {
		return g.all.Write(b)
	}
	return g.Conn.Write(b)
}

func (g *gathering) flush() error {
	_, err := g.Conn.Write(g.all.Bytes())
	return err
}

// Certificates of clients that are none, not good any more or not yet, for something else, or signed by others; and
// versions that are too old.
func TestBadClients(t *testing.T) {
	v := vouch(t)
	hour := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	bad := map[string]tls.Certificate{
		"expired":                v.authority.IssueAs("client", hour(-2*time.Hour, -time.Hour)),
		"not good yet":           v.authority.IssueAs("client", hour(time.Hour, 2*time.Hour)),
		"for servers alone":      v.authority.IssueAs("client", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"of another authority":   certificate.NewAuthority("authority").Issue("client"),
		"with the key of others": {Certificate: v.authority.Issue("client").Certificate, PrivateKey: v.authority.Issue("client").PrivateKey},
		"of a client and damaged": {Certificate: [][]byte{bytes.Repeat([]byte{0x30}, 500)},
			PrivateKey: v.authority.Issue("client").PrivateKey},
	}
	onEach(t, configOf("tls { "+v.pair()+`, verify: true, min_version: "1.3" }`), func(t *testing.T, s server) {
		flush(t, connect(t, s, v.as(v.authority.Issue("client"))))
		for name, cert := range bad {
			staysOut(t, s, "its certificate is "+name, v.as(cert))
		}
		staysOut(t, s, "it has no certificate", nats.RootCAs(v.server.CA))
		staysOut(t, s, "it speaks 1.2", nats.Secure(&tls.Config{RootCAs: v.authority.Pool(), MaxVersion: tls.VersionTLS12,
			Certificates: []tls.Certificate{v.authority.Issue("client")}}))
		flush(t, connect(t, s, v.as(v.authority.Issue("client"))))
	})
}

// A server whose certificate has expired starts, as nats-server does, and who checks it stays away.
func TestExpiredServerCertificate(t *testing.T) {
	v := vouch(t)
	v.server = v.authority.WriteAs(t.TempDir(), "server", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})
	onEach(t, v.options(false), func(t *testing.T, s server) {
		staysOut(t, s, "its server's certificate has expired", nats.RootCAs(v.server.CA))
		flush(t, connect(t, s, nats.Secure(&tls.Config{InsecureSkipVerify: true})))
	})
}
