package transport

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// TLS is one connection's TLS. It belongs to the connection's owner, and in turns to the goroutine of its
// handshake while that runs; see Away.
type TLS struct {
	conn    *tls.Conn
	pipe    pipe
	shaking *handshake // nil when it is over
	failed  error      // what the last read said, to be said again

	lent *[recordRoom]byte // what records are read into, nil while there are none; see borrow
}

// Open takes all of in, which the socket has given and which ends with the call, and puts what was in it
// into dst, as far as there is room. more says that there may be more of it: call again, with no input.
// An error comes without bytes; io.EOF says that the peer has ended its half in good order. While the
// handshake runs nothing comes, and the connection may be Away afterwards.
func (t *TLS) Open(dst, in []byte) (n int, more bool, err error) {
	if len(t.pipe.in) == 0 && t.shaking == nil {
		t.pipe.in = in
	} else {
		t.pipe.in = append(t.pipe.in, in...)
	}
	if t.shaking != nil {
		if len(in) > 0 && (t.shaking.began || t.whole()) {
			t.start()
		}
		return 0, false, nil
	}
	t.borrow()
	for t.failed == nil {
		k, err := t.conn.Read(dst[n:])
		n += k
		switch {
		case err == nil && n == len(dst):
			t.pipe.in = bytes.Clone(t.pipe.in)
			return n, true, nil
		case err == nil && !t.drained():
		case err == nil || blocks(err):
			t.pipe.in = nil
			t.giveBack()
			if !t.hoards() {
				return n, false, nil
			}
			t.failed = errHoarding
		default:
			t.failed, t.pipe.in = err, nil
			t.giveBack()
		}
	}
	if n > 0 {
		return n, true, nil
	}
	return 0, false, t.failed
}

// whole reports whether the first record of the peer has come, or what is none. Before that there is nothing
// to compute, and no goroutine.
func (t *TLS) whole() bool {
	in := t.pipe.in
	const header, handshake = 5, 22 // bytes of a record's head; the type in its first one
	if in[0] != handshake {
		return true
	}
	if len(in) < header {
		return false
	}
	n := int(in[3])<<8 | int(in[4])
	return n > recordMax || len(in) >= header+n
}

// recordMax is the most a record may hold. One that says more is refused by who reads it.
const recordMax = 16 << 10

// blocks reports whether a read only found no input.
func blocks(err error) bool {
	_, blocked := errors.AsType[wouldBlock](err)
	return blocked
}

// Answer appends what TLS itself has to tell the peer: messages of the handshake, answers to changes of
// keys, alerts.
func (t *TLS) Answer(dst []byte) []byte {
	dst = append(dst, t.pipe.out...)
	t.pipe.out = nil
	return dst
}

// Seal appends the records that carry plain.
func (t *TLS) Seal(dst, plain []byte) ([]byte, error) {
	t.pipe.out = dst
	_, err := t.conn.Write(plain)
	dst, t.pipe.out = t.pipe.out, nil
	return dst, err
}

// Farewell appends the record that says that nothing more comes.
func (t *TLS) Farewell(dst []byte) []byte {
	t.pipe.out = dst
	_ = t.conn.CloseWrite() // fails only if an alert was sent before, and then there is nothing to append
	dst, t.pipe.out = t.pipe.out, nil
	return dst
}

// PeerCertificate is the peer's own certificate, nil if it has shown none.
func (t *TLS) PeerCertificate() *x509.Certificate {
	if all := t.conn.ConnectionState().PeerCertificates; len(all) > 0 {
		return all[0]
	}
	return nil
}

// State is what the handshake has agreed on.
func (t *TLS) State() tls.ConnectionState { return t.conn.ConnectionState() }
