package loop

import "runtime"

// Batches. Where the system can write to many sockets in one call, a slice of the
// dirty connections is offered to it together: entering the kernel costs as much
// as a small write itself. What comes of each is handled as after a
// write of its own, and whatever a batch did not do is written singly.

const (
	// batchMax is how many connections are written to in one call: the gain flattens
	// out at about 32, and the clock is looked at in between.
	batchMax = 32

	// batchMin is how many are worth a batch.
	batchMin = 4
)

// A Batch writes to many sockets in one system call. One thread only.
type Batch interface {
	// Add queues a write of pieces to a socket. It reports false, and queues
	// nothing, when it has no room for it. The bytes must stay until Write returns.
	Add(fd int, pieces [][]byte) bool
	// Write makes the queued writes and says what came of each, in the order of Add, with
	// the errors of Kernel.Write; EINTR says that a write was not made. The slice is
	// valid until the next Add.
	Write() []Written
	// Close gives the batch's own descriptors back.
	Close()
}

// Written is what came of one write of a batch.
type Written struct {
	N   int
	Err error
}

// offer is one connection's place in a batch.
type offer struct {
	conn  *Conn
	bytes int
}

// flushTogether writes to connections of the dirty list in one call, and then singly to
// those it had no room for. Not in between: a write that fails tells the owner, and what
// is in the batch must stay as it is until it is written.
func (l *Loop) flushTogether(list []*Conn) {
	offers, alone := l.offers[:0], list[:0]
	for _, c := range list {
		if c == nil || !c.dirty {
			continue
		}
		c.dirty = false
		if c.pending > 0 && c.state <= stateEnding && (c.via == nil || l.sealNext(c) == nil) {
			pieces, n := l.pieces(c)
			added := l.batch.Add(int(c.fd), pieces)
			clear(pieces)
			if added {
				offers = append(offers, offer{c, n})
				continue
			}
		}
		alone = append(alone, c)
	}
	results := l.batch.Write()
	for i, o := range offers {
		if l.took(o.conn, o.bytes, results[i].N, results[i].Err) {
			l.flushConn(o.conn)
		}
		offers[i] = offer{}
	}
	l.offers = offers[:0]
	for _, c := range alone {
		l.flushConn(c)
	}
	clear(list)
}

// openBatch runs on the loop's thread: a batch is for the thread that opened it.
func (l *Loop) openBatch() {
	if l.group.config.NoBatch {
		return
	}
	b, err := l.kernel.OpenBatch()
	if err != nil {
		l.group.batchFailed.CompareAndSwap(nil, &err)
		return
	}
	l.batch = b
}

// CanBatch reports whether this system has a call to write to many sockets; whether it may be used
// shows when loops start.
const CanBatch = runtime.GOOS == "linux"
