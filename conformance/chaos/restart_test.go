package chaos

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// T46: the broker is killed with very many nats.go clients connected and started again at
// once: it binds at the first try, and all are back and subscribed soon.
func TestKilledBrokerIsBackForEverybody(t *testing.T) {
	count := Scale(200, 10_000)
	onEach(t, beside(), func(t *testing.T, s Setting) {
		s.Options = map[string]string{"max_connections": "65536"}
		b := Start(t, s)
		var round atomic.Int32
		heard := make([]atomic.Int32, count) // in which round a client got something last
		var left atomic.Int64
		clients := make([]*nats.Conn, count)
		defer func() {
			for _, nc := range clients {
				if nc != nil {
					nc.Close()
				}
			}
		}()
		var group sync.WaitGroup
		for w := range 16 {
			group.Go(func() {
				for i := w; i < count; i += 16 {
					nc, err := nats.Connect("nats://"+b.Address(), nats.Timeout(Patience), nats.MaxReconnects(-1),
						nats.ReconnectWait(100*time.Millisecond), nats.ReconnectJitter(time.Second, time.Second), nats.ReconnectBufSize(-1))
					if err != nil {
						t.Error(err)
						return
					}
					clients[i] = nc
					if _, err := nc.Subscribe("back", func(*nats.Msg) {
						if now := round.Load(); heard[i].Swap(now) != now {
							left.Add(-1)
						}
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		if t.Failed() {
			return
		}
		left.Store(int64(count))
		round.Add(1)
		callUntil(t, b, func() bool { return left.Load() <= 0 })
		before := b.Usage(t)

		left.Store(int64(count))
		start := time.Now()
		b.Restart(t)
		bound := time.Since(start)
		round.Add(1)
		callUntil(t, b, func() bool { return left.Load() <= 0 })
		back := time.Since(start)
		u := b.Usage(t)
		judge(t, s, back < 15*time.Second, "all were back after %v", back)
		judge(t, s, u.PeakMB < 1.5*before.ResidentMB || u.PeakMB < before.ResidentMB+16, "peak of %.1f MB, %.1f MB before", u.PeakMB, before.ResidentMB)
		Report(t, "T46", "killed with everybody connected, started at once: all are back and subscribed soon", s.Name(), Figures{
			"clients": count, "listening_after_ms": bound.Milliseconds(), "all_back_s": back.Seconds(), "missing": left.Load(),
			"resident_before_mb": before.ResidentMB, "peak_after_mb": u.PeakMB, "cpu_s": u.CPU.Seconds(),
		})
	})
}

// callUntil publishes to everybody who is there, until that is enough.
func callUntil(t *testing.T, b *Broker, enough func() bool) {
	t.Helper()
	c := MustDial(t, b.Address())
	defer c.Conn.Close()
	await(t, "everybody", 2*Patience, func() bool {
		if enough() {
			return true
		}
		err := c.Send("PUB back 1\r\nx\r\n")
		if err == nil {
			_, err = c.Ping()
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		return enough()
	})
}
