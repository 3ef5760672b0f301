package broker

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gnatsd-ev/internal/invariant"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/internal/transport"
	"gnatsd-ev/loop"
)

// TLS. INFO goes in the clear, then comes the client's handshake; nothing else is said and done before it is over.
// It computes on a goroutine of its own, which has the connection's TLS while it does: meanwhile the session is
// parked, and a letter brings the TLS back. So it never matters that another may do the loop's turn, and
// only the loop touches the socket.

// securing is what stands between socket and session during the handshake.
type securing struct {
	loop.Letter
	*transport.TLS

	// Fixed when made; any goroutine may read.
	home *loop.Loop
	name loop.Handle

	// Home loop only.
	session  *Session
	deadline int64  // when the handshake must be over
	came     int    // bytes of it
	held     []byte // they wait for their turn
}

// secure begins the handshake of a new session.
func (s *Session) secure() {
	sh := s.shard
	x := &securing{home: sh.loop, name: s.conn.Handle(), session: s}
	x.Address(x)
	x.TLS = sh.terms.tls.Accept(x.givenBack)
	s.set(handshaking, true)
	sh.loop.Interpose(&s.conn, x)
	sh.loop.Guard(&s.conn)
	x.deadline = sh.loop.Now() + int64(sh.terms.options.TLS.Timeout)
	sh.loop.WakeAt(&s.conn, x.deadline)
	sh.log.Debugf("%s - Starting TLS client connection handshake", s)
}

// securing is the layer of a session whose handshake goes on.
func (s *Session) securing() *securing { return s.conn.Layer().(*securing) }

// Open hands on what the handshake waits for. Nothing more is read until it asks.
func (x *securing) Open(dst, in []byte) (int, bool, error) {
	if first := x.came == 0; len(in) > 0 {
		x.came += len(in)
		x.home.Charge(&x.session.conn, handshakeCost+2*x.came) // crypto/tls keeps messages in buffers that double
		if first && !x.takesTurn(in) {
			return 0, false, nil
		}
	}
	n, more, err := x.TLS.Open(dst, in)
	if x.Away() {
		x.home.Park(&x.session.conn, 0)
	}
	return n, more, err
}

// givenBack runs on the goroutine of the handshake.
func (x *securing) givenBack() {
	x.home.Post(&x.Letter) // a loop that has ended has closed the connection
}

// Deliver runs on the home loop when the handshake has given the TLS back.
func (x *securing) Deliver(l *loop.Loop) {
	c := l.Lookup(x.name)
	if c == nil || !c.Open() {
		return
	}
	x.session.shaken(x)
}

// shaken sends what the handshake has to say, and goes on with it or with what comes behind it.
func (s *Session) shaken(x *securing) {
	sh := s.shard
	invariant.Reached("shaken", s)
	over, err := x.Taken()
	if said := x.Answer(nil); len(said) > 0 {
		s.send(append(sh.loop.Tail(len(said)), said...))
	}
	if over {
		sh.loop.Charge(&s.conn, 0)
	}
	p, panicked := errors.AsType[*transport.Panic](err)
	switch {
	case panicked:
		sh.loop.Broke(&s.conn, loop.Panic{Value: p.Value, Stack: p.Stack[:min(len(p.Stack), handshakeErrorMax)]})
	case err != nil:
		s.handshakeFailed(err)
	case over:
		s.secured(x.TLS)
	}
	if s.conn.Open() {
		sh.loop.Unpark(&s.conn)
	}
}

// secured begins the session's life behind its handshake.
func (s *Session) secured(t *transport.TLS) {
	s.set(handshaking, false)
	s.shard.loop.SealOutput(&s.conn, t)
	if !s.pinned(t) {
		s.handshakeFailed(errNotPinned)
		return
	}
	if s.has(ungreeted) {
		s.greet(s.shard.greetings().behind)
	}
	s.awaitConnect()
	if log := s.shard.log; log.DebugOn() {
		state := t.State()
		log.Debugf("%s - TLS handshake complete", s)
		log.Debugf("%s - TLS version %s, cipher suite %s", s, strings.TrimPrefix(tls.VersionName(state.Version), "TLS "), tls.CipherSuiteName(state.CipherSuite))
	}
}

// certificate is the client's, where certificates name users. Who speaks in the clear has none.
func (s *Session) certificate() *x509.Certificate {
	if !s.shard.terms.authority.Maps() {
		return nil
	}
	t, secured := s.conn.Layer().(*transport.TLS)
	if !secured {
		return nil
	}
	return t.PeerCertificate()
}

// tellCertified tells by what a certificate names the session's user, as nats-server does.
func (s *Session) tellCertified(user, by, claimed string) {
	log := s.shard.log
	log.Debugf("%s - Using %s found in cert for auth [%s]", s, by, logging.Quote(nil, []byte(user)))
	if claimed != "" {
		log.Limited(logging.Warn, "mapped", "%s - User %s found in connect proto, but user required from cert", s, logging.Quote(nil, []byte(claimed)))
	}
}

// pinned reports whether the client has one of the keys that clients must have, if any are named.
func (s *Session) pinned(t *transport.TLS) bool {
	pins := s.shard.terms.options.TLS.Pinned
	if len(pins) == 0 {
		return true
	}
	cert := t.PeerCertificate()
	if cert == nil {
		s.shard.log.Debugf("%s - Failed pinned cert test as client did not provide a certificate", s)
		return false
	}
	id := fmt.Sprintf("%x", sha256.Sum256(cert.RawSubjectPublicKeyInfo))
	if !slices.Contains(pins, id) {
		s.shard.log.Debugf("%s - Failed pinned cert test for key id: %s", s, id)
		return false
	}
	return true
}

// handshakeTick goes on with a handshake whose turn has come, or ends one that takes too long.
func (s *Session) handshakeTick() {
	if x := s.securing(); x.held != nil {
		x.turnCame()
		return
	}
	s.handshakeTimedOut()
}

// handshakeFailed ends a session whose peer does not speak TLS as we do.
func (s *Session) handshakeFailed(err error) {
	s.logHandshake(err)
	s.end(proto.TLSHandshakeError)
}

// logHandshake says why a handshake failed. Those that knock without a word of TLS, as monitors
// and load balancers do, are no errors.
func (s *Session) logHandshake(err error) {
	log := s.shard.log
	if probe, ok := errors.AsType[tls.RecordHeaderError](err); ok && probe.Conn != nil {
		log.Debugf("%s - TLS handshake error: %v", s, err)
		return
	}
	log.Limited(errorLevel, "tls handshake", "%s - TLS handshake error: %s", s, logging.Show(nil, clip(err.Error()+unverified(err))))
}

// handshakeTimedOut ends a session whose handshake has taken too long. nats-server has a line for the read that
// fails at that moment as well.
func (s *Session) handshakeTimedOut() {
	log := s.shard.log
	log.Debugf("%s - TLS handshake error: %v", s, errHandshakeTimeout)
	log.Debugf("%s - TLS handshake timeout", s)
	s.end(proto.TLSHandshakeError)
}

// handshakeEnded notes that the peer has gone, or we go, in the midst of a handshake.
func (s *Session) handshakeEnded(err error) {
	switch err {
	case loop.ErrStopped:
		s.reason = proto.ServerShutdown
		return
	case nil:
		err = errPeerLeft
	}
	s.reason = proto.TLSHandshakeError
	s.logHandshake(err)
}

var (
	errHandshakeTimeout = errors.New("read: i/o timeout")
	errPeerLeft         = errors.New("EOF")
	errNotPinned        = errors.New("certificate not pinned")
)

// handshakeCost is what a handshake takes that has begun and waits for its peer, in heap and stack, about; see
// BenchmarkIdleUnderTLS.
const handshakeCost = 28 << 10

// handshakeErrorMax bounds what a log line shows of a failed handshake: names in certificates may be of any length.
const handshakeErrorMax = 4 << 10

func clip(text string) []byte { return []byte(text[:min(len(text), handshakeErrorMax)]) }

// unverified names the certificates that were not accepted, as nats-server does.
func unverified(err error) string {
	e, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(e.UnverifiedCertificates) == 0 {
		return ""
	}
	return " (" + certificateNames(e.UnverifiedCertificates) + ")"
}

// Of a client's certificates, which nobody has vouched for, log lines show so many, and subjects of so many bytes.
const (
	certificatesShown = 8
	subjectShownMax   = 1 << 10
)

// certificateNames lists subjects and fingerprints.
func certificateNames(certs []*x509.Certificate) string {
	var names []string
	for _, c := range certs[:min(len(certs), certificatesShown)] {
		subject := "a subject too long to be shown"
		if len(c.RawSubject) <= subjectShownMax { // writing it takes the square of its length
			subject = c.Subject.String()
		}
		names = append(names, fmt.Sprintf("%s SHA-256: %x", subject, sha256.Sum256(c.Raw)))
	}
	return strings.Join(names, "; ")
}
