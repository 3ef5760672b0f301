package broker

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gnatsd-ev/internal/config"
)

// How connections begin and end.

func TestPlacementIsEmptiestFirst(t *testing.T) {
	r := start(t, 4)
	for i := range 8 {
		c := r.dial("client")
		if got := loopOf(r.Broker, c.local()); got != i%4 {
			t.Fatalf("connection %d lives on loop %d", i, got)
		}
	}
}

func TestInputWithItsEndIsHandled(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		sub := r.on(1, "subscriber")
		sub.send("SUB last 1", "PING")
		sub.pong("the subscription is in force")
		for range scale(50, 300, 3000) {
			p := r.raw("publisher")
			p.write([]byte("CONNECT {\"verbose\":false}\r\nPUB last 4\r\nword\r\nPING\r\n"))
			p.conn.CloseWrite()
			sub.want("PUB and end of input came together", `MSG last 1  "" "word"`)
			p.want("half-closed connections get what is pending", "INFO*", "PONG")
			if f, err := p.read(); err != io.EOF {
				t.Fatalf("after the last word came %s, %v", f, err)
			}
			p.conn.Close()
		}
		sub.conn.Close()
		killAll(r.Broker)
		wantNothingHeld(t, r.Broker)
	})
}

func TestResetInMidPayloadLeavesNothing(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		sub := r.on(0, "subscriber")
		sub.send("SUB > 1", "PING")
		sub.pong("the subscription is in force")
		for i := range scale(20, 100, 1000) {
			p := r.dial("publisher")
			size := 1 << (i % 20)
			p.write([]byte("PUB whole 2\r\nok\r\nPUB cut 1048576\r\n" + strings.Repeat("x", size)))
			sub.want("a whole message before the cut one", `MSG whole 1  "" "ok"`)
			p.reset()
		}
		sub.barrier("nothing of a message that never ended is delivered")
		killAll(r.Broker)
		wantNothingHeld(t, r.Broker)
	})
}

func TestMaxConnections(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops, func(o *config.Options) { o.MaxConnections = 5 })
		var in []*client
		for range 5 {
			in = append(in, r.dial("one of five"))
		}
		for range 20 {
			c := r.raw("one too many")
			c.want("the limit is reached", "INFO*", "-ERR 'maximum connections exceeded'")
			c.closed("there is no room")
			in[0].barrier("others are not touched")
		}
		in[4].conn.Close()
		eventually(t, "a place is free after a close", func() bool { return r.sessions.Load() == 4 })
		r.dial("the successor").barrier("the place is taken again")
	})
}

func TestStaleConnections(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		const every = 150 * time.Millisecond
		r := start(t, loops, func(o *config.Options) { o.PingInterval, o.PingMax = every, 2 })
		silent, answers := r.on(0, "silent"), r.on(1, "answers")
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			end := time.Now().Add(10 * every)
			for time.Now().Before(end) {
				answers.conn.SetReadDeadline(end)
				if line, err := answers.r.ReadString('\n'); err == nil && line == "PING\r\n" {
					io.WriteString(answers.conn, "PONG\r\n")
				}
			}
		}()
		began := time.Now()
		silent.want("nobody answered our PINGs", "-ERR 'Stale Connection'")
		silent.closed("it is stale")
		if took := time.Since(began); took < 2*every || took > 20*every {
			t.Errorf("stale after %v, with %v and two PINGs", took, every)
		}
		<-stop
		answers.conn.SetReadDeadline(time.Time{})
		answers.barrier("who answers PINGs stays")
		if n := r.count(countStale); n != 1 {
			t.Errorf("%d stale connections counted, want 1", n)
		}
	})
}

// A connection that stays longer than the first PING and the timer wheel's
// arithmetic must not disturb its loop.
func TestPingsWithTheDefaultInterval(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three seconds")
	}
	t.Parallel()
	r := start(t, 1)
	c := r.dial("client")
	c.conn.SetReadDeadline(time.Now().Add(patience))
	line, err := c.r.ReadString('\n')
	if err != nil || line != "PING\r\n" {
		t.Fatalf("got %q, %v, want the first PING", line, err)
	}
	c.send("PONG")
	time.Sleep(100 * time.Millisecond)
	c.barrier("the loop goes on after the first PING")
}

func TestVerboseAndPedantic(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		c := r.raw("client")
		c.want("greeting", "INFO*")
		c.send(pub("a", "x"))
		c.want("verbose is the default before CONNECT", "+OK")
		c.send(`CONNECT {"verbose":true,"pedantic":true}`, "SUB a 1", "UNSUB 1", "UNSUB nosuch", pub("a", ""), "PING")
		c.want("each operation is acknowledged, PING only by PONG", "+OK", "+OK", "+OK", "+OK", "+OK", "PONG")
		c.send(`CONNECT {"verbose":false}`, "SUB a.* 1", pub("a.*", "x"), "PING")
		c.want("pedantic stays, and complains, and delivers", "-ERR 'Invalid Publish Subject'", `MSG a.* 1  "" "x"`, "PONG")
		c.send(`CONNECT {"pedantic":false}`, "SUB a.* 1", pub("a.*", "x"), "PING")
		c.want("not pedantic any more", `MSG a.* 1  "" "x"`, "PONG")
	})
}

func TestSecondConnectDropsSubscriptions(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		c, p := r.on(0, "client"), r.on(1, "publisher")
		for sid := range 20 { // more than a list is searched for
			c.send("SUB a "+sidString([]byte{byte('a' + sid)}), "SUB b."+string(byte('a'+sid))+" q"+string(byte('a'+sid)))
		}
		c.send("SUB c q 99", `CONNECT {"echo":false}`, "SUB d 1", "PING")
		c.pong("the second CONNECT is taken")
		p.send(pub("a", "x"), pub("b.a", "x"), pub("c", "x"), pub("d", "x"), "PING")
		p.pong("routed")
		c.want("only what was subscribed to after the second CONNECT", `MSG d 1  "" "x"`)
		c.send(pub("d", "mine"), "PING")
		c.pong("echo is off now")
		if h := holdingsOf(r.Broker); h.subs != 1 || h.topics != 1 || h.groups != 0 {
			t.Errorf("holds %+v for one subscription", h)
		}
	})
}

// Options that the first CONNECT sets hold for subscriptions made before it.
func TestConnectAfterSubscribing(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		other := r.on(0, "other")
		other.send("SUB e 1", "PING")
		other.pong("the crowd has a member")
		c := r.raw("late connect")
		c.want("greeting", "INFO*")
		c.send("SUB e 1", "SUB e 2", `CONNECT {"verbose":false,"echo":false,"headers":true}`, pub("e", "x"), "PING")
		c.want("own messages are not echoed, whenever the subscription was made", "+OK", "+OK", "PONG")
		other.want("others get it", `MSG e 1  "" "x"`)
		other.send("HPUB e 12 13", "NATS/1.0\r\n\r\ny", "PING")
		other.want("the crowd's other member", `HMSG e 1  "NATS/1.0\r\n\r\n" "y"`, "PONG")
		c.want("headers were asked for", `HMSG e 1  "NATS/1.0\r\n\r\n" "y"`, `HMSG e 2  "NATS/1.0\r\n\r\n" "y"`)
	})
}

func TestErrorsReachClientsThatHaveMoreToSay(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		for range scale(20, 100, 1000) {
			c := r.dial("client")
			go c.conn.Write([]byte("NOISE\r\n" + strings.Repeat("x", 40<<10)))
			c.want("the error is not lost to a reset", "-ERR 'Unknown Protocol Operation'")
			if f, err := c.read(); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("after the error came %s, %v", f, err)
			}
			c.conn.Close()
		}
		eventually(t, "all are gone", func() bool { return r.sessions.Load() == 0 })
		wantNothingHeld(t, r.Broker)
	})
}

// An urgent byte is not part of the stream, as for nats-server; what stands
// around it is, whole.
func TestUrgentBytesAreNoInput(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		c, other := r.dial("client"), r.dial("another")
		raw, err := c.conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		for range scale(20, 100, 1000) {
			c.write([]byte("PI"))
			if err := raw.Write(func(fd uintptr) bool {
				err = unix.Sendto(int(fd), []byte("!"), unix.MSG_OOB, nil)
				return err != unix.EAGAIN
			}); err != nil {
				t.Fatal(err)
			}
			c.write([]byte("NG\r\n"))
			c.want("the urgent byte stands in the middle", "PONG")
			other.barrier("others notice nothing")
		}
	})
}
