package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// startFloor runs a floor; its process is ours.
func startFloor(t *testing.T) Target {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	at, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- ServeFloor(ctx, "127.0.0.1:0", func(a net.Addr) { at <- a }) }() // ends with the test
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the floor ended with %v", err)
		}
	})
	select {
	case a := <-at:
		return Target{Addr: a.(*net.TCPAddr).AddrPort(), Process: Process(os.Getpid())}
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	panic("unreachable")
}

func TestFloorServesFanouts(t *testing.T) {
	for name, load := range map[string]Load{
		"burst": {Size: 128}, "trickle": {Size: 128, Rate: 100}, "empty": {Size: 0},
		"large": {Size: 100_000, Window: 8}, "largest": {Size: sizeMax, Window: 1},
	} {
		s, _ := Find("fanout")
		l := short(s)
		l.Size, l.Rate, l.Verify = load.Size, load.Rate, false
		if load.Window > 0 {
			l.Window, l.Conns = load.Window, 4
		}
		result, err := s.Run(startFloor(t), l)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n, _ := result.Metric("published"); n < 1 {
			t.Errorf("%s: %v messages were published", name, n)
		}
	}
}

// floorDial is a connection that has read the greeting.
func floorDial(t *testing.T, to Target) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", to.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(answerTime))
	b := make([]byte, 1)
	for b[0] != '\n' {
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// say writes text and expects the answer.
func say(t *testing.T, c net.Conn, text, answer string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(answer))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != answer {
		t.Fatalf("after %.40q came %.80q, %v; want %.80q", text, b[:n], err, answer)
	}
}

// A reader that sleeps through more than any socket holds gets all of it, and the
// publisher never waits for it.
func TestFloorOwesSlowReadersEverything(t *testing.T) {
	target := startFloor(t)
	slow, publisher := floorDial(t, target), floorDial(t, target)
	say(t, slow, "SUB a 1\r\nPING\r\n", "PONG\r\n")
	const messages, size = 3000, 10_000
	pub := fmt.Sprintf("PUB a %d\r\n%s\r\n", size, filler(size))
	for range messages {
		if _, err := io.WriteString(publisher, pub); err != nil {
			t.Fatal(err)
		}
	}
	say(t, publisher, "PING\r\n", "PONG\r\n")
	if _, err := io.WriteString(slow, "PING\r\n"); err != nil {
		t.Fatal(err)
	}
	want := fmt.Appendf(nil, "MSG a 1 %d\r\n%s\r\n", size, filler(size))
	got := make([]byte, len(want))
	for i := range messages {
		if _, err := io.ReadFull(slow, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("message %d is %.60q, %v", i, got, err)
		}
	}
	say(t, slow, "", "PONG\r\n")
}

func TestFloorRefusesWhatItCannotServe(t *testing.T) {
	for _, lines := range []string{
		"PUB a 1\r\nx\r\nPUB a 2\r\nxy\r\n",
		"PUB a x\r\n",
		"PUB\r\n",
		"SUB a group 1\r\n",
		"SUB a 1\r\nSUB b 1\r\n",
		"GET / HTTP/1.1\r\n",
		strings.Repeat("x", controlLineMax+1),
	} {
		c := floorDial(t, startFloor(t))
		if _, err := io.WriteString(c, lines); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(c)
		if !strings.Contains(string(b), "-ERR '") {
			t.Errorf("%.40q is answered with %q, %v; want an error and the end", lines, b, err)
		}
	}
	target := startFloor(t)
	say(t, floorDial(t, target), "SUB a 1\r\nPING\r\n", "PONG\r\n")
	say(t, floorDial(t, target), "SUB a 2\r\n", "-ERR ")
}

// However publications and questions are cut, they are counted the same.
func TestFloorCountsAnyCut(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	cuts := map[string]func() int{
		"whole": func() int { return 1 << 30 }, "byte by byte": func() int { return 1 },
		"three": func() int { return 3 }, "random": func() int { return 1 + random.IntN(90) },
	}
	for _, size := range []int{0, 6, 30} {
		pub := fmt.Sprintf("PUB b.x %d\r\n%s\r\n", size, filler(size))
		stream := "CONNECT {}\r\nSUB b.x 7\r\nPING\r\n" + pub + strings.Repeat(pub, 9) + "PING\r\n" + pub + "PING\r\nPONG\r\n" + strings.Repeat(pub, 4)
		for name, next := range cuts {
			f, c := &floorFrames{}, &floorConn{}
			count := 0
			var kept []byte
			for rest := stream; rest != ""; {
				k := min(next(), len(rest))
				b := append(kept, rest[:k]...)
				rest = rest[k:]
				done, published, err := f.take(c, b)
				if err != nil {
					t.Fatalf("%s, %d bytes: %v", name, size, err)
				}
				count += published
				kept = slices.Clone(b[done:])
			}
			msg := fmt.Sprintf("MSG b.x 7 %d\r\n%s\r\n", size, filler(size))
			if count != 15 || len(kept) > 0 || c.into != 0 || !c.subscribed || string(c.words) != strings.Repeat(pongLine, 3) || string(f.messages(2)) != msg+msg {
				t.Errorf("%s, %d bytes: %d publications, %q left, %q to say, messages %.60q", name, size, count, kept, c.words, f.messages(2))
			}
		}
	}
}
