package broker

import (
	"crypto/tls"
	"reflect"
	"slices"
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
	helpers   helpers             // nil where no check is slow
	tls       *transport.Acceptor // nil when clients speak in the clear
	papers    *tls.Config         // what tls was made of
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
// listeners are bound only later. What is as in the terms before, if there are any, is taken from them, and so are
// accounts that have a name again.
func newTerms(o *config.Options, gate *transport.Gate, old *terms, loops int) (*terms, error) {
	t := &terms{options: o}
	t.grant(o, old, loops)
	if err := t.choose(old); err != nil {
		return nil, err
	}
	if old != nil {
		t.throttle = old.throttle // the rate cannot change
	} else {
		t.throttle = newThrottle(o.TLS.RateLimit)
	}
	if !o.TLS.On() {
		return t, nil
	}
	c, err := o.TLS.Load()
	if err != nil {
		return nil, err
	}
	t.papers, t.certEnds = c, c.Certificates[0].Leaf.NotAfter
	if old != nil && old.tls != nil && reflect.DeepEqual(old.options.TLS, o.TLS) && samePapers(old.papers, c) {
		t.tls, t.papers = old.tls, old.papers // and with it, what clients go on with that come again
	} else {
		t.tls = transport.NewAcceptor(c, gate)
	}
	return t, nil
}

// handshakeFirst reports whether INFO waits for the TLS handshake.
func (t *terms) handshakeFirst() bool { return t.tls != nil && t.options.TLS.First }

// choose finds out who may come in.
func (t *terms) choose(old *terms) (err error) {
	who := t.options.Authorization
	if who.Timeout <= 0 && t.options.TLS.On() {
		who.Timeout = t.options.TLS.Timeout + time.Second // nats-server's default is longer with TLS
	}
	switch {
	case old == nil:
		t.authority, err = auth.New(who)
	case t.options.SameAuthorization(old.options) && t.options.TLS.On() == old.options.TLS.On() && t.options.TLS.Timeout == old.options.TLS.Timeout:
		t.authority = old.authority
		return nil
	default:
		t.authority, err = old.authority.Renew(who)
	}
	if err == nil && t.options.TLS.Map {
		t.authority.MapCertificates()
	}
	return err
}

// samePapers reports whether certificates and authorities are the same, whatever the names of their files.
func samePapers(a, b *tls.Config) bool {
	if (a.ClientCAs == nil) != (b.ClientCAs == nil) || a.ClientCAs != nil && !a.ClientCAs.Equal(b.ClientCAs) {
		return false
	}
	return slices.EqualFunc(a.Certificates, b.Certificates, func(a, b tls.Certificate) bool {
		return slices.EqualFunc(a.Certificate, b.Certificate, slices.Equal[[]byte])
	})
}

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

// goBy has the loop serve by other terms. Its sessions learn of it one after the other: see reload.go.
func (sh *shard) goBy(t *terms) {
	sh.terms, sh.trace = t, t.options.Trace
	sh.loop.SetWriteDeadline(int64(t.options.WriteDeadline))
}
