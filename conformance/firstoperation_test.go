package conformance

// Whatever a client begins with, what decides is who it is, or may be taken for: the same as with an explicit CONNECT, byte for
// byte as nats-server has it (advisories 2026-16, 2026-24, CVE-2023-47090, and the PING-first path of July 2026).

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// firstOperations are what clients begin with.
var firstOperations = []string{
	"CONNECT {}\r\n", "connect{\"verbose\":true}\r\n", "PING\r\n", "ping\r\n", "PONG\r\n", "SUB a 1\r\n", "SUB denied 1\r\n", "PUB a 1\r\nx\r\n", "HPUB a 0 0\r\n\r\n", "UNSUB 1\r\n", "INFO {}\r\n", "+OK\r\n",
	"-ERR x\r\n", "X", "\r\n", "\x16\x03\x01\x00\x05", "GET / HTTP/1.1\r\n\r\n", "RS+ a\r\n", "LS+ a\r\n", "A+ a\r\n", "CONX", "P",
	"CONNECT {\"user\":\"nobody\"}\r\n", "CONNECT {\"user\":\"plain\",\"pass\":\"x\"}\r\n", "CONNECT {\"auth_token\":\"x\"}\r\n", "CONNECT {\"jwt\":\"x\",\"sig\":\"x\"}\r\n", "CONNECT {\"account\":\"$SYS\"}\r\n",
}

// doors are ways of being configured, by name.
func doors(t *testing.T) map[string]string {
	hash, err := bcrypt.GenerateFromPassword([]byte("pw"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	_, public := userKey(t)
	users := fmt.Sprintf("authorization { users: [\n{ user: plain, password: pw, permissions: { publish: { deny: denied }, subscribe: { deny: denied } } }\n"+
		"{ user: ws, password: pw, allowed_connection_types: [WEBSOCKET] }\n{ user: both, password: pw, allowed_connection_types: [WEBSOCKET, STANDARD] }\n{ user: hashed, password: %q }\n{ nkey: %s }\n{ user: open }\n] }\n", hash, public)
	all := map[string]string{"nobody": users, "one user": "authorization { user: u, password: p }\n", "a token": "authorization { token: t }\n"}
	for _, name := range []string{"plain", "ws", "both", "hashed", "open", public} {
		all[name] = users + "no_auth_user: " + name + "\n"
	}
	return all
}

// beginWith sends what a client begins with, and something that shows whether it is in, and returns what is answered.
func beginWith(t *testing.T, s server, first string, trust *tls.Config) (got []string) {
	pongs := 1
	if strings.EqualFold(first, "PING\r\n") {
		pongs = 2
	}
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(wait))
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if trust != nil {
		conn = tls.Client(conn, trust)
		r = bufio.NewReader(conn)
	}
	io.WriteString(conn, first+"PUB denied 1\r\nx\r\nSUB denied 2\r\nPING\r\n") // fails where it is refused early
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return append(got, "closed")
		}
		if strings.HasPrefix(line, "INFO ") {
			continue
		}
		got = append(got, line)
		if line == "PONG\r\n" {
			pongs--
		}
		if pongs == 0 {
			return got
		}
	}
}

// refusedIn says whether a client was refused as a stranger.
func refusedIn(got []string) bool { return slices.Contains(got, "-ERR 'Authorization Violation'\r\n") }

func TestFirstOperationsAreDecidedAsByNatsServer(t *testing.T) {
	v := vouch(t)
	block := fmt.Sprintf("tls { cert_file: %q, key_file: %q, timeout: 10 }\n", v.server.Cert, v.server.Key)
	for name, text := range doors(t) {
		for _, trust := range []*tls.Config{nil, {RootCAs: v.authority.Pool(), ServerName: "127.0.0.1"}} {
			if trust != nil {
				text += block
			}
			var want map[string][]string
			for _, b := range brokers {
				s, stop := b.startUntil(t, configOf(text), 0)
				all := map[string][]string{}
				for _, first := range firstOperations {
					all[first] = beginWith(t, s, first, trust)
				}
				stop()
				if b.loops == 0 {
					want = all
					continue
				}
				for _, first := range firstOperations {
					where := fmt.Sprintf("%s, no_auth_user %s, TLS %v: a client that begins with %q", b.name, name, trust != nil, first)
					if refusedIn(all["CONNECT {}\r\n"]) && !strings.HasPrefix(strings.ToUpper(first), "CON") && !refusedIn(all[first]) {
						t.Errorf("%s comes in where CONNECT does not: %q", where, all[first])
					}
					// The row auth-first-operation: an nkey too may be taken for granted by any first operation.
					if name[0] == 'U' && len(name) > 50 && refusedIn(want[first]) && !refusedIn(want["CONNECT {}\r\n"]) && !strings.HasPrefix(first, "CONNECT {\"") {
						if refusedIn(all[first]) {
							t.Errorf("%s is refused: %q", where, all[first])
						}
						continue
					}
					if !slices.Equal(all[first], want[first]) {
						t.Errorf("%s\n      gets %q\nnats-server %q", where, all[first], want[first])
					}
				}
			}
		}
	}
}
