package broker

import (
	"strings"
	"testing"
)

func TestNoRespondersFromEveryLoop(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		for at := range loops {
			for other := range loops {
				p, w := r.on(at, "requester"), r.on(other, "responder")
				p.send("SUB inbox.* 5", "PING")
				p.pong("ready for answers")
				for _, interest := range []string{"job 1", "job.* 1", "job q 1", "job.> q 1"} {
					subject := "job"
					if strings.Contains(interest, ".") {
						subject = "job.now"
					}
					none := `HMSG inbox.1 5  "NATS/1.0 503\r\nNats-Subject: ` + subject + `\r\n\r\n" ""`
					ask := func() { p.send(request(subject, "inbox.1", "do")) }
					ask()
					p.want("nobody listens", none)
					w.send("SUB "+interest, "PING")
					w.pong("listening")
					ask()
					p.barrier("somebody has it")
					w.want("the request", "MSG "+subject+` 1 inbox.1 "" "do"`)
					w.send("UNSUB 1", "PING")
					w.pong("listens no more")
					ask()
					p.want("nobody listens again, for "+interest, none)
				}
				p.conn.Close()
				w.conn.Close()
			}
		}
	})
}
