package conformance

// Keys and signatures of every length, and those of others.

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
)

// A signer is a client with a key, connected and greeted.
type signer struct {
	*rawClient
	nonce string
}

func dialSigner(t *testing.T, s server) *signer {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(wait))
	c := &signer{rawClient: &rawClient{conn: conn, in: bufio.NewReader(conn)}}
	info, err := c.line(wait)
	if c.nonce = nonceOf(info); err != nil || c.nonce == "" {
		t.Fatalf("greeted with %q: %v", info, err)
	}
	return c
}

// proves sends a key and a signature and returns the answer.
func (c *signer) proves(t *testing.T, key, sig string) string {
	t.Helper()
	fmt.Fprintf(c.conn, "CONNECT {\"verbose\":true,\"nkey\":%q,\"sig\":%q}\r\n", key, sig)
	line, err := c.line(wait)
	if err != nil {
		t.Fatalf("key %q, signature %q: %v", key, sig, err)
	}
	return line
}

// Only the whole key with the whole signature of the nonce of this connection comes in (advisory 2026-23).
func TestKeysAndSignaturesThatAreNone(t *testing.T) {
	key, public := userKey(t)
	other, otherPublic := userKey(t)
	sign := func(k nkeys.KeyPair, text string) []byte {
		sig, err := k.Sign([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	url, std := base64.RawURLEncoding, base64.StdEncoding
	text := fmt.Sprintf("authorization { users: [ { nkey: %s }, { user: u, password: p } ] }\n", public)
	onEach(t, configOf(text), func(t *testing.T, s server) {
		refuse := func(why, key string, sig func(nonce string) string) {
			t.Helper()
			c := dialSigner(t, s)
			if got := c.proves(t, key, sig(c.nonce)); got != "-ERR 'Authorization Violation'" {
				t.Errorf("%s: %s", why, got)
			}
			c.conn.Close()
		}
		for n := range len(public) + 2 {
			short := (public + "AA")[:n]
			if n != len(public) && n > 0 {
				refuse(fmt.Sprintf("a key of %d letters", n), short, func(nonce string) string { return url.EncodeToString(sign(key, nonce)) })
			}
		}
		for n := range 100 {
			if n == 64 {
				continue
			}
			refuse(fmt.Sprintf("a signature of %d bytes", n), public, func(nonce string) string {
				return url.EncodeToString(append(sign(key, nonce), make([]byte, 64)...)[:n])
			})
		}
		for bit := range 64 {
			refuse(fmt.Sprintf("byte %d of the signature is wrong", bit), public, func(nonce string) string {
				sig := sign(key, nonce)
				sig[bit] ^= 1
				return url.EncodeToString(sig)
			})
		}
		refuse("another's signature", public, func(nonce string) string { return url.EncodeToString(sign(other, nonce)) })
		refuse("nobody's key", otherPublic, func(nonce string) string { return url.EncodeToString(sign(other, nonce)) })
		refuse("no signature", public, func(string) string { return "" })
		refuse("no base64", public, func(string) string { return strings.Repeat("!", 86) })
		refuse("a signature of nothing", public, func(string) string { return url.EncodeToString(sign(key, "")) })
		refuse("a signature of the half of it", public, func(nonce string) string { return url.EncodeToString(sign(key, nonce[:7])) })
		refuse("small letters", strings.ToLower(public), func(nonce string) string { return url.EncodeToString(sign(key, nonce)) })
		refuse("zeros", public, func(string) string { return url.EncodeToString(make([]byte, 64)) })
		first, second := dialSigner(t, s), dialSigner(t, s)
		sig := url.EncodeToString(sign(key, first.nonce))
		if got := second.proves(t, public, sig); got != "-ERR 'Authorization Violation'" {
			t.Errorf("the nonce of another connection: %s", got)
		}
		if got := first.proves(t, public, sig); got != "+OK" {
			t.Errorf("the right signature: %s", got)
		}
		first.conn.Close()
		refuse("a replay", public, func(string) string { return sig })
		third := dialSigner(t, s)
		if got := third.proves(t, public, std.EncodeToString(sign(key, third.nonce))); got != "+OK" {
			t.Errorf("the other alphabet: %s", got)
		}
	})
}
