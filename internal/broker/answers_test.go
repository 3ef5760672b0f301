package broker

import (
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
)

// A client that asks and does not read is owed answers only up to max_pending,
// whatever it asks: they are bytes of ours that wait for it like any other.
func TestAnswersNobodyReadsAreBounded(t *testing.T) {
	const pending = 1 << 20
	for name, ask := range map[string]string{
		"PONG": "PING\r\n",
		"+OK":  "UNSUB 9\r\n",
		"-ERR": "SUB a..b 9\r\n",
		"503":  "PUB nobody inbox 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, 1, func(o *config.Options) { o.MaxPending, o.MaxPayload = pending, 1<<10 })
			c := r.dial("asks and does not read")
			c.send(`CONNECT {"verbose":true}`, "SUB inbox 1", "PING")
			c.drain("subscribed")
			b := []byte(strings.Repeat(ask, (64<<10)/len(ask)))
			c.conn.SetWriteDeadline(time.Now().Add(patience))
			for sent := 0; sent < 512<<20; sent += len(b) { // more than the system takes for us, many times
				if _, err := c.conn.Write(b); err != nil {
					break
				}
				if h := holdingsOf(r.Broker); h.backlog > 2*pending {
					t.Fatalf("%d bytes wait for the client, max_pending is %d", h.backlog, pending)
				}
			}
			eventually(t, "the client is cut", func() bool { return r.sessions.Load() == 0 })
			if n := r.slowConsumers(); n != 1 {
				t.Errorf("%d slow consumers were counted, want 1", n)
			}
		})
	}
}
