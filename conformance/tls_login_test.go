package conformance

// Clients that prove who they are behind TLS.

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// Users come in by password and by nkey over TLS, both asked for in one file, and their permissions hold there.
func TestTLSLogin(t *testing.T) {
	v := vouch(t)
	key, public := userKey(t)
	const permissions = `permissions: { publish: { deny: "no.pub" }, subscribe: { deny: "no.sub" } }`
	text := fmt.Sprintf("tls { cert_file: %q, key_file: %q, timeout: 5 }\nauthorization { users: [\n{ user: u, password: pw, %s }\n{ nkey: %s, %s }\n] }\n",
		v.server.Cert, v.server.Key, permissions, public, permissions)
	onEach(t, configOf(text), func(t *testing.T, s server) {
		trust := nats.RootCAs(v.server.CA)
		for name, proof := range map[string]nats.Option{"password": nats.UserInfo("u", "pw"), "nkey": nats.Nkey(public, key.Sign)} {
			told := make(chan error, 10)
			nc := connect(t, s, trust, proof, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
			if _, err := nc.TLSConnectionState(); err != nil {
				t.Errorf("by %s: %v", name, err)
			}
			sub := subscribe(t, nc, "yes."+name, "")
			publish(t, nc, "yes."+name, []byte("hi"))
			if m := next(t, sub); string(m.Data) != "hi" {
				t.Errorf("by %s: got %q", name, m.Data)
			}
			publish(t, nc, "no.pub", nil)
			if _, err := nc.SubscribeSync("no.sub"); err != nil {
				t.Fatal(err)
			}
			flush(t, nc)
			for _, want := range []string{`Permissions Violation for Publish to "no.pub"`, `Permissions Violation for Subscription to "no.sub"`} {
				select {
				case err := <-told:
					if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), want) {
						t.Errorf("by %s: told %q, want %q", name, err, want)
					}
				case <-time.After(wait):
					t.Fatalf("by %s: not told %q", name, want)
				}
			}
		}
		refused(t, s, "wrong password", trust, nats.UserInfo("u", "x"))
		refused(t, s, "a signature of something else", trust, nats.Nkey(public, func([]byte) ([]byte, error) { return key.Sign([]byte("something else")) }))
		refused(t, s, "no proof", trust)
	})
}

// What /varz says of both, beside nats-server: the time for the proof is longer with TLS.
func TestTLSLoginVarz(t *testing.T) {
	v := vouch(t)
	o := v.options(false)
	o["http_port"], o["user"], o["pass"] = "-1", "u", "p"
	theirs := varz(t, brokers[0].start(t, o, 0))
	ours := varz(t, brokers[1].start(t, o, 0))
	for _, name := range []string{"auth_required", "auth_timeout", "tls_required", "tls_timeout"} {
		if ours[name] == nil || ours[name] != theirs[name] {
			t.Errorf("%s is %v, nats-server's %v", name, ours[name], theirs[name])
		}
	}
}
