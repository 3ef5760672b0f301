package loop

import (
	"errors"
	"io"

	"gnatsd-ev/internal/invariant"
)

// Layers. Between a connection's socket and its owner may stand a layer that gives bytes
// another form on the way, such as encryption. Input goes through it before
// the owner handles it. Output stays shared and in the owner's form until it is written: a
// flush gives it the form of the socket, a little ahead of what the socket has taken, and only
// when the socket takes more. What has that form is kept as it is until it is written.

// A Layer gives a connection's bytes another form. All methods run on the connection's home loop.
type Layer interface {
	// Open takes all of in, which the socket has given and which ends with the call, and puts what
	// it makes of it into dst, as far as there is room. more asks to be called again, with
	// no input, before the socket is read. An error comes without bytes, and means that no
	// more input will be understood; io.EOF is the peer's orderly end.
	Open(dst, in []byte) (n int, more bool, err error)
	// Answer appends what the layer itself has to tell the peer since the last call of Open.
	Answer(dst []byte) []byte
	// Seal appends plain in the form of the socket.
	Seal(dst, plain []byte) ([]byte, error)
	// Farewell appends what tells the peer that nothing more comes. It is the last call but
	// for Open.
	Farewell(dst []byte) []byte
}

const (
	// sealMax is how much output gets the socket's form at once: what comes of it fits into 64 KB.
	sealMax = 60 << 10

	// rawRead is how much one visit reads for a layer: what comes of it, and of a part of a
	// large record it had already, hardly ever takes more room than a visit has.
	rawRead = readSize - 17<<10
)

// answersMax is how many bytes of a layer's own may wait: a peer that asks on and on and reads no answer must not
// make us keep them all.
const answersMax = 16 << 10

var errAnswers = errors.New("answers of the layer are not read")

// layered is what a connection has whose bytes go through a layer.
type layered struct {
	layer   Layer
	sealing bool   // output goes through it as well
	more    bool   // the layer may hold input the owner has not been given
	charge  *input // what it costs before it has said who it is, nil for nothing; see Charge
	parted  bool   // Farewell has been called

	// raw is how many pending bytes, the first ones, were sent before the layer took output.
	raw int

	// out[off:] has the socket's form and is not written yet; it never changes. It carries
	// plain pending bytes, the first ones, and extra more that are the layer's own.
	out          []byte
	off          int
	plain, extra int
}

// Interpose has c's input go through layer from now on. Output stays as it is until SealOutput. Home
// loop only.
func (l *Loop) Interpose(c *Conn, layer Layer) {
	l.Enter()
	if l.rawBuffer == nil {
		l.rawBuffer = make([]byte, rawRead)
	}
	c.via = &layered{layer: layer}
	l.Leave()
}

// SealOutput puts layer into the place of the one c has, and all that is sent from now on goes
// through it. What was sent before leaves as it is. Input that layer holds already is handled soon. Home
// loop only.
func (l *Loop) SealOutput(c *Conn, layer Layer) {
	l.Enter()
	v := c.via
	v.layer, v.sealing, v.raw = layer, true, c.pending
	v.more, c.readable = true, true
	if c.state == stateOpen && !c.parked {
		l.enqueue(c)
	}
	l.Leave()
}

// Layer is what stands between the connection's socket and its owner, nil if nothing does.
func (c *Conn) Layer() Layer {
	if c.via == nil {
		return nil
	}
	return c.via.layer
}

// readThrough is read for a connection with a layer: what one read of the socket gives is opened and
// handled, in as many pieces as there is room for.
func (l *Loop) readThrough(c *Conn) {
	v := c.via
	var in []byte
	if !v.more {
		in = l.rawBuffer
		if c.guarded {
			in = in[:guardedRead]
		}
		in = in[:l.receive(c, in)]
		if len(in) == 0 {
			return
		}
	}
	l.lookAgain()
	if c.state != stateOpen { // something in the mailbox closed it
		return
	}
	for more := true; more; in = nil { // once at least: something in the mailbox may have parked it
		buf, kept := l.inputRoom(c)
		was := l.alone()
		n, again, err := v.layer.Open(buf[kept:], in)
		l.back(was)
		if invariant.Enabled {
			invariant.Check(n >= 0 && n <= len(buf)-kept && (err == nil || n == 0), "Open gave %d bytes for %d, and error %v", n, len(buf)-kept, err)
		}
		if err != nil {
			l.closedByLayer(c, err)
			return
		}
		v.more, more = again, again
		if l.answer(c); v.extra > answersMax {
			l.fail(c, errAnswers)
			return
		}
		if n > 0 {
			l.handle(c, buf[:kept+n], buf)
		}
		if c.state != stateOpen || c.parked || c.ready {
			break
		}
	}
	c.readable = c.readable || v.more
}

// answer lists what the layer itself wants the peer to know.
func (l *Loop) answer(c *Conn) {
	v := c.via
	if !v.sealing {
		return
	}
	l.addFramed(c, v.layer.Answer(v.out))
}

// addFramed puts bytes of the layer's own behind the framed ones: out is c's with more at its end.
func (l *Loop) addFramed(c *Conn, out []byte) {
	v := c.via
	n := len(out) - len(v.out)
	if n == 0 {
		return
	}
	l.counts.framed += cap(out) - cap(v.out)
	v.out = out
	v.extra += n
	c.pending += n
	l.wanted += n
	if !c.dirty && !c.blocked {
		l.markDirty(c)
	}
}

// closedByLayer ends a connection whose layer understands no more input. What the owner has sent is written
// after an orderly end; after any other the peer gets the layer's own last words only.
func (l *Loop) closedByLayer(c *Conn, err error) {
	v := c.via
	if err != io.EOF && (v.plain > 0 || v.raw > 0) { // in the midst of something it will not read
		l.fail(c, err)
		return
	}
	if err == io.EOF {
		err = nil
	} else {
		l.dropSegments(c)
		v.parted = true
	}
	l.own(c, func() { c.peer.Ended(err) })
	l.answer(c)
	l.Close(c)
}

// sealNext frames what the connection is owed next, unless framed bytes wait already. It is called before
// pieces.
func (l *Loop) sealNext(c *Conn) error {
	v := c.via
	if !v.sealing || v.raw > 0 || len(v.out) > 0 {
		return nil
	}
	plain := l.nextPlain(c)
	out, err := v.layer.Seal(grabBytes(len(plain)+sealRoom), plain)
	if err != nil {
		return err
	}
	l.counts.framed += cap(out)
	v.out, v.off, v.plain = out, 0, len(plain)
	return nil
}

// sealRoom is how many bytes a layer may add to sealMax without the buffer having to grow.
const sealRoom = 64<<10 - sealMax

// nextPlain returns the oldest bytes the connection is owed, in the owner's form and in one
// piece, which ends with the next call: small ones are joined, as a record for each would
// cost much more.
func (l *Loop) nextPlain(c *Conn) []byte {
	b := c.head.block.buf[c.head.from:c.head.to]
	if c.more == nil || len(b) >= sealMax {
		return b[:min(len(b), sealMax)]
	}
	if l.joined == nil {
		l.joined = make([]byte, 0, sealMax)
	}
	run := append(l.joined, b...)
	for _, s := range c.more.segs[c.more.head:] {
		b = s.block.buf[s.from:s.to]
		run = append(run, b[:min(len(b), sealMax-len(run))]...)
		if len(run) == sealMax {
			break
		}
	}
	return run
}

// framed is pieces for a connection with a layer.
func (l *Loop) framed(c *Conn) (bufs [][]byte, total int) {
	v := c.via
	if len(v.out) > 0 && v.raw == 0 {
		b := v.out[v.off:]
		return append(l.iov[:0], b), len(b)
	}
	bufs, total = l.segments(c)
	for v.sealing && total > v.raw { // what is behind goes through the layer first
		last := len(bufs) - 1
		n := min(len(bufs[last]), total-v.raw)
		total -= n
		if bufs[last] = bufs[last][:len(bufs[last])-n]; len(bufs[last]) == 0 {
			bufs[last] = nil
			bufs = bufs[:last]
		}
	}
	return bufs, total
}

// wroteFramed notes that the socket took n bytes, and returns how many of the owner's have left with
// them.
func (l *Loop) wroteFramed(c *Conn, n int) (plain int) {
	v := c.via
	if v.raw > 0 || !v.sealing {
		v.raw = max(v.raw-n, 0)
		return n
	}
	if n > 0 {
		c.progressAt = l.now
	}
	if v.off += n; v.off < len(v.out) {
		return 0
	}
	plain = v.plain
	c.written += uint64(v.extra)
	l.dropFramed(c)
	return plain
}

// dropFramed forgets framed bytes, and what of them is the layer's own.
func (l *Loop) dropFramed(c *Conn) {
	v := c.via
	c.pending -= v.extra
	l.wanted -= v.extra
	l.counts.framed -= cap(v.out)
	l.returnBytes(v.out)
	v.out, v.off, v.plain, v.extra, v.raw = nil, 0, 0, 0, 0
}

// farewell has the layer say its last word. It reports false if there is none.
func (l *Loop) farewell(c *Conn) bool {
	v := c.via
	if !v.sealing || v.parted {
		return false
	}
	v.parted = true
	l.addFramed(c, v.layer.Farewell(v.out))
	return c.pending > 0
}
