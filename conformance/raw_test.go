package conformance

// A client that is nothing but a socket, for tests that look at the broker's
// plain signs of life.

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

type rawClient struct {
	conn net.Conn
	in   *bufio.Reader
}

// dialRaw connects and waits up to patience for the greeting.
func dialRaw(t testing.TB, s server, patience time.Duration) (*rawClient, error) {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	c := &rawClient{conn: conn, in: bufio.NewReader(conn)}
	return c, c.greeted(patience)
}

// greeted waits for the INFO.
func (c *rawClient) greeted(patience time.Duration) error {
	line, err := c.line(patience)
	if err == nil && !strings.HasPrefix(line, "INFO {") {
		err = fmt.Errorf("greeted with %q", line)
	}
	return err
}

// line reads one line without its end.
func (c *rawClient) line(patience time.Duration) (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	line, err := c.in.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}

// ping sends a PING and waits for the PONG.
func (c *rawClient) ping(patience time.Duration) error {
	if _, err := c.conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := c.line(patience)
	if err == nil && line != "PONG" {
		err = fmt.Errorf("PING was answered %q", line)
	}
	return err
}

// mustGreet connects clients that all have to be greeted.
func mustGreet(t testing.TB, s server, count int, patience time.Duration) []*rawClient {
	t.Helper()
	var clients []*rawClient
	for i := range count {
		c, err := dialRaw(t, s, patience)
		if err != nil {
			t.Fatalf("connection %d of %d: %v", i+1, count, err)
		}
		clients = append(clients, c)
	}
	return clients
}

// mustPing has clients answer that all have to.
func mustPing(t testing.TB, clients []*rawClient, patience time.Duration) {
	t.Helper()
	for i, c := range clients {
		if err := c.ping(patience); err != nil {
			t.Errorf("connection %d of %d: %v", i+1, len(clients), err)
		}
	}
}
