package broker

import (
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/invariant"
)

// The way of a message allocates nothing.

// A course is bytes to write and, for each reader, how many come of it.
type course struct {
	from       *client
	out        []byte
	readers    []*client
	in         []int
	deliveries int
}

// play writes the bytes and reads all that comes of it. It allocates nothing.
// Each round has patience of its own: the whole takes as long as the machine is slow.
func (s *course) play(buf []byte) error {
	deadline := time.Now().Add(patience)
	s.from.conn.SetDeadline(deadline)
	for _, c := range s.readers {
		c.conn.SetReadDeadline(deadline)
	}
	if _, err := s.from.conn.Write(s.out); err != nil {
		return err
	}
	for i, c := range s.readers {
		if _, err := io.ReadFull(c.conn, buf[:s.in[i]]); err != nil {
			return err
		}
	}
	return nil
}

// listener is a client on a loop that subscribes to a subject.
func (r *rig) listener(at int, subject, queue string) *client {
	c := r.on(at, "subscriber to "+subject)
	c.send("SUB "+subject+" "+queue+"1", "PING")
	c.pong("subscribed")
	return c
}

// msg is what a subscriber with sid 1 gets for pub(subject, payload).
func msg(subject, payload string) string {
	return fmt.Sprintf("MSG %s 1 %d\r\n%s\r\n", subject, len(payload), payload)
}

// courses are the ways of messages that must not allocate, by name.
func courses(r *rig) map[string][]*course {
	word := strings.Repeat("w", 128)
	all := map[string][]*course{}

	burst := &course{from: r.on(0, "publisher"), out: []byte(strings.Repeat(pub("burst", word)+"\r\n", 50)), deliveries: 50 * 40}
	for i := range 40 {
		burst.readers = append(burst.readers, r.listener(i, "burst", ""))
		burst.in = append(burst.in, 50*len(msg("burst", word)))
	}
	all["burst"] = []*course{burst}

	spread := &course{from: r.on(0, "publisher"), deliveries: 200}
	for i := range 200 {
		subject := "spread." + strconv.Itoa(i)
		spread.out = append(spread.out, pub(subject, word)+"\r\n"...)
		spread.readers = append(spread.readers, r.listener(i, subject, ""))
		spread.in = append(spread.in, len(msg(subject, word)))
	}
	all["spread"] = []*course{spread}

	for i := range 2 * r.loops {
		subject := "pair." + strconv.Itoa(i)
		all["pairs"] = append(all["pairs"], &course{
			from: r.on(i, "publisher"), out: []byte(strings.Repeat(pub(subject, word)+"\r\n", 100)), deliveries: 100,
			readers: []*client{r.listener(i/2, subject, "")}, in: []int{100 * len(msg(subject, word))},
		})
	}

	asks, answers := r.listener(0, "inbox", ""), r.listener(1, "service", "")
	all["round trip"] = []*course{
		{from: asks, out: []byte(request("service", "inbox", word) + "\r\n"), deliveries: 1,
			readers: []*client{answers}, in: []int{len("MSG service 1 inbox 128\r\n" + word + "\r\n")}},
		{from: answers, out: []byte(pub("inbox", word) + "\r\n"), deliveries: 1,
			readers: []*client{asks}, in: []int{len(msg("inbox", word))}},
	}

	all["queue"] = []*course{{from: r.on(0, "publisher"), out: []byte(strings.Repeat(pub("queue", word)+"\r\n", 100)), deliveries: 100,
		readers: []*client{r.listener(1, "queue", "q ")}, in: []int{100 * len(msg("queue", word))}}}

	const header = "NATS/1.0\r\n\r\n"
	hpub, hmsg := "HPUB headed.a 12 140\r\n"+header+word+"\r\n", "HMSG headed.a 1 12 140\r\n"+header+word+"\r\n"
	all["headers, wildcard"] = []*course{{from: r.on(0, "publisher"), out: []byte(strings.Repeat(hpub, 100)), deliveries: 200,
		readers: []*client{r.listener(0, "headed.a", ""), r.listener(1, "headed.*", "")}, in: []int{100 * len(hmsg), 100 * len(hmsg)}}}
	return all
}

// objects is how many heap objects this process has allocated.
func objects() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

func TestMessagesAllocateNothing(t *testing.T) {
	if raceEnabled || invariant.Enabled {
		t.Skip("the race detector allocates, and so do the invariants' checks")
	}
	for _, loops := range []int{1, 2} {
		for name, parts := range courses(start(t, loops)) {
			buf := make([]byte, 1<<20)
			deliveries := 0
			rounds := func(n int) {
				for range n {
					for _, s := range parts {
						if err := s.play(buf); err != nil {
							t.Fatalf("%s: %v", name, err)
						}
						deliveries += s.deliveries
					}
				}
			}
			rounds(50) // pools fill
			each := deliveries / 50
			deliveries = 0
			runtime.GC()
			before := objects()
			rounds(max(50, 40_000/each))
			made := objects() - before
			t.Logf("%d loops, %s: %d objects in %d deliveries", loops, name, made, deliveries)
			// Some are the runtime's own; a thousandth of a delivery is the promise.
			if float64(made) > float64(deliveries)/1000+40 {
				t.Errorf("%d loops, %s: %d objects in %d deliveries", loops, name, made, deliveries)
			}
		}
	}
}
