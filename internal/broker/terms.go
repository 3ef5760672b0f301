package broker

import (
	"time"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/internal/transport"
)

// Terms are on what terms sessions are served: all that is configured and may change while the broker
// runs. They never change themselves; each loop has the pointer it goes by, and other goroutines take
// the broker's.
type terms struct {
	options   *config.Options
	authority *auth.Authority
	tls       *transport.Acceptor // nil when clients speak in the clear
	throttle  *throttle           // of handshakes, nil when there is no limit
	certEnds  time.Time           // when the server's certificate is not valid any more; zero without TLS
	greeting  *greetings
	farewell  *greetings // say that this server is a lame duck
	// greetingMax bounds an INFO line: names in it may be of any length.
	greetingMax int

	grants  map[string]*grant // accounts by name
	subsMax map[*Account]int  // of a session, where that is less than for all
	system  *Account          // nil if there is none
}

// newTerms reads what keeps strangers out: who may come in, and the certificates. It greets nobody yet, since
// listeners are bound only later. Accounts of the terms before that have a name again stay as they are.
func newTerms(o *config.Options, gate transport.Gate, before *terms, loops int) (*terms, error) {
	t := &terms{options: o}
	t.grant(o, before, loops)
	who := o.Authorization
	if who.Timeout <= 0 && o.TLS.On() {
		who.Timeout = o.TLS.Timeout + time.Second // nats-server's default is longer with TLS
	}
	var err error
	if t.authority, err = auth.New(who); err != nil {
		return nil, err
	}
	if !o.TLS.On() {
		return t, nil
	}
	if o.TLS.Map {
		t.authority.MapCertificates()
	}
	c, err := o.TLS.Load()
	if err != nil {
		return nil, err
	}
	t.throttle = newThrottle(o.TLS.RateLimit)
	t.tls, t.certEnds = transport.NewAcceptor(c, gate), c.Certificates[0].Leaf.NotAfter
	return t, nil
}

// handshakeFirst reports whether INFO waits for the TLS handshake.
func (t *terms) handshakeFirst() bool { return t.tls != nil && t.options.TLS.First }

// greet says how clients are greeted from now on.
func (t *terms) greet(info proto.Info) {
	t.greeting = newGreetings(info, t.authority)
	info.LameDuckMode = true
	t.farewell = newGreetings(info, t.authority)
	longest := 0
	for name := range t.grants {
		longest = max(longest, len(name))
	}
	t.greetingMax = len(t.farewell.welcome.Append(nil, 0, "")) + sessionFieldsMax + longest*escapedMax
}

// greetings are INFO for who has just connected and for who has come in: only the former is not told to prove
// anything where it may stay nameless, as nats-server has it.
// Behind a handshake that comes first INFO says that it is required, even where others may do without.
type greetings struct{ hello, welcome, behind *proto.Greeting }

func newGreetings(info proto.Info, a *auth.Authority) *greetings {
	var g greetings
	info.AuthRequired = a.Announced()
	g.hello = proto.NewGreeting(info)
	secured := info
	secured.TLSRequired = true
	g.behind = proto.NewGreeting(secured)
	info.AuthRequired = a.Required()
	g.welcome = proto.NewGreeting(info)
	return &g
}

// sessionFieldsMax bounds what an INFO line says of one session: its number and
// address, which may name a zone, and its nonce; without its account's name, of which
// JSON makes up to escapedMax bytes of each.
const (
	sessionFieldsMax = 1024
	escapedMax       = 6
)

// greetings are those in force; a lame duck has its own. Home loop only.
func (sh *shard) greetings() *greetings {
	if sh.broker.lameDuck.Load() {
		return sh.terms.farewell
	}
	return sh.terms.greeting
}
