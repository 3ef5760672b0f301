package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// feedIn is feed for a dialect.
func feedIn(d dialect, r *Reader, stream string, next func() int) (*heard, error) {
	h := &heard{}
	var kept []byte
	for len(stream) > 0 {
		k := min(next(), len(stream))
		b := append(kept, stream[:k]...)
		stream = stream[k:]
		n, _, err := d.feed(r, b, h)
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

// respMessage is what a Redis subscriber gets.
func respMessage(channel, payload string) string {
	return fmt.Sprintf("*3\r\n$7\r\nmessage\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(channel), channel, len(payload), payload)
}

// mqttMessage is what an MQTT subscriber gets: the same packet that publishes.
func mqttMessage(topic, payload string) string {
	return string(mqttDialect{}.appendPublish(nil, topic, "", []byte(payload)))
}

var dialectStreams = []struct {
	name     string
	in       dialect
	bytes    string
	messages uint64
	size     uint64
	log      []string
}{
	{"redis: nothing", redisDialect{}, "", 0, 0, nil},
	{"redis: answers", redisDialect{}, "+OK\r\n:0\r\n:15000\r\n+PONG\r\n", 0, 0, []string{"pong"}},
	{"redis: subscriber", redisDialect{}, "*3\r\n$9\r\nsubscribe\r\n$3\r\na.b\r\n:1\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n", 0, 0, []string{"pong"}},
	{"redis: messages", redisDialect{}, respMessage("a.b", "hello") + respMessage("a.b", "") + ":1\r\n" + respMessage("c", "x"), 3, 6, nil},
	{"redis: trap", redisDialect{}, respMessage("a", respMessage("a", "+PONG\r\n")) + "+PONG\r\n", 1, uint64(len(respMessage("a", "+PONG\r\n"))), []string{"pong"}},
	{"redis: error", redisDialect{}, "-ERR unknown\r\n", 0, 0, []string{"err ERR unknown"}},
	{"redis: many", redisDialect{}, strings.Repeat(respMessage("b.12345678.0", "hi")+":1\r\n", 50), 50, 100, nil},
	{"redis: large", redisDialect{}, respMessage("a", strings.Repeat("x", 100_000)), 1, 100_000, nil},
	{"mqtt: nothing", mqttDialect{}, "", 0, 0, nil},
	{"mqtt: answers", mqttDialect{}, "\x20\x02\x00\x00\x90\x03\x00\x01\x00\xd0\x00", 0, 0, []string{"pong"}},
	{"mqtt: refusals", mqttDialect{}, "\x20\x02\x00\x05\x90\x03\x00\x01\x80", 0, 0, []string{"err CONNACK 5", "err SUBACK: subscription refused"}},
	{"mqtt: messages", mqttDialect{}, mqttMessage("a.b", "hello") + mqttMessage("a.b", "") + "\xd0\x00" + mqttMessage("", "x"), 3, 6, []string{"pong"}},
	{"mqtt: trap", mqttDialect{}, mqttMessage("a", "\xd0\x00\xd0\x00") + "\xd0\x00", 1, 4, []string{"pong"}},
	{"mqtt: many", mqttDialect{}, strings.Repeat(mqttMessage("b.12345678.0", strings.Repeat("y", 128)), 50), 50, 6400, nil},
	{"mqtt: large", mqttDialect{}, mqttMessage("a", strings.Repeat("x", 100_000)), 1, 100_000, nil},
	{"nats: messages", natsDialect{}, "MSG a 1 2\r\nhi\r\nPONG\r\n", 1, 2, []string{"pong"}},
}

func TestAnyCutOfAnyDialectCountsTheSame(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 9))
	for _, s := range dialectStreams {
		cuts := map[string]func() int{
			"whole":  func() int { return 1 << 30 },
			"random": func() int { return 1 + random.IntN(40) },
		}
		for at := 1; at < min(len(s.bytes), 400); at++ { // at every position, once
			first := true
			cuts[fmt.Sprintf("at %d", at)] = func() int {
				if first {
					first = false
					return at
				}
				return 1 << 30
			}
		}
		if len(s.bytes) < 10_000 {
			cuts["byte by byte"] = func() int { return 1 }
		}
		for name, next := range cuts {
			for _, whole := range []bool{false, true} {
				if whole && name == "random" && len(s.bytes) > 10_000 {
					continue // every piece is copied in front of the next
				}
				var r Reader
				payloads := 0
				if whole {
					if strings.HasPrefix(name, "at ") {
						continue // next is used up
					}
					r.Message = func(p []byte) { payloads += len(p) }
				}
				h, err := feedIn(s.in, &r, s.bytes, next)
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

func TestForeignStreamsOfDialectsAreRefused(t *testing.T) {
	for d, streams := range map[dialect][]string{
		redisDialect{}: {
			"MSG a 1 1\r\n", "*3\n", "*x\r\n", "*\r\n", "*3\r\nmessage\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$-1\r\n",
			"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n:1\r\n", "*3\r\n$5\r\nother\r\n$1\r\na\r\n$1\r\na\r\n", "*2\r\n$4\r\npong\r\n$1\r\nx\r\n",
			"*3\r\n$99999999999\r\n", "+" + strings.Repeat("x", controlLineMax), "*3\r\n$70000\r\n" + strings.Repeat("x", controlLineMax),
		},
		mqttDialect{}: {
			"HTTP/1.1", "\x00\x00", "\x30\xff\xff\xff\xff\x01", "\x32\x05\x00\x01a\x00\x01", "\x30\x01\x00", "\x30\x03\x00\x05a",
			"\x20\x03\x00\x00\x00", "\x90\x02\x00\x01", "\xd0\x01\x00", "\x20\x7f",
		},
	} {
		for _, s := range streams {
			var r Reader
			if n, _, err := d.feed(&r, []byte(s), &heard{}); err == nil {
				t.Errorf("%T takes %.30q (%d bytes of it) for a broker's", d, s, n)
			}
		}
	}
}

func TestMessageOfDialectIsWantedWhole(t *testing.T) {
	for d, frame := range map[dialect]string{redisDialect{}: respMessage("a", "0123456789"), mqttDialect{}: mqttMessage("a", "0123456789")} {
		r := Reader{Message: func([]byte) { t.Errorf("%T: a message was handed out before it was whole", d) }}
		if n, need, err := d.feed(&r, []byte(frame[:len(frame)-4]), &heard{}); n != 0 || need != len(frame) || err != nil {
			t.Errorf("%T: took %d, needs %d, %v; want 0 taken and the length of the whole frame, %d", d, n, need, err, len(frame))
		}
	}
}

func TestDialectsEncode(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{redisDialect{}.subscribe("a.b"), "*2\r\n$9\r\nSUBSCRIBE\r\n$3\r\na.b\r\n"},
		{redisDialect{}.appendPublish(nil, "a", "", []byte("hi")), "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$2\r\nhi\r\n"},
		{redisDialect{}.connect(Login{}), ""},
		{redisDialect{}.connect(Login{Token: "t"}), "*2\r\n$4\r\nAUTH\r\n$1\r\nt\r\n"},
		{redisDialect{}.connect(Login{User: "u", Password: "p"}), "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n"},
		{mqttDialect{}.connect(Login{}), "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"},
		{mqttDialect{}.connect(Login{User: "u", Password: "p"}), "\x10\x12\x00\x04MQTT\x04\xc2\x00\x00\x00\x00\x00\x01u\x00\x01p"},
		{mqttDialect{}.subscribe("a.b"), "\x82\x08\x00\x01\x00\x03a.b\x00"},
		{mqttDialect{}.appendPublish(nil, "a", "", []byte("hi")), "\x30\x05\x00\x01ahi"},
		{mqttDialect{}.appendPublish(nil, "a", "", make([]byte, 200))[:4], "\x30\xcb\x01\x00"},
		{[]byte(mqttDialect{}.question()), "\xc0\x00"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestProtocolsAreChecked(t *testing.T) {
	for _, c := range []struct {
		protocol, scenario string
		ok                 bool
	}{{"", "reqrep", true}, {"nats", "subs", true}, {"redis", "fanout", true}, {"mqtt", "", true}, {"redis", "reqrep", false}, {"amqp", "", false}} {
		if err := CheckProtocol(c.protocol, c.scenario); (err == nil) != c.ok {
			t.Errorf("%q in %q: %v", c.protocol, c.scenario, err)
		}
	}
}

func FuzzDialects(f *testing.F) {
	for _, s := range dialectStreams {
		if len(s.bytes) < 1000 {
			f.Add(s.bytes, uint64(7))
		}
	}
	f.Fuzz(func(t *testing.T, stream string, seed uint64) {
		for _, d := range []dialect{redisDialect{}, mqttDialect{}} {
			random := rand.New(rand.NewPCG(seed, seed))
			var whole, cut Reader
			a, wholeErr := feedIn(d, &whole, stream, func() int { return 1 << 30 })
			b, cutErr := feedIn(d, &cut, stream, func() int { return 1 + random.IntN(20) })
			if wholeErr != nil || cutErr != nil {
				continue
			}
			if whole.Messages != cut.Messages || whole.Bytes != cut.Bytes || !slices.Equal(a.log, b.log) {
				t.Errorf("%T: whole: %d messages, %q; cut: %d messages, %q", d, whole.Messages, a.log, cut.Messages, b.log)
			}
		}
	})
}
