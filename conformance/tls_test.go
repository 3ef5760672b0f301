package conformance

// Clients with TLS.

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"gnatsd-ev/internal/certificate"
	"gnatsd-ev/internal/transcript"
)

// vouched are the files of a server and of a client that one authority vouches for.
type vouched struct {
	authority      *certificate.Authority
	server, client certificate.Files
}

func vouch(t *testing.T) vouched {
	a := certificate.NewAuthority("authority")
	return vouched{a, a.Write(t.TempDir(), "server"), a.Write(t.TempDir(), "client")}
}

// options start a broker with TLS.
func (v vouched) options(verify bool) transcript.Options {
	o := transcript.Options{"tlscert": v.server.Cert, "tlskey": v.server.Key}
	if verify {
		o["tlsverify"], o["tlscacert"] = "true", v.server.CA
	}
	return o
}

// Whichever scheme the program uses, its connection is encrypted, and messages of all sizes come through,
// one way and back.
func TestTLS(t *testing.T) {
	v := vouch(t)
	onEach(t, v.options(false), func(t *testing.T, s server) {
		from := connect(t, s, nats.RootCAs(v.server.CA))
		to, err := nats.Connect("tls://"+s.Address(), nats.RootCAs(v.server.CA), nats.Timeout(wait))
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		for _, nc := range []*nats.Conn{from, to} {
			if state, err := nc.TLSConnectionState(); err != nil || state.Version != tls.VersionTLS13 {
				t.Errorf("version %x, %v", state.Version, err)
			}
		}
		sub := subscribe(t, to, "sizes.*", "")
		for _, size := range []int{0, 1, 2047, 2048, 65536, 1 << 20} {
			data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			publish(t, from, "sizes."+strconv.Itoa(size), data)
			if m := next(t, sub); !bytes.Equal(m.Data, data) {
				t.Errorf("%d bytes arrived as %d", size, len(m.Data))
			}
		}
		if _, err := to.Subscribe("echo", func(m *nats.Msg) { m.Respond(m.Data) }); err != nil {
			t.Fatal(err)
		}
		flush(t, to)
		for range 100 {
			if m, err := from.Request("echo", []byte("hello"), wait); err != nil || string(m.Data) != "hello" {
				t.Fatal(err)
			}
		}
		if _, err := from.Request("nobody", nil, wait); err != nats.ErrNoResponders {
			t.Errorf("a request to nobody: %v", err)
		}
		if err := to.Drain(); err != nil {
			t.Error(err)
		}
	})
}

// Older clients, and clients that do not trust the server.
func TestTLSVersionsAndTrust(t *testing.T) {
	v := vouch(t)
	onEach(t, v.options(false), func(t *testing.T, s server) {
		older := &tls.Config{RootCAs: v.authority.Pool(), MaxVersion: tls.VersionTLS12}
		nc := connect(t, s, nats.Secure(older))
		if state, err := nc.TLSConnectionState(); err != nil || state.Version != tls.VersionTLS12 {
			t.Errorf("version %x, %v", state.Version, err)
		}
		flush(t, nc)
		for name, c := range map[string]*tls.Config{
			"of TLS 1.1":         {RootCAs: v.authority.Pool(), MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11},
			"that trusts others": {RootCAs: certificate.NewAuthority("other").Pool()},
		} {
			if nc, err := nats.Connect("nats://"+s.Address(), nats.Secure(c), nats.Timeout(wait)); err == nil {
				nc.Close()
				t.Errorf("a client %s is connected", name)
			}
		}
	})
}

func TestTLSClientCertificate(t *testing.T) {
	v := vouch(t)
	stranger := certificate.NewAuthority("stranger").Write(t.TempDir(), "stranger")
	onEach(t, v.options(true), func(t *testing.T, s server) {
		nc := connect(t, s, nats.RootCAs(v.server.CA), nats.ClientCert(v.client.Cert, v.client.Key))
		flush(t, nc)
		if nc, err := nats.Connect("nats://"+s.Address(), nats.RootCAs(v.server.CA), nats.Timeout(wait)); err == nil {
			nc.Close()
			t.Error("a client without a certificate is connected")
		}
		strange := nats.ClientCert(stranger.Cert, stranger.Key)
		if nc, err := nats.Connect("nats://"+s.Address(), nats.RootCAs(v.server.CA), strange, nats.Timeout(wait)); err == nil {
			nc.Close()
			t.Error("a client with a stranger's certificate is connected")
		}
	})
}

// What INFO says of TLS; and what comes of a client that knows of none: nothing, and the end.
func TestTLSInfoAndClientsWithout(t *testing.T) {
	v := vouch(t)
	for _, verify := range []bool{false, true} {
		onEach(t, v.options(verify), func(t *testing.T, s server) {
			c, err := s.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(wait))
			r := bufio.NewReader(c)
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			var info map[string]any
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil {
				t.Fatal(err)
			}
			_, available := info["tls_available"]
			if _, asks := info["tls_verify"]; info["tls_required"] != true || asks != verify || available {
				t.Errorf("verify %v: %s", verify, line)
			}
			io.WriteString(c, "CONNECT {}\r\nPING\r\n")
			if rest, err := io.ReadAll(r); len(rest) > 0 {
				t.Errorf("a client in the clear gets %q, %v", rest, err)
			}
		})
	}
}

// What /varz says of TLS, beside nats-server.
func TestTLSVarz(t *testing.T) {
	v := vouch(t)
	o := v.options(true)
	o["http_port"] = "-1"
	theirs := varz(t, brokers[0].start(t, o, 0))
	ours := varz(t, brokers[1].start(t, o, 0))
	for _, name := range []string{"tls_required", "tls_verify", "tls_timeout", "tls_cert_not_after"} {
		if ours[name] == nil || ours[name] != theirs[name] {
			t.Errorf("%s is %v, nats-server's %v", name, ours[name], theirs[name])
		}
	}
}
