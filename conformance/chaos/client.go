package chaos

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Patience is how long anything that must come may take. It is long, as a
// machine may have other things to do.
const Patience = 30 * time.Second

const connectLine = `CONNECT {"verbose":false,"pedantic":false,"echo":true,"headers":true,"no_responders":true,"protocol":1}` + "\r\n"

// A Client is one plain connection, used by one goroutine at a time.
type Client struct {
	Conn net.Conn
	in   *bufio.Reader
}

// A Message is one that a Client got. Subject, Sid and Reply are the words of its line.
type Message struct {
	Subject, Sid, Reply string
	Header, Payload     []byte
}

// Dial connects a client and waits for its first PONG.
func Dial(address string) (*Client, error) {
	conn, err := net.DialTimeout("tcp", address, Patience)
	if err != nil {
		return nil, err
	}
	c, err := newClient(conn, 64<<10)
	if err != nil {
		conn.Close()
	}
	return c, err
}

// newClient introduces itself on a connection.
func newClient(conn net.Conn, buffer int) (*Client, error) {
	c := &Client{Conn: conn, in: bufio.NewReaderSize(conn, buffer)}
	if err := c.Send(connectLine); err != nil {
		return nil, err
	}
	_, err := c.Ping()
	return c, err
}

// MustDial is Dial for a test, which closes the client when it ends.
func MustDial(t testing.TB, address string) *Client {
	t.Helper()
	c, err := Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Conn.Close() })
	return c
}

// Send writes protocol text.
func (c *Client) Send(text string) error {
	_, err := io.WriteString(c.Conn, text)
	return err
}

// Ping sends PING and returns the messages that come before its PONG.
func (c *Client) Ping() ([]Message, error) {
	if err := c.Send("PING\r\n"); err != nil {
		return nil, err
	}
	var got []Message
	for {
		m, pong, err := c.next()
		if err != nil {
			return got, err
		}
		if pong {
			return got, nil
		}
		got = append(got, m)
	}
}

// Next waits for a message.
func (c *Client) Next() (Message, error) {
	for {
		if m, pong, err := c.next(); err != nil || !pong {
			return m, err
		}
	}
}

// next waits for a message or a PONG; a -ERR is an error.
func (c *Client) next() (m Message, pong bool, err error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		return m, false, err
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return m, false, err
		}
		line = strings.TrimRight(line, "\r\n")
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "INFO", "+OK":
		case "PING":
			if err := c.Send("PONG\r\n"); err != nil {
				return m, false, err
			}
		case "PONG":
			return m, true, nil
		case "MSG", "HMSG":
			m, err := c.message(word == "HMSG", strings.Fields(rest))
			return m, false, err
		default:
			return m, false, fmt.Errorf("broker said %q", line)
		}
	}
}

// message reads what follows the line of a MSG or HMSG.
func (c *Client) message(headers bool, words []string) (Message, error) {
	sizes := 1
	if headers {
		sizes = 2
	}
	if n := len(words) - sizes; n != 2 && n != 3 {
		return Message{}, fmt.Errorf("message with %d words: %q", len(words), words)
	}
	m := Message{Subject: words[0], Sid: words[1]}
	if len(words)-sizes == 3 {
		m.Reply = words[2]
	}
	total, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		return m, err
	}
	head := 0
	if headers {
		if head, err = strconv.Atoi(words[len(words)-2]); err != nil {
			return m, err
		}
	}
	body := make([]byte, total+2)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return m, err
	}
	if string(body[total:]) != "\r\n" || head > total {
		return m, fmt.Errorf("message %q ends with %q", words, body[total:])
	}
	m.Header, m.Payload = body[:head], body[head:total]
	return m, nil
}

// A Probe measures round trips of PING on a quiet connection.
type Probe struct {
	stop  chan struct{}
	done  sync.WaitGroup
	times *hdrhistogram.Histogram
	err   error
}

// probeEvery is how long a probe rests between round trips.
const probeEvery = 2 * time.Millisecond

// StartProbe begins to measure. The caller must End it.
func StartProbe(t testing.TB, address string) *Probe {
	t.Helper()
	c := MustDial(t, address)
	p := &Probe{stop: make(chan struct{}), times: newHistogram()}
	p.done.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-tick.C:
			}
			at := time.Now()
			if _, p.err = c.Ping(); p.err != nil {
				return
			}
			_ = p.times.RecordValue(int64(time.Since(at))) // what is out of range has failed by then
		}
	})
	return p
}

// End stops measuring and fails the test if a PING was not answered.
func (p *Probe) End(t testing.TB) *hdrhistogram.Histogram {
	t.Helper()
	close(p.stop)
	p.done.Wait()
	if p.err != nil {
		t.Errorf("a quiet client: %v", p.err)
	}
	return p.times
}

// newHistogram is for nanoseconds up to a minute and a half.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(90*time.Second), 2) }

// Milliseconds is a quantile of a histogram of nanoseconds.
func Milliseconds(h *hdrhistogram.Histogram, quantile float64) float64 {
	return float64(h.ValueAtQuantile(quantile)/1000) / 1000
}
