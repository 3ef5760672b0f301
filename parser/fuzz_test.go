package parser

import (
	"math/rand/v2"
	"strings"
	"testing"

	"gnatsd-ev/internal/transcript"
)

// FuzzParser compares one stream fed whole with the same stream fed in pieces,
// whose lengths are the bytes of cuts, used again and again, and with the naive
// twin. The seeds in testdata/fuzz/FuzzParser run in every go test, and so does
// what clients say in the recorded transcripts.
func FuzzParser(f *testing.F) {
	streams, err := transcript.SentIn("../internal/broker/testdata/wire", 8<<10)
	if err != nil {
		f.Fatal(err)
	}
	for i, stream := range streams {
		f.Add(stream, []byte{byte(i % 8), 0, byte(i)})
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte) { checkStream(t, string(stream), cuts) })
}

func checkStream(t testing.TB, stream string, cuts []byte) {
	whole := feedAll(t, stream)
	if twin := twinOutcome(stream); whole != twin {
		t.Fatalf("%q\nparser %+v\n  twin %+v", stream, whole, twin)
	}
	var pieces []string
	for rest, i := stream, 0; rest != "" && len(cuts) > 0; i++ {
		length := min(len(rest), 1+int(cuts[i%len(cuts)]))
		pieces, rest = append(pieces, rest[:length]), rest[length:]
	}
	if cut := feedAll(t, pieces...); len(pieces) > 0 && cut != whole {
		t.Fatalf("%q\nwhole %+v\n%d pieces %+v", stream, whole, len(pieces), cut)
	}
}

func TestTwinAgreesOnVectors(t *testing.T) {
	for _, v := range vectors {
		if got := twinOutcome(v.in); got != v.want() {
			t.Errorf("%s\n got %+v\nwant %+v", v.name, got, v.want())
		}
	}
}

// TestRandomStreams glues scraps of operations together: a fuzzer with a
// grammar, for those who run no fuzzer. A failure prints its stream.
func TestRandomStreams(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 30_000 {
		stream := randomStream(random)
		checkStream(t, stream, []byte{byte(random.IntN(4)), byte(random.IntN(40))})
	}
}

var scraps = []string{
	"PUB", "pub", "HPUB", "hPuB", "SUB", "UNSUB", "CONNECT", "INFO", "PING", "pong", "+OK", "-ERR", "MSG", "HMSG",
	" ", " ", " ", " ", "\t", "  \t", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "foo", "foo.bar", "_INBOX.1", ">", "*",
	"0", "1", "2", "5", "10", "-1", "00", "999999999", "1000000000", "1025",
	"+5", "0x10", "{}", `{"a":1}`, "hello", "\x00", "\xff",
	"PING\r\n", "PUB a 0\r\n\r\n", "PUB a b 2\r\nhi\r\n", "HPUB a 2 4\r\nabcd\r\n", "SUB a 1\r\n", "UNSUB 1\r\n", "CONNECT {}\r\n",
	"PING\r\n", "PUB foo 5\r\nhello\r\n", "SUB foo q 2\r\n", "UNSUB 2 1\n",
	"INFO{}\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
}

func randomStream(random *rand.Rand) string {
	var s strings.Builder
	for range 1 + random.IntN(12) {
		s.WriteString(scraps[random.IntN(len(scraps))])
	}
	return s.String()
}
