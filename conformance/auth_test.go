package conformance

// nats.go against every broker: coming in by each method, and what it is told when it must not.

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"gnatsd-ev/internal/transcript"
)

func configOf(text string) transcript.Options {
	return transcript.Options{transcript.ConfigOption: text}
}

// refused wants a connection to be refused with the one generic error.
func refused(t *testing.T, s server, why string, options ...nats.Option) {
	t.Helper()
	nc, err := nats.Connect("nats://"+s.Address(), append([]nats.Option{nats.Timeout(wait)}, options...)...)
	if err == nil {
		nc.Close()
		t.Errorf("%s, and it came in", why)
	} else if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("%s: %v, want an authorization violation", why, err)
	}
}

func TestClientsComeInByPassword(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"authorization":{"users":[{"user":"plain","password":"pw"},{"user":"hashed","password":%q}]}}`, hash)
	onEach(t, configOf(text), func(t *testing.T, s server) {
		for user, password := range map[string]string{"plain": "pw", "hashed": "secret"} {
			nc := connect(t, s, nats.UserInfo(user, password))
			sub := subscribe(t, nc, "greet."+user, "")
			publish(t, nc, "greet."+user, []byte("hi"))
			if _, err := sub.NextMsg(wait); err != nil {
				t.Errorf("%s: %v", user, err)
			}
			refused(t, s, "wrong password", nats.UserInfo(user, "x"))
		}
		refused(t, s, "no such user", nats.UserInfo("nobody", "pw"))
		refused(t, s, "no proof")
		refused(t, s, "a token where there is none", nats.Token("pw"))
	})
}

func TestClientsComeInByFlags(t *testing.T) {
	onEach(t, transcript.Options{"user": "u", "pass": "p"}, func(t *testing.T, s server) {
		flush(t, connect(t, s, nats.UserInfo("u", "p")))
		refused(t, s, "wrong password", nats.UserInfo("u", "x"))
	})
	onEach(t, transcript.Options{"auth": "t0ken"}, func(t *testing.T, s server) {
		flush(t, connect(t, s, nats.Token("t0ken")))
		refused(t, s, "wrong token", nats.Token("t"))
		refused(t, s, "no proof")
	})
}

// userKey makes a user's key, and what of it is public.
func userKey(t *testing.T) (key nkeys.KeyPair, public string) {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err == nil {
		public, err = key.PublicKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

func TestClientsComeInByNKey(t *testing.T) {
	key, public := userKey(t)
	onEach(t, configOf(fmt.Sprintf(`{"authorization":{"users":[{"nkey":%q}]}}`, public)), func(t *testing.T, s server) {
		flush(t, connect(t, s, nats.Nkey(public, key.Sign)))
		refused(t, s, "a signature of something else", nats.Nkey(public, func([]byte) ([]byte, error) { return key.Sign([]byte("something else")) }))
	})
}

// What a client must not do it learns through its error handler, and it stays.
func TestViolationsReachTheErrorHandler(t *testing.T) {
	const text = `{"authorization":{"users":[{"user":"u","password":"p","permissions":{"publish":{"deny":["no.pub"]},"subscribe":{"deny":["no.sub"]}}}]}}`
	onEach(t, configOf(text), func(t *testing.T, s server) {
		told := make(chan error, 10)
		nc := connect(t, s, nats.UserInfo("u", "p"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }))
		publish(t, nc, "no.pub", nil)
		if _, err := nc.QueueSubscribeSync("no.sub", "q"); err != nil {
			t.Fatal(err)
		}
		flush(t, nc)
		for _, want := range []string{`Permissions Violation for Publish to "no.pub"`, `Permissions Violation for Subscription to "no.sub" using queue "q"`} {
			select {
			case err := <-told:
				if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), want) {
					t.Errorf("the handler was told %q, want %q", err, want)
				}
			case <-time.After(wait):
				t.Fatalf("the handler was not told %q", want)
			}
		}
		flush(t, nc)
	})
}
