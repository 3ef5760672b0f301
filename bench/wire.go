package bench

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"gnatsd-ev/loop"
)

// A wire is one connection on a blocking socket, for round trips: a thread that
// waits in read(2) is woken sooner than a loop. One goroutine at a time.
type wire struct {
	fd     int
	hello  []byte // its CONNECT
	reader Reader
	buf    []byte
	kept   int // buf[:kept] is the beginning of a frame
	pongs  int
	info   []byte // the last INFO
	failed error

	tls     *tls.Config // nil is plain
	secured *tls.Conn   // once it is through its handshake
}

// wireBuffer holds the longest control line.
const wireBuffer = 2 * controlLineMax

// dialWire connects, without a word of NATS.
func dialWire(t Target) (*wire, error) {
	fd, err := loop.Dial(t.Addr, netip.Addr{})
	if err != nil {
		return nil, err
	}
	w := &wire{fd: fd, hello: t.Login.at(0).connectLine(), buf: make([]byte, wireBuffer), tls: t.TLS}
	limit := unix.NsecToTimeval(int64(answerTime))
	err = errors.Join(
		unix.SetNonblock(fd, false),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
	)
	if err != nil {
		w.close()
		return nil, fmt.Errorf("prepare socket to %s: %w", t.Addr, err)
	}
	return w, nil
}

// verify checks every payload from now on; none is larger than size. The buffer must
// hold a whole frame then.
func (w *wire) verify(c *checker, size int) {
	w.buf = append(make([]byte, 0, wireBuffer+size), w.buf[:w.kept]...)
	w.buf = w.buf[:cap(w.buf)]
	w.reader.Message = c.check
}

// connect waits for the greeting, says CONNECT and hello, and waits for PONG.
func (w *wire) connect(hello []byte) error {
	for w.info == nil {
		if err := w.receive(); err != nil {
			return err
		}
	}
	if err := w.secure(); err != nil {
		return err
	}
	if err := w.write(slices.Concat(w.hello, hello)); err != nil {
		return err
	}
	return w.ping()
}

// ping sends PING and waits for its PONG.
func (w *wire) ping() error {
	want := w.pongs + 1
	if err := w.write([]byte(pingLine)); err != nil {
		return err
	}
	for w.pongs < want {
		if err := w.receive(); err != nil {
			return err
		}
	}
	return nil
}

// await waits until n messages have come since the wire was dialled.
func (w *wire) await(n uint64) error {
	for w.reader.Messages < n {
		if err := w.receive(); err != nil {
			return err
		}
	}
	return nil
}

// receive reads once.
func (w *wire) receive() error {
	n, err := w.read(w.buf[w.kept:])
	if err != nil {
		return err
	}
	have := w.kept + n
	used, _, err := w.reader.Feed(w.buf[:have], w)
	if err != nil {
		return fmt.Errorf("broker sent what no broker sends: %w", err)
	}
	w.kept = copy(w.buf, w.buf[used:have])
	return w.failed
}

// write writes all of b.
func (w *wire) write(b []byte) error {
	if w.secured != nil {
		_, err := w.secured.Write(b)
		return err
	}
	_, err := socket(w.fd).Write(b)
	return err
}

// read reads once.
func (w *wire) read(b []byte) (int, error) {
	if w.secured != nil {
		return w.secured.Read(b)
	}
	return socket(w.fd).Read(b)
}

// Info keeps the greeting.
func (w *wire) Info(line []byte) { w.info = append([]byte{}, line...) }

// Ping answers.
func (w *wire) Ping() { w.failed = errors.Join(w.failed, w.write([]byte(pongLine))) }

// Pong counts.
func (w *wire) Pong() { w.pongs++ }

// Err ends the run.
func (w *wire) Err(line []byte) { w.failed = fmt.Errorf("broker said -ERR %s", line) }

func (w *wire) close() { unix.Close(w.fd) }

// A Broker is how a broker introduces itself.
type Broker struct {
	Name    string `json:"server_name"`
	Version string `json:"version"`
	Go      string `json:"go"`
	Commit  string `json:"git_commit,omitempty"`
}

// String is the broker in a few words.
func (b Broker) String() string {
	return strings.TrimSpace(strings.Join([]string{b.Version, b.Commit, b.Go}, " "))
}

// greet asks the broker who it is.
func greet(t Target) (Broker, error) {
	var b Broker
	w, err := dialWire(t)
	if err != nil {
		return b, err
	}
	defer w.close()
	if err := w.connect(nil); err != nil {
		return b, err
	}
	if err := json.Unmarshal(w.info, &b); err != nil {
		return b, fmt.Errorf("broker's INFO: %w", err)
	}
	return b, nil
}
