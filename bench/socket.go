package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// A socket is a wire's descriptor as a net.Conn, for TLS.
type socket int

// Read reads once.
func (s socket) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(s), b)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, fmt.Errorf("broker was silent for %v", answerTime)
		case err != nil:
			return 0, fmt.Errorf("read from broker: %w", err)
		case n == 0:
			return 0, errClosed
		}
		return n, nil
	}
}

// Write writes all of b.
func (s socket) Write(b []byte) (int, error) {
	all := len(b)
	for len(b) > 0 {
		n, err := unix.Write(int(s), b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return all - len(b), fmt.Errorf("write to broker: %w", err)
		}
		b = b[n:]
	}
	return all, nil
}

// Close and the methods behind it are there because a net.Conn has them: the wire closes its descriptor, and
// its patience is an option of the socket.
func (socket) Close() error                     { return nil }
func (socket) LocalAddr() net.Addr              { return nil }
func (socket) RemoteAddr() net.Addr             { return nil }
func (socket) SetDeadline(time.Time) error      { return nil }
func (socket) SetReadDeadline(time.Time) error  { return nil }
func (socket) SetWriteDeadline(time.Time) error { return nil }

// secure makes the wire's handshake behind the broker's INFO, if there is to be one.
func (w *wire) secure() error {
	if w.tls == nil {
		return nil
	}
	if !offersTLS(w.info) {
		return errNoTLS
	}
	c := tls.Client(socket(w.fd), w.tls)
	if err := c.Handshake(); err != nil {
		return errors.Join(errors.New("TLS handshake with the broker"), err)
	}
	w.secured = c
	return nil
}
