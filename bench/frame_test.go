package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// heard is a Handler that writes down what it is told.
type heard struct{ log []string }

func (h *heard) Info(line []byte) { h.log = append(h.log, "info "+string(line)) }
func (h *heard) Ping()            { h.log = append(h.log, "ping") }
func (h *heard) Pong()            { h.log = append(h.log, "pong") }
func (h *heard) Err(line []byte)  { h.log = append(h.log, "err "+string(line)) }

// feed gives stream to a Reader in pieces of the sizes next returns, and what it
// leaves again in front of the next piece, as loops do.
func feed(r *Reader, stream string, next func() int) (*heard, error) {
	h := &heard{}
	var kept []byte
	for len(stream) > 0 {
		k := min(next(), len(stream))
		b := append(kept, stream[:k]...)
		stream = stream[k:]
		n, _, err := r.Feed(b, h)
		if err != nil {
			return h, err
		}
		kept = slices.Clone(b[n:])
	}
	if len(kept) > 0 {
		return h, fmt.Errorf("%q is left", kept)
	}
	return h, nil
}

// A payload that looks like frames must be skipped by its size.
const trap = "MSG x 1 5\r\nPING\r\n"

var streams = []struct {
	name     string
	bytes    string
	messages uint64
	size     uint64
	log      []string
}{
	{"nothing", "", 0, 0, nil},
	{"greeting", "INFO {\"a\":1} \r\nPONG\r\nINFO {}\r\n", 0, 0, []string{"info {\"a\":1}", "pong", "info {}"}},
	{"empty payload", "MSG a 1 0\r\n\r\nPING\r\n", 1, 0, []string{"ping"}},
	{"reply", "MSG a.b 12 _INBOX.x 3\r\nabc\r\n", 1, 3, nil},
	{"headers", "HMSG a 1 12 15\r\nNATS/1.0\r\n\r\nabc\r\n", 1, 15, nil},
	{"trap", fmt.Sprintf("MSG a 1 %d\r\n%s\r\nPONG\r\n", len(trap), trap), 1, uint64(len(trap)), []string{"pong"}},
	{"error", "+OK\r\n-ERR 'Stale Connection'\r\n", 0, 0, []string{"err 'Stale Connection'"}},
	{"many", strings.Repeat("MSG a 1 2\r\nhi\r\nPING\r\n", 50), 50, 100, slices.Repeat([]string{"ping"}, 50)},
	{"large", "MSG a 1 100000\r\n" + strings.Repeat("x", 100000) + "\r\n", 1, 100000, nil},
}

func TestAnyCutCountsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	cuts := map[string]func() int{
		"whole":        func() int { return 1 << 30 },
		"byte by byte": func() int { return 1 },
		"three":        func() int { return 3 },
		"random":       func() int { return 1 + random.IntN(40) },
	}
	for _, s := range streams {
		for name, next := range cuts {
			for _, whole := range []bool{false, true} {
				if whole && name != "whole" && len(s.bytes) > 10_000 {
					continue // every piece is copied in front of the next
				}
				var r Reader
				payloads := 0
				if whole {
					r.Message = func(p []byte) { payloads += len(p) }
				}
				h, err := feed(&r, s.bytes, next)
				if err != nil || r.Messages != s.messages || r.Bytes != s.size || !slices.Equal(h.log, s.log) {
					t.Errorf("%s, %s: %d messages of %d bytes, %q, %v; want %d of %d, %q", s.name, name, r.Messages, r.Bytes, h.log, err, s.messages, s.size, s.log)
				}
				if whole && payloads != int(s.size) {
					t.Errorf("%s, %s: payloads of %d bytes, want %d", s.name, name, payloads, s.size)
				}
			}
		}
	}
}

func TestMessageIsWantedWhole(t *testing.T) {
	r := Reader{Message: func([]byte) { t.Error("a message was handed out before it was whole") }}
	line := "MSG a 1 10\r\n"
	n, need, err := r.Feed([]byte(line+"0123"), &heard{})
	if n != 0 || need != len(line)+12 || err != nil {
		t.Errorf("took %d, needs %d, %v; want 0 taken and the length of the whole frame", n, need, err)
	}
}

func TestForeignStreamsAreRefused(t *testing.T) {
	for _, s := range []string{
		"HTTP/1.1 400 Bad Request\r\n",
		"MSG a 1 x\r\n",
		"MSG a 1 \r\n",
		"MSG\r\n",
		"MSG a 1 3\nabc\r\n",
		"MSG a 1 3\r\nabcd\r\n",
		"MSG a 1 99999999999\r\n",
		"GET / HTTP/1.1\r\n",
		strings.Repeat("x", controlLineMax+1),
	} {
		var r Reader
		if _, _, err := r.Feed([]byte(s), &heard{}); err == nil {
			t.Errorf("%.30q is taken for a broker's", s)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	b := []byte(strings.Repeat("MSG b.12345678.0 1 128\r\n"+strings.Repeat("x", 128)+"\r\n", 400))
	var r Reader
	h := &heard{}
	if n := testing.AllocsPerRun(10, func() { r.Feed(b, h) }); n > 0 {
		t.Errorf("%v allocations for 400 messages", n)
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range streams {
		if len(s.bytes) < 1000 {
			for seed := range uint64(5) {
				f.Add(s.bytes, seed)
			}
		}
	}
	f.Fuzz(func(t *testing.T, stream string, seed uint64) {
		random := rand.New(rand.NewPCG(seed, seed))
		var whole, cut Reader
		a, wholeErr := feed(&whole, stream, func() int { return 1 << 30 })
		b, cutErr := feed(&cut, stream, func() int { return 1 + random.IntN(20) })
		if wholeErr != nil || cutErr != nil {
			return // a cut payload is skipped unseen, so its end is not checked
		}
		if whole.Messages != cut.Messages || whole.Bytes != cut.Bytes || !slices.Equal(a.log, b.log) {
			t.Errorf("whole: %d messages, %q; cut: %d messages, %q", whole.Messages, a.log, cut.Messages, b.log)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	stream := []byte(strings.Repeat("MSG b.12345678.0 1 128\r\n"+strings.Repeat("x", 128)+"\r\n", 400))
	var r Reader
	h := &heard{}
	for b.Loop() {
		r.Feed(stream, h)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(r.Messages), "ns/message")
}
