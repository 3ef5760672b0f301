package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"reflect"
	"sync"
	"unsafe"
)

// Lending. crypto/tls keeps the buffer it reads records into for as long as the connection lives, as large as
// the largest record was: 2 KB after most handshakes, 17 KB after a large message, at every idle connection. So
// a connection gets a buffer when there is input and gives it back when all of it has been read. The fields
// of tls.Conn are not exported; they are found by name and type once, when the program starts. Where they are not
// what they were, connections keep their buffers, and a test says so.

// buffers says where a tls.Conn has the buffers for its input.
type buffers struct {
	raw   uintptr // bytes.Buffer: records as they came
	input uintptr // bytes.Reader: what is left of the last one, a view of raw
	hand  uintptr // bytes.Buffer: messages of handshakes
}

// found is where they are; lendable says that they were found.
var found, lendable = findBuffers(reflect.TypeFor[tls.Conn]())

// findBuffers looks for them in what should be a tls.Conn.
func findBuffers(conn reflect.Type) (b buffers, ok bool) {
	raw, ok1 := conn.FieldByName("rawInput")
	input, ok2 := conn.FieldByName("input")
	hand, ok3 := conn.FieldByName("hand")
	ok = ok1 && ok2 && ok3 && raw.Type == reflect.TypeFor[bytes.Buffer]() &&
		input.Type == reflect.TypeFor[bytes.Reader]() && hand.Type == reflect.TypeFor[bytes.Buffer]()
	return buffers{raw.Offset, input.Offset, hand.Offset}, ok
}

// field is the part of conn at an offset.
func field[T any](conn *tls.Conn, at uintptr) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(conn), at))
}

// recordRoom has room for two of the largest records and what bytes.Buffer wants free behind them: with less it
// would take new memory rather than move a part of one to its front.
const recordRoom = 36 << 10

var spare = sync.Pool{New: func() any { return new([recordRoom]byte) }}

// borrow gives the connection a buffer for input if it has none.
func (t *TLS) borrow() {
	if !lendable || t.lent != nil {
		return
	}
	t.lent = spare.Get().(*[recordRoom]byte)
	raw := field[bytes.Buffer](t.conn, found.raw)
	*raw = *bytes.NewBuffer(append(t.lent[:0], raw.Bytes()...))
}

// drained reports whether there is nothing left to read, as far as one can see: another read would only say that
// it blocks.
func (t *TLS) drained() bool {
	return lendable && len(t.pipe.in) == 0 && field[bytes.Buffer](t.conn, found.raw).Len() == 0 &&
		field[bytes.Reader](t.conn, found.input).Len() == 0
}

// giveBack takes it away again after a read that found no more input. What there is of a record stays, in
// memory of its own size.
func (t *TLS) giveBack() {
	if t.lent == nil {
		return
	}
	raw := field[bytes.Buffer](t.conn, found.raw)
	*raw = *bytes.NewBuffer(bytes.Clone(raw.Bytes()))
	field[bytes.Reader](t.conn, found.input).Reset(nil) // else it would hold on to the buffer
	spare.Put(t.lent)
	t.lent = nil
}

// messageMax is more than any message of a handshake that clients send behind the handshake; crypto/tls would keep up to
// 256 KB of one until its end comes.
const messageMax = 4 << 10

var errHoarding = errors.New("tls: a message behind the handshake is too long")

// hoards reports whether the peer has begun a message that must not be so long.
func (t *TLS) hoards() bool {
	return lendable && field[bytes.Buffer](t.conn, found.hand).Len() > messageMax
}

// forgetHandshake drops what the handshake has left in the buffers, if that was all read.
func (t *TLS) forgetHandshake() {
	if !lendable {
		return
	}
	for _, at := range []uintptr{found.raw, found.hand} {
		if b := field[bytes.Buffer](t.conn, at); b.Len() == 0 {
			*b = bytes.Buffer{}
		}
	}
}
