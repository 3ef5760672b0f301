package broker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
)

// patience is how long a client waits for what must come.
const patience = 20 * time.Second

// A rig is a broker under test.
type rig struct {
	*Broker
	t     testing.TB
	addr  string
	loops int
}

// start runs a broker with a number of loops until the test ends.
func start(t testing.TB, loops int, adjust ...func(*config.Options)) *rig {
	t.Helper()
	return startLogged(t, logging.Discard(), loops, adjust...)
}

// startLogged is start with a log.
func startLogged(t testing.TB, log *logging.Logger, loops int, adjust ...func(*config.Options)) *rig {
	t.Helper()
	o := config.Default()
	o.Host, o.Port, o.Loops, o.Pin = "127.0.0.1", config.RandomPort, loops, config.Off
	o.MaxConnections = 100_000
	for _, f := range adjust {
		f(o)
	}
	b, err := New(o, Identity{ID: "TEST", Name: "test", Version: "0"}, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	r := &rig{Broker: b, t: t, addr: b.Facts().Listeners[0].String(), loops: loops}
	t.Cleanup(func() { b.Shutdown(100 * time.Millisecond) })
	return r
}

// eachLoops runs a test with one loop and with four.
func eachLoops(t *testing.T, f func(*testing.T, int)) {
	for _, n := range []int{1, 4} {
		t.Run(fmt.Sprintf("loops=%d", n), func(t *testing.T) { f(t, n) })
	}
}

// A client is a scripted peer. Every expectation carries the reason it must hold.
type client struct {
	t    testing.TB
	name string
	conn *net.TCPConn
	r    *bufio.Reader
	loop int
}

// A frame is one thing the broker says.
type frame struct {
	verb, subject, sid, reply string
	header, payload           []byte
	text                      string // the line, for all but messages
}

func (f frame) String() string {
	if f.verb == "MSG" || f.verb == "HMSG" {
		return strings.TrimSpace(fmt.Sprintf("%s %s %s %s %.40q %.80q", f.verb, f.subject, f.sid, f.reply, f.header, f.payload))
	}
	return f.text
}

// raw opens a connection and says nothing.
func (r *rig) raw(name string) *client {
	r.t.Helper()
	c, err := r.connect(name)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	r.t.Cleanup(func() { c.conn.Close() })
	return c
}

// connect is raw for any goroutine; who calls it closes the connection.
func (r *rig) connect(name string) (*client, error) {
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		return nil, err
	}
	return &client{t: r.t, name: name, conn: c.(*net.TCPConn), r: bufio.NewReaderSize(c, 16<<10), loop: -1}, nil
}

// quiet is what clients of these tests send first: no +OK, headers and 503s.
const quiet = `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}`

// dial opens a connection and connects with the options of the CONNECT line.
func (r *rig) dial(name string, connect ...string) *client {
	r.t.Helper()
	c := r.raw(name)
	if f := c.next("the greeting"); f.verb != "INFO" {
		r.t.Fatalf("%s: greeted with %s", name, f)
	}
	line := quiet
	if len(connect) > 0 {
		line = connect[0]
	}
	c.send(line, "PING")
	c.pong("the connection is ready")
	return c
}

// on opens a connection that lives on the given loop, modulo their number: new
// connections go to the emptiest loop, so some are opened to fill the others.
func (r *rig) on(at int, name string, connect ...string) *client {
	r.t.Helper()
	at %= r.loops
	var fill []*client
	defer func() {
		for _, c := range fill {
			c.conn.Close()
		}
	}()
	for range 64 * r.loops {
		c := r.dial(name, connect...)
		c.loop = loopOf(r.Broker, c.local())
		if c.loop == at {
			return c
		}
		fill = append(fill, c)
	}
	r.t.Fatalf("no connection came to loop %d", at)
	return nil
}

func (c *client) local() netip.AddrPort { return c.conn.LocalAddr().(*net.TCPAddr).AddrPort() }

// write sends bytes as they are.
func (c *client) write(b []byte) {
	c.t.Helper()
	c.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("%s: write: %v", c.name, err)
	}
}

// send sends lines, in one write.
func (c *client) send(lines ...string) {
	c.t.Helper()
	c.write([]byte(strings.Join(lines, "\r\n") + "\r\n"))
}

// pub is the PUB of a short payload, as lines for send.
func pub(subject, payload string) string {
	return "PUB " + subject + " " + strconv.Itoa(len(payload)) + "\r\n" + payload
}

// request is a PUB with a reply subject.
func request(subject, reply, payload string) string {
	return "PUB " + subject + " " + reply + " " + strconv.Itoa(len(payload)) + "\r\n" + payload
}

// read returns the next frame, our answer to PING left out.
func (c *client) read() (frame, error) {
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return frame{}, err
		}
		text := strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(text, " ")
		switch verb {
		case "PING":
			continue
		case "MSG", "HMSG":
			return c.message(verb, strings.Split(rest, " "))
		}
		return frame{verb: verb, text: text}, nil
	}
}

// message reads the payload of a MSG or HMSG.
func (c *client) message(verb string, args []string) (f frame, err error) {
	counts := 1
	if verb == "HMSG" {
		counts = 2
	}
	if n := len(args) - counts; n != 2 && n != 3 {
		return f, fmt.Errorf("malformed %s %q", verb, args)
	}
	f = frame{verb: verb, subject: args[0], sid: args[1]}
	if len(args)-counts == 3 {
		f.reply = args[2]
	}
	size, err := strconv.Atoi(args[len(args)-1])
	if err != nil {
		return f, err
	}
	header := 0
	if verb == "HMSG" {
		if header, err = strconv.Atoi(args[len(args)-2]); err != nil {
			return f, err
		}
	}
	b := make([]byte, size+2)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return f, err
	}
	if !bytes.HasSuffix(b, []byte("\r\n")) || header > size {
		return f, fmt.Errorf("%s %q ends with %q", verb, args, b[max(0, len(b)-8):])
	}
	f.header, f.payload = b[:header], b[header:size]
	return f, nil
}

// next returns the next frame, which must come.
func (c *client) next(why string) frame {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(patience))
	f, err := c.read()
	if err != nil {
		c.t.Fatalf("%s: %v, but %s", c.name, err, why)
	}
	return f
}

// want expects frames, each written as frame's String or its beginning up to a star.
func (c *client) want(why string, frames ...string) {
	c.t.Helper()
	for _, want := range frames {
		got := c.next(why).String()
		if head, ok := strings.CutSuffix(want, "*"); ok && strings.HasPrefix(got, head) {
			continue
		}
		if got != want {
			c.t.Fatalf("%s: got %q, want %q: %s", c.name, got, want, why)
		}
	}
}

func (c *client) pong(why string) {
	c.t.Helper()
	c.want(why, "PONG")
}

// barrier sends PING and waits for its PONG; nothing else may come.
func (c *client) barrier(why string) {
	c.t.Helper()
	c.send("PING")
	c.pong(why)
}

// drain sends PING and returns the frames that come before its PONG.
func (c *client) drain(why string) (frames []frame) {
	c.t.Helper()
	c.send("PING")
	for {
		f := c.next(why)
		if f.verb == "PONG" {
			return frames
		}
		frames = append(frames, f)
	}
}

// closed expects the broker to end the connection.
func (c *client) closed(why string) {
	c.t.Helper()
	c.conn.SetReadDeadline(time.Now().Add(patience))
	f, err := c.read()
	if err == nil {
		c.t.Fatalf("%s: got %s, but %s", c.name, f, why)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		c.t.Fatalf("%s: still open after %v, but %s", c.name, patience, why)
	}
}

// reset closes the connection with a reset instead of an orderly end.
func (c *client) reset() {
	c.conn.SetLinger(0)
	c.conn.Close()
}

// eventually waits until something is true.
func eventually(t testing.TB, why string, holds func() bool, state ...func() any) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			if len(state) > 0 {
				t.Fatalf("never true: %s (%+v)", why, state[0]())
			}
			t.Fatalf("never true: %s", why)
		}
	}
}
