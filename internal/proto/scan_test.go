package proto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"gnatsd-ev/internal/transcript"
)

type copies struct{}

func (copies) String(b []byte) string { return string(b) }

// checkScan compares the plain scanner with encoding/json, for CONNECTs of one
// client, each laid over those before it.
func checkScan(t *testing.T, texts ...string) {
	t.Helper()
	fast, slow := NewConnect(), NewConnect()
	for _, text := range texts {
		given := []byte(text)
		fastErr := fast.UnmarshalShared(given, copies{})
		slowErr := json.Unmarshal([]byte(text), &slow)
		if string(given) != text {
			t.Fatalf("%q was changed to %q", text, given)
		}
		if (fastErr == nil) != (slowErr == nil) {
			t.Fatalf("%q of %q: error %v, encoding/json says %v", text, texts, fastErr, slowErr)
		}
		if fastErr != nil {
			return // the connection ends
		}
		if fast != slow {
			t.Fatalf("%q of %q:\ngot  %+v\nwant %+v", text, texts, fast, slow)
		}
	}
}

var connects = []string{
	`{"verbose":false,"pedantic":false,"tls_required":false,"name":"n","lang":"go","version":"1.55.0","protocol":1,"echo":true,"headers":true,"no_responders":true}`,
	`{}`, ` { } `, `{"verbose":true}x`, `{"verbose":tru}`, `{"verbose":truex}`, `{"verbose":null}`, `{"Verbose":false}`,
	`{"name":"a\"b"}`, `{"name":"ä"}`, "{\"name\":\"a\xffb\"}", "{\"name\":\"a\tb\"}", `{"protocol":12}`, `{"protocol":1.0}`, `{"protocol":-1}`,
	`{"protocol": 1 }`, `{"protocol":!}`, `{"protocol":01}`, `{"unknown":{"a":[1,2]},"echo":false}`, `{"echo":false,}`, `{"echo":false "name":"x"}`, `{"echo":"false"}`,
	`[]`, ``, `null`, `"x"`, `{"echo":false`, `{"name":"x`, `{"user":"u","pass":"p"}`, `{"account":"A"}`, `{"echo":true,"echo":false}`,
}

func TestPlainConnectIsReadAsJSON(t *testing.T) {
	for _, text := range connects {
		checkScan(t, text)
	}
}

// FuzzConnect compares with encoding/json what two CONNECTs of one client come
// to. Its seeds are those above, and all pairs that follow each other in the
// recorded transcripts.
func FuzzConnect(f *testing.F) {
	for i, text := range connects {
		f.Add(text, connects[(i*7+3)%len(connects)])
	}
	streams, err := transcript.SentIn("../broker/testdata/wire", 8<<10)
	if err != nil {
		f.Fatal(err)
	}
	before := "{}"
	for _, stream := range streams {
		for line := range bytes.Lines(stream) {
			if text, ok := strings.CutPrefix(string(line), "CONNECT "); ok {
				f.Add(before, text)
				before = text
			}
		}
	}
	f.Fuzz(func(t *testing.T, first, second string) { checkScan(t, first, second) })
}

// FuzzRedact wants of a CONNECT, whatever its strings and the blanks between its
// words, that its trace shows no secret and all the rest.
func FuzzRedact(f *testing.F) {
	for i, secret := range []string{"s3cr3t", `qu"ote`, `back\`, "two words", "näh", "<&>", "a,b}", "\x00\xff\r\n", ""} {
		for j := range 8 {
			for k, name := range []string{"a name", `"pass":"x"`, secret} {
				f.Add(secret, name, uint8(i+j+k), uint8(j))
			}
		}
	}
	blanks := []string{"", " ", "\t ", "\r", "\n\n"}
	fields := []string{"pass", "auth_token", "sig", "nkey", "jwt", "proxy_sig", "PASS", "Jwt"}
	f.Fuzz(func(t *testing.T, secret, name string, between, which uint8) {
		blank, field := blanks[int(between)%len(blanks)], fields[int(which)%len(fields)]
		quoted := func(text string) string {
			b, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		head := fmt.Sprintf(`{%[1]s"name"%[1]s:%[1]s%[2]s%[1]s,%[1]s`, blank, quoted(name))
		tail := blank + `,"echo":true}`
		text := head + fmt.Sprintf(`%[2]q%[1]s:%[1]s%[3]s`, blank, field, quoted(secret)) + tail
		want := head + fmt.Sprintf(`%q:"[REDACTED]"`, field) + tail
		if got := string(Redact([]byte(text))); got != want {
			t.Fatalf("%q\n got %q\nwant %q", text, got, want)
		}
	})
}

// spelled writes a name as JSON may be written: each letter as it is, large, with an escape, or as what JSON takes for it.
func spelled(name string, how uint64) string {
	var b strings.Builder
	for _, c := range name {
		switch how % 5 {
		case 1:
			c = unicode.ToUpper(c)
		case 2:
			fmt.Fprintf(&b, `\u%04x`, c)
			how /= 5
			continue
		case 3:
			fmt.Fprintf(&b, `\u%04X`, unicode.ToUpper(c))
			how /= 5
			continue
		case 4:
			c = unicode.SimpleFold(c) // of s and k another letter
			if c == 'S' || c == 'K' {
				c = unicode.SimpleFold(c)
			}
		}
		b.WriteRune(c)
		how /= 5
	}
	return b.String()
}

// FuzzSpelled wants that however the name of a secret is spelled, and whatever stands around it, its value is not
// shown if encoding/json would take it for that.
func FuzzSpelled(f *testing.F) {
	around := []string{`{%s}`, `{"name":"a\"b",%s,"echo":true}`, `{"x":{"y":[1,"\\"]},%s`, ` { "user" : "p\u0061ss" , %s } `, "{\"n\":\"\xff\",%s}", `{%s,"pass":"x"}`, `"`, `{"`, `{"a":"b\`, `{"pass`}
	for i, head := range around {
		for how := range uint64(24) {
			f.Add(head, how*how*31+uint64(i), uint8(i)+uint8(how), how%5 == 4)
		}
	}
	f.Fuzz(func(t *testing.T, around string, how uint64, which uint8, cut bool) {
		const canary = "cAnArY-7f3a"
		if strings.Contains(around, "-7f3a") {
			return
		}
		field := `"` + spelled(secretFields[int(which)%len(secretFields)], how) + `" : "` + canary + `"`
		text := strings.Replace(around, "%s", field, 1)
		if text == around {
			text += field
		}
		if cut {
			text = text[:strings.Index(text, canary)+len(canary)]
		}
		got := string(Redact([]byte(text)))
		var c Connect
		err := json.Unmarshal([]byte(text), &c)
		taken := err == nil && slices.Contains([]string{c.Pass, c.Token, c.Sig, c.Nkey, c.JWT, c.ProxySig}, canary)
		if (taken || strings.HasPrefix(text, "{"+field)) && strings.Contains(got, canary) {
			t.Fatalf("%q shows %q", text, got)
		}
	})
}

type same string

func (s same) String([]byte) string { return string(s) }

func TestPlainConnectAllocatesNothing(t *testing.T) {
	text := []byte(connects[0])
	if n := testing.AllocsPerRun(100, func() {
		c := NewConnect()
		if err := c.UnmarshalShared(text, same("x")); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("reading a plain CONNECT allocates %v times", n)
	}
}
