package broker

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// Order and content: whatever the sizes, the cuts and the loops, each subscriber
// gets each publisher's messages in order, each once, unaltered.

// stamped is a payload that says who sent it, its number, and a checksum of all.
func stamped(publisher, number, size int) []byte {
	b := make([]byte, max(size, stampSize))
	for i := stampSize; i < len(b); i++ {
		b[i] = byte(i*7 + number*13 + publisher)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(publisher))
	binary.LittleEndian.PutUint32(b[8:], uint32(number))
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}

const stampSize = 12

// readStamp returns what a payload says of itself.
func readStamp(b []byte) (publisher, number int, err error) {
	if len(b) < stampSize || crc32.ChecksumIEEE(b[4:]) != binary.LittleEndian.Uint32(b) {
		return 0, 0, fmt.Errorf("a payload of %d bytes was altered", len(b))
	}
	return int(binary.LittleEndian.Uint32(b[4:])), int(binary.LittleEndian.Uint32(b[8:])), nil
}

// edges are sizes at which the broker stores or cuts differently.
var edges = []int{2046, 2047, 2048, 2049, 4095, 4096, 64<<10 - 1, 64 << 10, 128<<10 - 1, 128 << 10, 128<<10 + 1, 256 << 10, 1 << 20}

// sizeOf returns payload sizes from nothing to a megabyte, small ones oftener.
func sizeOf(random *rand.Rand) int {
	switch random.IntN(12) {
	case 0:
		return edges[random.IntN(len(edges))]
	case 1:
		return random.IntN(1 << random.IntN(20))
	}
	return random.IntN(300)
}

// streamOf is what one publisher writes: numbered messages to its subject, some with
// headers, an empty one between them now and then.
func streamOf(random *rand.Rand, publisher, messages int) (b []byte) {
	for n := range messages {
		payload := stamped(publisher, n, sizeOf(random))
		subject := fmt.Sprintf("data.%d", publisher)
		switch random.IntN(4) {
		case 0:
			const header = "NATS/1.0\r\nKey: value\r\n\r\n"
			payload = stamped(publisher, n, min(len(payload), 1<<20-len(header))) // max_payload counts both
			b = fmt.Appendf(b, "HPUB %s %d %d\r\n%s", subject, len(header), len(header)+len(payload), header)
		case 1:
			b = fmt.Appendf(b, "PUB %s 0\r\n\r\npub  %s\treply.%d   %d\r\n", "empty", subject, n, len(payload))
		default:
			b = fmt.Appendf(b, "PUB %s %d\r\n", subject, len(payload))
		}
		b = append(append(b, payload...), "\r\n"...)
	}
	return append(b, "PING\r\n"...)
}

// writeCut writes b in pieces of random length, with pauses now and then.
func writeCut(c *client, b []byte, random *rand.Rand) error {
	for len(b) > 0 {
		n := min(1+random.IntN(1<<random.IntN(18)), len(b))
		if _, err := c.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		if random.IntN(20) == 0 {
			time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
		}
	}
	return nil
}

// checkStreams reads until every publisher's last message has come.
func checkStreams(c *client, publishers, messages int) error {
	next := make([]int, publishers)
	for left := publishers * messages; left > 0; {
		f, err := c.read()
		if err != nil {
			return fmt.Errorf("with %d to come: %w", left, err)
		}
		if f.verb == "PONG" || f.subject == "empty" && len(f.payload) == 0 {
			continue
		}
		p, n, err := readStamp(f.payload)
		if err != nil {
			return fmt.Errorf("%.60s: %w", f, err)
		}
		if f.subject != fmt.Sprintf("data.%d", p) || n != next[p] {
			return fmt.Errorf("publisher %d, wanted message %d, got %d: %.60s", p, next[p], n, f)
		}
		next[p]++
		left--
	}
	return nil
}

func TestOrderAndContent(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		r := start(t, loops)
		publishers, messages := 2*loops, scale(40, 150, 3000)
		var readers, writers sync.WaitGroup
		plain := `CONNECT {"verbose":false,"headers":false}`
		for i := range 2 * loops {
			for _, pattern := range []string{"data.*", ">"} {
				connect := quiet
				if i%2 == 1 {
					connect = plain
				}
				s := r.on(i, fmt.Sprintf("subscriber %d to %s", i, pattern), connect)
				s.send("SUB "+pattern+" 1", "PING")
				s.pong("subscribed")
				s.conn.SetDeadline(time.Now().Add(10 * patience))
				readers.Go(func() {
					if err := checkStreams(s, publishers, messages); err != nil {
						t.Errorf("%s: %v", s.name, err)
					}
				})
			}
		}
		for i := range publishers {
			p := r.on(i, "publisher")
			p.conn.SetDeadline(time.Now().Add(10 * patience))
			writers.Go(func() {
				random := rand.New(rand.NewPCG(seed, uint64(i)))
				err := writeCut(p, streamOf(random, i, messages), random)
				if err == nil {
					_, err = p.read()
				}
				if err != nil {
					t.Errorf("publisher %d: %v", i, err)
				}
			})
		}
		writers.Wait()
		readers.Wait()
		killAll(r.Broker)
		wantNothingHeld(t, r.Broker)
	})
}
