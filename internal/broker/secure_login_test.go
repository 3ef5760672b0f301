package broker

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"gnatsd-ev/internal/config"
)

// Who comes in by password, plain or hashed, or by nkey, does so behind the handshake as in the clear. The nonce
// stands in INFO before it, and what comes behind CONNECT waits for the comparison.
func TestLoginUnderTLS(t *testing.T) {
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := key.PublicKey()
	eachLoops(t, func(t *testing.T, loops int) {
		r := guarded(t, loops, config.Authorization{Users: []config.User{
			{Name: "plain", Password: "pw"}, {Name: "hashed", Password: hashed(t, "pw")}, {NKey: public},
		}}, withTLS(t))
		signed := func(nonce string) string {
			sig, _ := key.Sign([]byte(nonce))
			return fmt.Sprintf(`CONNECT {"verbose":false,"nkey":%q,"sig":%q}`, public, base64.RawURLEncoding.EncodeToString(sig))
		}
		for _, c := range []struct {
			connect func(nonce string) string
			in      bool
		}{
			{func(string) string { return as("plain", "pw") }, true},
			{func(string) string { return as("plain", "pW") }, false},
			{func(string) string { return as("hashed", "pw") }, true},
			{func(string) string { return as("hashed", "pW") }, false},
			{signed, true},
			{func(string) string { return signed("another nonce") }, false},
			{func(string) string { return "SUB a 1" }, false},
		} {
			g, err := r.dialTLS(clientTLS())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { g.NetConn().Close() })
			s := &secret{t, g, bufio.NewReader(g)}
			var info struct {
				AuthRequired bool   `json:"auth_required"`
				TLSRequired  bool   `json:"tls_required"`
				Nonce        string `json:"nonce"`
			}
			if err := json.Unmarshal([]byte(strings.TrimPrefix(s.line(), "INFO ")), &info); err != nil || !info.AuthRequired || !info.TLSRequired || info.Nonce == "" {
				t.Fatalf("greeted with %+v, %v", info, err)
			}
			connect := c.connect(info.Nonce)
			s.say(connect, "SUB a 1", pub("a", "hi"), "PING")
			if !c.in {
				s.expect(violation)
				continue
			}
			s.expect("MSG a 1 2")
			s.expect("hi")
			s.expect("PONG")
		}
	})
}

// The time to prove who one is begins when the handshake is over, and is a second longer than that of the handshake
// if nothing else was said.
func TestAuthenticationTimeoutUnderTLS(t *testing.T) {
	who := config.Authorization{User: "u", Password: "p"}
	r := guarded(t, 1, who, withTLS(t))
	if got := r.Facts().AuthTimeout; got != config.DefaultTLSTimeout+time.Second {
		t.Errorf("by default it is %v", got)
	}
	who.Timeout = 100 * time.Millisecond
	r = guarded(t, 1, who, withTLS(t), func(o *config.Options) { o.TLS.Timeout = patience })
	raw, info, err := r.knock()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetReadDeadline(time.Now().Add(3 * who.Timeout))
	if n, err := raw.Read(make([]byte, 1)); n > 0 || err == io.EOF {
		t.Fatalf("before the handshake is over: %d bytes, %v", n, err)
	}
	raw.SetReadDeadline(time.Now().Add(patience))
	s := &secret{t: t, veiled: &veiled{tls.Client(raw, clientTLS()), info}}
	if err := s.Handshake(); err != nil {
		t.Fatal(err)
	}
	s.r = bufio.NewReader(s)
	s.line()
	s.expect("-ERR 'Authentication Timeout'")
}
