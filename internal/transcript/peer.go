package transcript

// One scripted peer: a connection, and a goroutine that reads its frames.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// framesMax is how many frames a peer holds for a script that does not look;
// beyond it the peer stops reading.
const framesMax = 4096

// A peer lives on the goroutine that plays its script; only the frames come
// from another one, which ends when the connection does.
type peer struct {
	name   string
	conn   net.Conn
	frames chan frame // closed after the frame that says ended
	done   chan struct{}

	queued     []frame // taken from frames, not yet expected
	ended      bool    // the end of the stream was expected and met
	halfClosed bool
	released   bool // the script closed it
}

func newPeer(name string, conn net.Conn) *peer {
	p := &peer{name: name, conn: conn, frames: make(chan frame, framesMax), done: make(chan struct{})}
	go p.read() // ends with the connection, which Play closes
	return p
}

func (p *peer) read() {
	defer close(p.frames)
	r := bufio.NewReader(p.conn)
	for {
		f, err := readFrame(r)
		if err != nil {
			f = frame{ended: true, line: endText(err)}
		}
		select {
		case p.frames <- f:
		case <-p.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// endText names the end of a stream. A server that closes with our bytes
// unread resets, so that this counts as closing; anything else is a breach of
// protocol that no script expects.
func endText(err error) string {
	if err == io.EOF || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		return closedLine
	}
	return "not the protocol: " + err.Error()
}

// peek returns the oldest frame that was not yet taken, waiting up to
// patience for it. Without one the frame is empty and ok is false.
func (p *peer) peek(ctx context.Context, patience time.Duration) (f frame, ok bool) {
	if len(p.queued) > 0 {
		return p.queued[0], true
	}
	if !p.fill(ctx, patience) {
		return frame{}, false
	}
	return p.queued[0], true
}

// fill waits up to patience for one more frame and queues it.
func (p *peer) fill(ctx context.Context, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case f, ok := <-p.frames:
		if ok {
			p.queued = append(p.queued, f)
		}
		return ok
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// write sends data in writes of the lengths that mode chooses. A server that
// has closed makes writes fail; the expectations judge that, not write.
func (p *peer) write(data []byte, mode Mode) error {
	if p.halfClosed || p.released || p.ended {
		return fmt.Errorf("%s sends after its end", p.name)
	}
	cut := mode.cuts(len(data))
	for from := 0; from < len(data); {
		to := min(len(data), from+cut(from))
		if err := p.conn.SetWriteDeadline(time.Now().Add(patienceMax)); err != nil {
			return nil
		}
		if _, err := p.conn.Write(data[from:to]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("%s: the server does not read: %w", p.name, err)
			}
			return nil
		}
		from = to
	}
	return nil
}

// halfClose ends the direction towards the server.
func (p *peer) halfClose() error {
	p.halfClosed = true
	half, ok := p.conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("%s: a %T cannot be closed by half", p.name, p.conn)
	}
	return half.CloseWrite()
}

// release ends the connection, with RST if abrupt.
func (p *peer) release(abrupt bool) {
	if p.released {
		return
	}
	p.released = true
	close(p.done)
	if tcp, ok := p.conn.(*net.TCPConn); ok && abrupt {
		// Fails only for a socket that is gone already, which is what we want.
		_ = tcp.SetLinger(0)
	}
	p.conn.Close()
}
