package conformance

// Connections that begin something and do not go on: what each costs the broker.

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"gnatsd-ev/internal/transcript"
)

// An unfinishedCase is what every connection of one test does.
type unfinishedCase struct {
	Test    string
	First   string // what it says
	Drip    string // what follows, a byte at a time
	Connect bool   // it says CONNECT before
	Most    int64  // bytes one may cost
}

var unfinishedCases = []unfinishedCase{
	{"T24 silent", "", "", false, 6 << 10},
	{"T24 dripping CONNECT", "CONN", "ECT {\"verbose\":false,\"name\":\"drip\"", false, 6 << 10},
	{"T32 PUB before CONNECT", "PUB foo 1048576\r\n", "", false, 6 << 10},
	{"T32 PUB announced", "PUB foo 1048576\r\n", "", true, 16 << 10},
}

// An inputFigure is what came of one test.
type inputFigure struct {
	Test        string `json:"test"`
	Broker      string `json:"broker"`
	Connections int    `json:"connections"`
	Each        int64  `json:"resident_bytes_each"`
	Served      bool   `json:"others_served"`
}

func TestMemoryOfUnfinishedInput(t *testing.T) {
	n := 500
	if fullSize() {
		n = 10_000
	}
	for _, c := range unfinishedCases {
		t.Run(c.Test, func(t *testing.T) {
			g := c.run(t, watchOurs(t, 2, transcript.Options{"max_pending_total": "256MB"}), n)
			// A few connections share what the process takes for itself when it begins to work.
			if most := c.Most + 4*megabyte/int64(n); g.Each > most || !g.Served {
				t.Errorf("a connection takes %d bytes, allowed are %d; others are served: %v", g.Each, most, g.Served)
			}
			if peer := watchPeer(t); peer != nil && fullSize() {
				c.run(t, peer, n)
			}
		})
	}
}

// run opens n connections that do not finish, and prints what each costs.
func (c unfinishedCase) run(t *testing.T, w *watched, n int) inputFigure {
	t.Helper()
	before := w.resident()
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	for range n {
		conn, err := net.Dial("tcp", w.address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if err := c.begin(conn); err != nil {
			t.Fatal(err)
		}
	}
	for i := range c.Drip {
		for _, conn := range conns {
			if _, err := conn.Write([]byte{c.Drip[i]}); err != nil {
				t.Fatal(err)
			}
		}
	}
	g := inputFigure{Test: c.Test, Broker: w.name, Connections: n, Served: served(w.address) == nil}
	g.Each = (w.resident() - before) / int64(n)
	printFigure(t, g)
	return g
}

// begin reads the greeting and says what comes first.
func (c unfinishedCase) begin(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, 512)
	conn.SetReadDeadline(time.Now().Add(wait))
	for {
		line, more, err := in.ReadLine()
		if err != nil {
			return fmt.Errorf("greeted with %q: %w", line, err)
		}
		if !more {
			break
		}
	}
	if c.Connect {
		if err := introduce(conn, in, ""); err != nil {
			return err
		}
	}
	_, err := conn.Write([]byte(c.First))
	return err
}

// served reports whether somebody new is answered.
func served(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(wait))
	return introduce(conn, bufio.NewReader(conn), "SUB a 1\r\n")
}
