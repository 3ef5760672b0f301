package chaos

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// T21: readers with the smallest windows take a few bytes at a time, so that the broker's writes are
// cut everywhere and what waits is in very many pieces: all of it arrives as it was made.
func TestSmallWindowsCutEveryWrite(t *testing.T) {
	const readers = 8
	each := Scale(uint64(2000), 125_000)
	onEach(t, []Setting{{}, {Loops: 4}, {Loops: 1, Options: map[string]string{"io_uring": "off"}}}, func(t *testing.T, s Setting) {
		if s.Options == nil {
			s.Options = map[string]string{}
		}
		s.Options["write_deadline"] = "1m" // they are slow, and not to be cut
		b := Start(t, s)
		var got, wrong, reads atomic.Int64
		var group sync.WaitGroup
		subjects := []string{"window.a", "window.b", "window.c"}
		for i := range readers {
			c, cuts := narrow(t, b, i, &reads)
			if err := c.Send("SUB window.> 1\r\nSUB " + subjects[i%3] + " 2" + string(rune('0'+i)) + "\r\n"); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Ping(); err != nil {
				t.Fatal(err)
			}
			cuts.Store(true)
			group.Go(func() {
				next := map[string]uint64{}
				for next["1"] < each {
					m, err := c.Next()
					if err != nil {
						t.Errorf("reader %d: %v", i, err)
						return
					}
					got.Add(1)
					at, ok := readStamp(m.Payload)
					if !ok || m.Sid == "1" && at.number != next["1"] || at.number < next[m.Sid] {
						wrong.Add(1)
					}
					next[m.Sid] = at.number + 1
				}
			})
		}
		from := NewPublisher(t, b.Address(), 1)
		plan := Plan{
			Subject: func(r *rand.Rand) string { return subjects[r.IntN(3)] },
			Size:    Rarely(500, Between(4<<10, 64<<10), Between(StampSize, 200)), Count: each,
			Window: 4000, Behind: func() uint64 { return from.Sent() - min(from.Sent(), uint64(got.Load())/(readers*4/3)) },
		}
		if err := from.Run(plan); err != nil {
			t.Error(err)
		}
		group.Wait()
		if wrong.Load() > 0 {
			t.Errorf("%d of %d were not as they were made, or out of order", wrong.Load(), got.Load())
		}
		Report(t, "T21", "small windows cut every write: all arrives as it was made", s.Name(), Figures{
			"readers": readers, "delivered": got.Load(), "reads": reads.Load(), "wrong": wrong.Load(),
		})
	})
}

// windowSize is what the kernel keeps for a reader, a few segments: a window smaller than a segment, which is
// 64 KB on a loopback, opens only when a timer of the kernel's says so, which may take minutes.
const (
	segmentSize = 1460
	windowSize  = 8 << 10
)

// narrow is a client with a small window, which reads 1 to 1460 bytes at a time once that is wanted.
func narrow(t *testing.T, b *Broker, seed int, reads *atomic.Int64) (*Client, *atomic.Bool) {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if failed := raw.Control(func(fd uintptr) {
			err = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segmentSize),
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, windowSize))
		}); failed != nil {
			return failed
		}
		return err
	}}
	conn, err := dialer.Dial("tcp", b.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	n := &narrowConn{Conn: conn, r: rand.New(rand.NewPCG(uint64(seed), 2)), reads: reads}
	c, err := newClient(n, 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	return c, &n.cuts
}

// narrowConn reads little at a time.
type narrowConn struct {
	net.Conn
	r     *rand.Rand
	cuts  atomic.Bool
	reads *atomic.Int64
}

// Read reads a part of what would fit.
func (n *narrowConn) Read(b []byte) (int, error) {
	if n.cuts.Load() {
		n.reads.Add(1)
		b = b[:min(len(b), 1+n.r.IntN(1+n.r.IntN(1460)))]
	}
	return n.Conn.Read(b)
}
