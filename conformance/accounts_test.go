package conformance

// nats.go against every broker: the sample of accounts.

import (
	"errors"
	"os"
	"testing"

	"github.com/nats-io/nats.go"
)

// TestSampleOfAccounts: docs/accounts.conf starts as it is, and its accounts are apart.
func TestSampleOfAccounts(t *testing.T) {
	for _, name := range []string{"MACHINE", "CONTROL", "DESK", "ADMIN"} {
		t.Setenv(name+"_PASSWORD", "pw-"+name)
	}
	text, err := os.ReadFile("../docs/accounts.conf")
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, configOf(string(text)), func(t *testing.T, s server) {
		control, machine := connect(t, s, nats.UserInfo("control", "pw-CONTROL")), connect(t, s, nats.UserInfo("machine", "pw-MACHINE"))
		desk, nameless, admin := connect(t, s, nats.UserInfo("desk", "pw-DESK")), connect(t, s), connect(t, s, nats.UserInfo("admin", "pw-ADMIN"))
		refused(t, s, "a password of another account", nats.UserInfo("machine", "pw-DESK"))
		all := map[string]*nats.Subscription{}
		for name, nc := range map[string]*nats.Conn{"control": control, "desk": desk, "nameless": nameless} {
			all[name] = subscribe(t, nc, "*.x", "")
		}
		all["admin"] = subscribe(t, admin, "*.x", "")
		for _, one := range []struct {
			from    *nats.Conn
			subject string
			to      []string
		}{
			{machine, "state.x", []string{"control"}},
			{machine, "other.x", nil}, // its permissions say no
			{desk, "state.x", []string{"desk", "nameless"}},
			{desk, "admin.x", nil}, // nor may it do this
			{nameless, "memo.x", []string{"desk", "nameless"}},
			{admin, "state.x", []string{"admin"}},
		} {
			publish(t, one.from, one.subject, []byte("hi"))
			for _, name := range one.to {
				if m, err := all[name].NextMsg(wait); err != nil || m.Subject != one.subject {
					t.Errorf("%s to %s: %v, %v", one.subject, name, m, err)
				}
			}
			for name, sub := range all {
				flush(t, control)
				if n, _, err := sub.Pending(); n != 0 || err != nil {
					t.Errorf("%s came to %s, who is in another account: %d, %v", one.subject, name, n, err)
				}
			}
		}
		if _, err := desk.Request("orders.y", nil, wait); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("a request nobody of the account answers: %v", err)
		}
		if got := machine.MaxPayload(); got != 64<<10 {
			t.Errorf("the account's payload is %d", got)
		}
	})
}
