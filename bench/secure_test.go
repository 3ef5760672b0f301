package bench

import (
	"crypto/tls"
	"strings"
	"testing"

	"gnatsd-ev/internal/certificate"
	"gnatsd-ev/internal/transport"
	"gnatsd-ev/loop"
)

// fakeSecuring is the fake broker's side of a handshake.
type fakeSecuring struct {
	loop.Letter
	*transport.TLS
	peer *fakePeer
	name loop.Handle
}

func (p *fakePeer) secure() {
	x := &fakeSecuring{peer: p, name: p.conn.Handle()}
	x.Address(x)
	l := p.broker.l
	x.TLS = p.broker.tls.Accept(func() { l.Post(&x.Letter) })
	l.Interpose(&p.conn, x)
}

func (x *fakeSecuring) Open(dst, in []byte) (int, bool, error) {
	n, more, err := x.TLS.Open(dst, in)
	if x.Away() {
		x.peer.broker.l.Park(&x.peer.conn, 0)
	}
	return n, more, err
}

func (x *fakeSecuring) Deliver(l *loop.Loop) {
	if c := l.Lookup(x.name); c == nil || !c.Open() {
		return
	}
	c := &x.peer.conn
	over, err := x.Taken()
	if said := x.Answer(nil); len(said) > 0 {
		x.peer.say(said)
	}
	switch {
	case err != nil:
		l.Close(c)
		return
	case over:
		l.SealOutput(c, x.TLS)
	}
	l.Unpark(c)
}

// Connections on loops and on wires, those that stay and those that come and go, run under TLS as they do without.
func TestScenariosRunUnderTLS(t *testing.T) {
	t.Parallel()
	authority := certificate.NewAuthority("bench")
	acceptor := transport.NewAcceptor(&tls.Config{Certificates: []tls.Certificate{authority.Issue("localhost")}}, transport.NewGate(1))
	target := startFakeWith(t, loop.Config{Loops: 1}, fakeBroker{tls: acceptor})
	trusting := &tls.Config{ServerName: "localhost", RootCAs: authority.Pool()}
	for _, name := range []string{"conn", "fanout", "churn", "storm", "reqrep", "quiet"} {
		s, _ := Find(name)
		load := short(s)
		load.Verify = name != "conn"
		target.TLS = trusting
		result, err := s.Run(target, load)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n, _ := result.Metric("verified"); result.Failure != "" || n == 0 && load.Verify && name != "storm" {
			t.Errorf("%s: %v messages are right, %s", name, n, result.Failure)
		}
		target.TLS = &tls.Config{ServerName: "localhost"}
		if _, err := s.Run(target, load); err == nil {
			t.Errorf("%s: it ran with a broker it has no reason to trust", name)
		}
	}
}

// A fleet notices itself whom it must not trust, and who does not encrypt at all.
func TestFleetsTrustNobodyByThemselves(t *testing.T) {
	t.Parallel()
	authority := certificate.NewAuthority("bench")
	acceptor := transport.NewAcceptor(&tls.Config{Certificates: []tls.Certificate{authority.Issue("localhost")}}, transport.NewGate(1))
	for want, target := range map[string]Target{
		"certificate":    startFakeWith(t, loop.Config{Loops: 1}, fakeBroker{tls: acceptor}),
		errNoTLS.Error(): startFake(t, nil),
	} {
		f, err := newFleet(target.Addr, 1)
		if err != nil {
			t.Fatal(err)
		}
		target.TLS = &tls.Config{ServerName: "localhost"}
		f.prepare(&run{target: target})
		if err := f.open(newClients(3), f.reader); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("three clients open with %v, want %q", err, want)
		}
		f.close()
	}
}

// Users take turns.
func TestUsersLogInInTurn(t *testing.T) {
	t.Parallel()
	if got := (Login{User: "u", Users: 3}).at(4).User; got != "u1" {
		t.Errorf("the fifth of three users is %s", got)
	}
	s, _ := Find("churn")
	for _, wanted := range []string{`"user":"u0"`, `"user":"u1"`} {
		target := startFakeWith(t, loop.Config{Loops: 1}, fakeBroker{login: wanted})
		target.Login = Login{User: "u", Password: "p", Users: 2}
		if _, err := s.Run(target, short(s)); err == nil {
			t.Errorf("everybody logged in as %s", wanted)
		}
	}
}
