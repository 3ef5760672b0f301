package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Publisher stamps payloads and publishes them. One goroutine uses it; Sent
// may be called by any.
type Publisher struct {
	ID   uint16
	conn net.Conn
	mu   sync.Mutex // leaf; held while frames are written, so that a PONG does not come between their pieces
	out  []byte
	sent atomic.Uint64

	pongs chan struct{}
	ended chan struct{} // closed with the connection; err is set by then
	err   error
}

// NewPublisher connects a publisher. Its ID must be its own within the test.
func NewPublisher(t testing.TB, address string, id uint16) *Publisher {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, Patience)
	if err != nil {
		t.Fatal(err)
	}
	p := &Publisher{ID: id, conn: conn, pongs: make(chan struct{}, 1), ended: make(chan struct{})}
	t.Cleanup(func() { conn.Close() })
	go p.read() // ends with the connection
	p.out = append(p.out, connectLine...)
	if err := p.Barrier(); err != nil {
		t.Fatal(err)
	}
	return p
}

// read answers the broker's questions and passes on its answers.
func (p *Publisher) read() {
	defer close(p.ended)
	lines := bufio.NewReaderSize(p.conn, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			p.err = err
			return
		}
		switch word, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " "); word {
		case "PING":
			if p.err = p.write([]byte("PONG\r\n")); p.err != nil {
				return
			}
		case "PONG":
			p.pongs <- struct{}{}
		case "INFO":
		default:
			p.err = fmt.Errorf("broker told a publisher %q", line)
			return
		}
	}
}

// Sent is how many messages were published; their numbers begin at 0.
func (p *Publisher) Sent() uint64 { return p.sent.Load() }

// publishChunk is how much a publisher collects before it writes.
const publishChunk = 64 << 10

// Publish publishes one message; it may stay here until Flush.
func (p *Publisher) Publish(subject string, size int) error {
	size = max(size, StampSize)
	p.out = append(p.out, "PUB "...)
	p.out = append(p.out, subject...)
	p.out = append(p.out, ' ')
	p.out = strconv.AppendInt(p.out, int64(size), 10)
	p.out = append(p.out, "\r\n"...)
	p.out = appendPayload(p.out, p.ID, p.sent.Load(), size)
	p.out = append(p.out, "\r\n"...)
	p.sent.Add(1)
	if len(p.out) >= publishChunk {
		return p.Flush()
	}
	return nil
}

// Flush writes what was published.
func (p *Publisher) Flush() error {
	err := p.write(p.out)
	p.out = p.out[:0]
	return err
}

// write writes whole frames.
func (p *Publisher) write(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.conn.Write(b)
	return err
}

// flushInPieces writes what was published, cut anywhere.
func (p *Publisher) flushInPieces(r *rand.Rand) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for b := p.out; len(b) > 0; {
		n := min(len(b), 1+r.IntN(1+r.IntN(publishChunk)))
		if _, err := p.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	p.out = p.out[:0]
	return nil
}

// Barrier returns when the broker has handled everything published so far.
func (p *Publisher) Barrier() error {
	p.out = append(p.out, "PING\r\n"...)
	if err := p.Flush(); err != nil {
		return err
	}
	select {
	case <-p.pongs:
		return nil
	case <-p.ended:
		return fmt.Errorf("publisher %d: %w", p.ID, p.err)
	case <-time.After(Patience):
		return errors.New("a publisher's PING was not answered")
	}
}

// A Plan is what a publisher does for some time.
type Plan struct {
	Subject func(r *rand.Rand) string
	Size    func(r *rand.Rand) int
	Rate    int           // messages a second; 0 is as fast as it goes
	For     time.Duration // 0 is no limit
	Count   uint64        // messages; 0 is no limit
	Pieces  bool          // writes are cut anywhere
	// Window is how many messages readers may be behind, which Behind returns.
	// 0 looks at nobody.
	Window uint64
	Behind func() uint64
	Stop   <-chan struct{} // ends it early; nil never does
}

// Always is a Plan's only subject.
func Always(subject string) func(*rand.Rand) string {
	return func(*rand.Rand) string { return subject }
}

// Bytes is a Plan's only size.
func Bytes(n int) func(*rand.Rand) int { return func(*rand.Rand) int { return n } }

// Between is sizes from least to most, each order of magnitude as often as another.
func Between(least, most int) func(*rand.Rand) int {
	return func(r *rand.Rand) int {
		ratio := float64(most) / float64(least)
		return min(most, int(float64(least)*math.Pow(ratio, r.Float64())+0.5))
	}
}

// Rarely is sizes that once in so many are of another kind.
func Rarely(once int, rare, often func(*rand.Rand) int) func(*rand.Rand) int {
	return func(r *rand.Rand) int {
		if r.IntN(once) == 0 {
			return rare(r)
		}
		return often(r)
	}
}

// pace is how long a publisher with a rate collects what it publishes at a time.
const pace = time.Millisecond

// Run carries a plan out and waits until the broker has handled all of it.
func (p *Publisher) Run(plan Plan) error {
	r := rand.New(rand.NewPCG(uint64(p.ID), 1))
	start, first := time.Now(), p.Sent()
	moved := start // when the window was not closed
	for {
		now := time.Since(start)
		select {
		case <-plan.Stop:
			return p.Barrier()
		case <-p.ended:
			return fmt.Errorf("publisher %d: %w", p.ID, p.err)
		default:
		}
		if plan.For > 0 && now >= plan.For {
			return p.Barrier()
		}
		n := uint64(64)
		if plan.Rate > 0 {
			due := uint64(float64(plan.Rate) * now.Seconds())
			n = due - min(due, p.Sent()-first)
		}
		if plan.Window > 0 {
			room := plan.Window - min(plan.Window, plan.Behind())
			if room > 0 {
				moved = time.Now()
			} else if time.Since(moved) > Patience {
				return fmt.Errorf("publisher %d: readers have not moved for %v", p.ID, Patience)
			}
			n = min(n, room)
		}
		for range n {
			if plan.Count > 0 && p.Sent()-first >= plan.Count {
				return p.Barrier()
			}
			if err := p.Publish(plan.Subject(r), plan.Size(r)); err != nil {
				return err
			}
			if plan.Pieces && len(p.out) > 0 && r.IntN(4) == 0 {
				if err := p.flushInPieces(r); err != nil {
					return err
				}
			}
		}
		if err := p.Flush(); err != nil {
			return err
		}
		if n == 0 || plan.Rate > 0 {
			time.Sleep(pace)
		}
	}
}
