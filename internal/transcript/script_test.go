package transcript

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestParseRejects(t *testing.T) {
	for _, test := range []struct{ script, reason string }{
		{"hello", "neither"},
		{"A> x", "neither"},
		{"a< PONG", "without a reason"},
		{"# r\n\na< PONG", "without a reason"},
		{"! colour red", "unknown option"},
		{"! max_payload", "no value"},
		{"sync", "whom"},
		{"sync a,b", "no name"},
		{"sleep long", "duration"},
		{`a> \q`, "unknown escape"},
		{`a>> \x4`, "two hexadecimal digits"},
		{`a> x\`, "lone"},
		{"a> {x*99999999999}", "more than"},
		{`# r` + "\n" + `a< INFO {"a"}`, "fields of the INFO"},
	} {
		_, err := Parse("test", test.script)
		if err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%q: got error %v, want one with %q", test.script, err, test.reason)
		}
	}
}

func TestParseTakesOptions(t *testing.T) {
	s, err := Parse("test", "! max_payload 1024\n! ping_interval 50ms\n! deviation we know better\n! cuts by luck\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.Options["max_payload"] != "1024" || s.Options["ping_interval"] != "50ms" || len(s.Options) != 2 {
		t.Errorf("options are %v", s.Options)
	}
	if s.Deviation != "we know better" || s.Cuts != "by luck" {
		t.Errorf("the deviation is %q, the cuts are %q", s.Deviation, s.Cuts)
	}
}

func TestSends(t *testing.T) {
	for line, want := range map[string]string{
		`a> PING`:            "PING\r\n",
		`a>`:                 "\r\n",
		`a>> PING\r`:         "PING\r",
		`a> PUB x 2 | hi`:    "PUB x 2\r\nhi\r\n",
		`a> PUB x 0 |`:       "PUB x 0\r\n\r\n",
		`a>> a | b`:          "a | b",
		`a>> \t\0\\\xfF\n`:   "\t\x00\\\xff\n",
		`a>> {ab*3}{\x00*2}`: "ababab\x00\x00",
		`a>> {"x":"{y*3}"}`:  `{"x":"yyy"}`,
	} {
		st, err := parseStep(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if string(st.data) != want {
			t.Errorf("%s sends %q, want %q", line, st.data, want)
		}
	}
}

func TestEscapeIsReversible(t *testing.T) {
	const alphabet = "{}*\"\\x01 \r\n\x00\xff|a"
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var data []byte
		for range random.IntN(6) {
			b := alphabet[random.IntN(len(alphabet))]
			data = append(data, bytes.Repeat([]byte{b}, 1+random.IntN(2)*random.IntN(3*repeatMin))...)
		}
		back, err := unescape(escape(data))
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%q became %q by %s (%v)", data, back, escape(data), err)
		}
	}
}

func TestModesSendEverything(t *testing.T) {
	for _, mode := range []Mode{Whole(), ByteByByte(), RandomCuts(1), RandomCuts(2)} {
		for _, total := range []int{1, 2, 100, singleHead + singleTail, 1 << 20} {
			cut := mode.cuts(total)
			writes, from := 0, 0
			for from < total {
				n := cut(from)
				if n < 1 {
					t.Fatalf("%v cuts %d bytes at %d of %d", mode, n, from, total)
				}
				from += n
				writes++
			}
			if mode.String() == "bytes" && (from != total || total < 200 && writes != total) {
				t.Errorf("%v: %d bytes in %d writes", mode, total, writes)
			}
		}
	}
}

func TestSentIsWhatEachPeerSends(t *testing.T) {
	s, err := Parse("test", "b> PUB x 2 | hi\na>> PI\n# r\nb< +OK\na>> NG\\r\\n\nsync a b\nb> PING\n")
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.Join(s.Sent(), []byte("|"))
	if want := "PUB x 2\r\nhi\r\nPING\r\n|PING\r\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := SentIn(t.TempDir(), 1); err == nil {
		t.Error("a directory without transcripts is no error")
	}
}
