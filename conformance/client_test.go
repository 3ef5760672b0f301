package conformance

// nats.go against every broker: one thing a program relies on per test.

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"gnatsd-ev/internal/transcript"
)

// wait is how long a test waits for what must come; only failures spend it.
const wait = 10 * time.Second

// quiet is how long a test looks out for what must not come.
const quiet = 50 * time.Millisecond

func connect(t testing.TB, s server, options ...nats.Option) *nats.Conn {
	t.Helper()
	options = append([]nats.Option{nats.Timeout(wait)}, options...)
	nc, err := nats.Connect("nats://"+s.Address(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func subscribe(t testing.TB, nc *nats.Conn, subject, queue string) *nats.Subscription {
	t.Helper()
	sub, err := nc.QueueSubscribeSync(subject, queue)
	if err == nil {
		err = sub.SetPendingLimits(-1, -1)
	}
	if err != nil {
		t.Fatal(err)
	}
	flush(t, nc)
	return sub
}

func publish(t testing.TB, nc *nats.Conn, subject string, data []byte) {
	t.Helper()
	if err := nc.Publish(subject, data); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, nc *nats.Conn) {
	t.Helper()
	if err := nc.FlushTimeout(wait); err != nil {
		t.Fatal(err)
	}
}

func next(t testing.TB, sub *nats.Subscription) *nats.Msg {
	t.Helper()
	m, err := sub.NextMsg(wait)
	if err != nil {
		t.Fatalf("%s: %v", sub.Subject, err)
	}
	return m
}

// nothing fails if sub gets another message.
func nothing(t testing.TB, sub *nats.Subscription) {
	t.Helper()
	if m, err := sub.NextMsg(quiet); err == nil {
		t.Errorf("%s got %q, which is one too many", sub.Subject, m.Data)
	}
}

func TestPublishSubscribe(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		from, to := connect(t, s), connect(t, s)
		sub := subscribe(t, to, "sizes.*", "")
		for _, size := range []int{0, 1, 2047, 2048, 65536, 1 << 20} {
			data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
			publish(t, from, "sizes."+strconv.Itoa(size), data)
			m := next(t, sub)
			if m.Subject != "sizes."+strconv.Itoa(size) || !bytes.Equal(m.Data, data) {
				t.Errorf("%d bytes arrived as %d bytes on %s", size, len(m.Data), m.Subject)
			}
		}
		nothing(t, sub)
	})
}

func TestServerInfo(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		nc := connect(t, s)
		if !nc.HeadersSupported() {
			t.Error("no headers")
		}
		if nc.MaxPayload() != 1<<20 {
			t.Errorf("max payload is %d", nc.MaxPayload())
		}
		if id := nc.ConnectedServerId(); len(id) != 56 || id[0] != 'N' {
			t.Errorf("server id is %q, want a public server key", id)
		}
		// Clients switch features on by this version.
		var major, minor, patch int
		if _, err := fmt.Sscanf(nc.ConnectedServerVersion(), "%d.%d.%d", &major, &minor, &patch); err != nil || major < 2 {
			t.Errorf("version is %q, want one of nats-server's (%v)", nc.ConnectedServerVersion(), err)
		}
		if _, err := nc.GetClientID(); err != nil {
			t.Errorf("no client id: %v", err)
		}
		if ip, err := nc.GetClientIP(); err != nil || !ip.Equal(net.IPv4(127, 0, 0, 1)) {
			t.Errorf("client ip is %v (%v)", ip, err)
		}
	})
}

func TestRequestReply(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		responder, asker := connect(t, s), connect(t, s)
		if _, err := responder.Subscribe("upper", func(m *nats.Msg) {
			if err := m.Respond(bytes.ToUpper(m.Data)); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		flush(t, responder)
		for i := range 200 {
			m, err := asker.Request("upper", []byte("q"+strconv.Itoa(i)), wait)
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Data) != "Q"+strconv.Itoa(i) {
				t.Fatalf("request %d was answered %q", i, m.Data)
			}
		}
		// The old way subscribes a new inbox for every request.
		old := connect(t, s, nats.UseOldRequestStyle())
		if m, err := old.Request("upper", []byte("x"), wait); err != nil || string(m.Data) != "X" {
			t.Errorf("an old style request was answered %v (%v)", m, err)
		}
	})
}

func TestNoResponders(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		nc := connect(t, s)
		began := time.Now()
		_, err := nc.Request("nobody.there", nil, wait)
		if !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("got %v, want %v", err, nats.ErrNoResponders)
		}
		if took := time.Since(began); took > wait/2 {
			t.Errorf("took %v", took)
		}
		old := connect(t, s, nats.UseOldRequestStyle())
		if _, err := old.Request("nobody.there", nil, wait); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("old style: got %v, want %v", err, nats.ErrNoResponders)
		}
	})
}

func TestHeaders(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		from, to := connect(t, s), connect(t, s)
		sub := subscribe(t, to, "headed", "")
		m := nats.NewMsg("headed")
		m.Reply = "back"
		m.Data = []byte("payload")
		m.Header.Add("Key", "one")
		m.Header.Add("Key", "two")
		m.Header.Set("lower-case", "v: w")
		m.Header.Set("Empty", "")
		if err := from.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
		got := next(t, sub)
		if fmt.Sprint(got.Header) != fmt.Sprint(m.Header) || string(got.Data) != "payload" || got.Reply != "back" {
			t.Errorf("sent %v, got %v %q reply %q", m.Header, got.Header, got.Data, got.Reply)
		}
	})
}

func TestEchoOff(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		mute, other := connect(t, s, nats.NoEcho()), connect(t, s)
		mine, theirs := subscribe(t, mute, "echo", ""), subscribe(t, other, "echo", "")
		publish(t, mute, "echo", []byte("1"))
		flush(t, mute)
		if m := next(t, theirs); string(m.Data) != "1" {
			t.Errorf("got %q", m.Data)
		}
		publish(t, other, "echo", []byte("2"))
		if m := next(t, mine); string(m.Data) != "2" {
			t.Errorf("heard %q of itself", m.Data)
		}
	})
}

func TestAutoUnsubscribe(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		from, to := connect(t, s), connect(t, s)
		sub := subscribe(t, to, "limited", "")
		if err := sub.AutoUnsubscribe(10); err != nil {
			t.Fatal(err)
		}
		flush(t, to)
		for i := range 25 {
			publish(t, from, "limited", []byte(strconv.Itoa(i)))
		}
		flush(t, from)
		for i := range 10 {
			if m := next(t, sub); string(m.Data) != strconv.Itoa(i) {
				t.Fatalf("message %d is %q", i, m.Data)
			}
		}
		if _, err := sub.NextMsg(quiet); !errors.Is(err, nats.ErrMaxMessages) {
			t.Errorf("after the last: %v, want %v", err, nats.ErrMaxMessages)
		}
	})
}

func TestMaxPayload(t *testing.T) {
	options := transcript.Options{"max_payload": "1000"}
	onEach(t, options, func(t *testing.T, s server) {
		nc := connect(t, s)
		if nc.MaxPayload() != 1000 {
			t.Errorf("max payload is %d, want 1000", nc.MaxPayload())
		}
		sub := subscribe(t, nc, "big", "")
		if err := nc.Publish("big", make([]byte, 1001)); !errors.Is(err, nats.ErrMaxPayload) {
			t.Errorf("got %v, want %v", err, nats.ErrMaxPayload)
		}
		publish(t, nc, "big", make([]byte, 1000))
		if m := next(t, sub); len(m.Data) != 1000 {
			t.Errorf("got %d bytes", len(m.Data))
		}
	})
}

func TestMaxConnections(t *testing.T) {
	options := transcript.Options{"max_connections": "2"}
	onEach(t, options, func(t *testing.T, s server) {
		first, second := connect(t, s), connect(t, s)
		// nats.go writes its CONNECT before it reads the error, and may see
		// the broken pipe instead; the transcripts look at the error itself.
		if third, err := nats.Connect("nats://"+s.Address(), nats.Timeout(wait)); err == nil {
			third.Close()
			t.Error("the third was let in")
		}
		flush(t, first)
		flush(t, second)
	})
}

func TestAsyncErrors(t *testing.T) {
	options := transcript.Options{"max_subscriptions": "2"}
	onEach(t, options, func(t *testing.T, s server) {
		reported := make(chan error, 10)
		nc := connect(t, s, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { reported <- err }))
		expect := func(text string) {
			t.Helper()
			select {
			case err := <-reported:
				if !strings.Contains(strings.ToLower(err.Error()), text) {
					t.Errorf("reported %v, want %q in it", err, text)
				}
			case <-time.After(wait):
				t.Errorf("nothing reported, want %q", text)
			}
		}
		publish(t, nc, "$GR.x", nil)
		expect(`permissions violation for publish to "$gr.x"`)
		for i := range 3 {
			subscribe(t, nc, "limit."+strconv.Itoa(i), "")
		}
		expect("maximum subscriptions exceeded")
		if !nc.IsConnected() {
			t.Error("disconnected by an error that does not disconnect")
		}
	})
}

func TestDrainSubscription(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		from, to := connect(t, s), connect(t, s)
		got := make(chan string, 2000)
		sub, err := to.Subscribe("drained", func(m *nats.Msg) { got <- string(m.Data) })
		if err != nil {
			t.Fatal(err)
		}
		flush(t, to)
		for i := range 1000 {
			publish(t, from, "drained", []byte(strconv.Itoa(i)))
		}
		flush(t, from)
		if err := sub.Drain(); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			select {
			case text := <-got:
				if text != strconv.Itoa(i) {
					t.Fatalf("message %d is %q", i, text)
				}
			case <-time.After(wait):
				t.Fatalf("message %d did not arrive", i)
			}
		}
		flush(t, to)
		publish(t, from, "drained", []byte("late"))
		flush(t, from)
		select {
		case text := <-got:
			t.Errorf("got %q after the drain", text)
		case <-time.After(quiet):
		}
	})
}

func TestDrainConnection(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		closed := make(chan struct{})
		to := connect(t, s, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
		from := connect(t, s)
		answers := subscribe(t, from, "answers", "")
		if _, err := to.Subscribe("asked", func(m *nats.Msg) { publish(t, to, "answers", m.Data) }); err != nil {
			t.Fatal(err)
		}
		flush(t, to)
		for i := range 100 {
			publish(t, from, "asked", []byte(strconv.Itoa(i)))
		}
		flush(t, from)
		if err := to.Drain(); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if m := next(t, answers); string(m.Data) != strconv.Itoa(i) {
				t.Fatalf("answer %d is %q", i, m.Data)
			}
		}
		select {
		case <-closed:
		case <-time.After(wait):
			t.Error("not closed")
		}
	})
}

func TestFlushAndRTT(t *testing.T) {
	onEach(t, nil, func(t *testing.T, s server) {
		nc := connect(t, s)
		for range 100 {
			flush(t, nc)
		}
		if rtt, err := nc.RTT(); err != nil || rtt <= 0 || rtt > time.Second {
			t.Errorf("rtt is %v (%v)", rtt, err)
		}
	})
}

func TestReconnect(t *testing.T) {
	for _, b := range brokers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s, stop := b.startUntil(t, nil, 0)
			_, portText, err := net.SplitHostPort(s.Address())
			if err != nil {
				t.Fatal(err)
			}
			port, err := strconv.Atoi(portText)
			if err != nil {
				t.Fatal(err)
			}
			lost, back := make(chan struct{}, 10), make(chan struct{}, 10)
			nc := connect(t, s, nats.ReconnectWait(10*time.Millisecond), nats.MaxReconnects(-1),
				nats.DisconnectErrHandler(func(*nats.Conn, error) { lost <- struct{}{} }),
				nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
			sub := subscribe(t, nc, "survivor.>", "")
			id := nc.ConnectedServerId()
			stop()
			await(t, lost, "the loss")
			publish(t, nc, "survivor.meanwhile", []byte("kept by the client"))
			// The same port at the first try: connections of the old
			// process are still in TIME_WAIT.
			b.start(t, nil, port)
			await(t, back, "the reconnect")
			if m := next(t, sub); m.Subject != "survivor.meanwhile" {
				t.Errorf("got %s", m.Subject)
			}
			publish(t, nc, "survivor.now", nil)
			if m := next(t, sub); m.Subject != "survivor.now" {
				t.Errorf("got %s", m.Subject)
			}
			if nc.ConnectedServerId() == id {
				t.Error("a restarted server has its old id")
			}
		})
	}
}

func await(t testing.TB, event <-chan struct{}, name string) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(wait):
		t.Fatalf("no sign of %s in %v", name, wait)
	}
}
