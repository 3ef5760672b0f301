package chaos

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// T08: each request is answered, by a reply or by 503 where nobody is there.
func TestEachRequestIsAnswered(t *testing.T) {
	const askers, responders = 8, 4
	each := Scale(300, 100_000/askers)
	onEach(t, append(beside(), Setting{Loops: 4}), func(t *testing.T, s Setting) {
		b := Start(t, s)
		for range responders {
			respond(t, b)
		}
		var replies, nobody atomic.Int64
		var mu sync.Mutex // guards the histograms
		answered, refused := newHistogram(), newHistogram()
		var group sync.WaitGroup
		for a := range askers {
			c := MustDial(t, b.Address())
			if err := c.Send(fmt.Sprintf("SUB inbox.%d.* 1\r\n", a)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Ping(); err != nil {
				t.Fatal(err)
			}
			group.Go(func() {
				for i := range each {
					at := time.Now()
					served := i%2 == 0
					if err := ask(c, a, i, served); err != nil {
						t.Error(err)
						return
					}
					times, count := refused, &nobody
					if served {
						times, count = answered, &replies
					}
					count.Add(1)
					mu.Lock()
					_ = times.RecordValue(int64(time.Since(at))) // what is out of range has failed
					mu.Unlock()
				}
			})
		}
		group.Wait()
		p99 := Milliseconds(refused, 99)
		if !s.Real {
			Judge(t, p99 < 5, "p99 of 503 is %.2f ms", p99)
		}
		Report(t, "T08", "every request has its reply or 503", s.Name(), Figures{
			"requests": askers * each, "replies": replies.Load(), "no_responders": nobody.Load(),
			"reply_p99_ms": Milliseconds(answered, 99), "no_responders_p50_ms": Milliseconds(refused, 50), "no_responders_p99_ms": p99,
		})
	})
}

// respond answers requests until the test ends.
func respond(t *testing.T, b *Broker) {
	t.Helper()
	c := MustDial(t, b.Address())
	if err := c.Send("SUB service responders 1\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ping(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the connection
		for {
			m, err := c.Next()
			if err != nil {
				return
			}
			if c.Send(fmt.Sprintf("PUB %s %d\r\n%s\r\n", m.Reply, len(m.Payload), m.Payload)) != nil {
				return
			}
		}
	}()
}

// ask sends a request to somebody or to nobody and checks what comes back.
func ask(c *Client, asker, number int, served bool) error {
	inbox, to := fmt.Sprintf("inbox.%d.%d", asker, number), "nobody"
	if served {
		to = "service"
	}
	body := fmt.Sprint("question ", number)
	if err := c.Send(fmt.Sprintf("PUB %s %s %d\r\n%s\r\n", to, inbox, len(body), body)); err != nil {
		return err
	}
	m, err := c.Next()
	if err != nil {
		return fmt.Errorf("request %d to %s: %w", number, to, err)
	}
	good := m.Subject == inbox
	if served {
		good = good && string(m.Payload) == body
	} else {
		good = good && bytes.HasPrefix(m.Header, []byte("NATS/1.0 503")) && len(m.Payload) == 0
	}
	if !good {
		return fmt.Errorf("request %d to %s was answered %q %q on %s", number, to, m.Header, m.Payload, m.Subject)
	}
	return nil
}
