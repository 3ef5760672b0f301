package proto

import (
	"encoding/json"
	"testing"
)

type copies struct{}

func (copies) String(b []byte) string { return string(b) }

// checkScan compares the plain scanner with encoding/json.
func checkScan(t *testing.T, text string) {
	t.Helper()
	fast, slow := NewConnect(), NewConnect()
	fastErr := fast.UnmarshalShared([]byte(text), copies{})
	slowErr := json.Unmarshal([]byte(text), &slow)
	if (fastErr == nil) != (slowErr == nil) {
		t.Fatalf("%q: error %v, encoding/json says %v", text, fastErr, slowErr)
	}
	if fastErr == nil && fast != slow {
		t.Fatalf("%q:\ngot  %+v\nwant %+v", text, fast, slow)
	}
}

var connects = []string{
	`{"verbose":false,"pedantic":false,"tls_required":false,"name":"n","lang":"go","version":"1.55.0","protocol":1,"echo":true,"headers":true,"no_responders":true}`,
	`{}`, ` { } `, `{"verbose":true}x`, `{"verbose":tru}`, `{"verbose":truex}`, `{"verbose":null}`, `{"Verbose":false}`,
	`{"name":"a\"b"}`, `{"name":"ä"}`, "{\"name\":\"a\xffb\"}", "{\"name\":\"a\tb\"}", `{"protocol":12}`, `{"protocol":1.0}`, `{"protocol":-1}`,
	`{"protocol": 1 }`, `{"protocol":01}`, `{"unknown":{"a":[1,2]},"echo":false}`, `{"echo":false,}`, `{"echo":false "name":"x"}`, `{"echo":"false"}`,
	`[]`, ``, `null`, `"x"`, `{"echo":false`, `{"name":"x`, `{"user":"u","pass":"p"}`, `{"account":"A"}`, `{"echo":true,"echo":false}`,
}

func TestPlainConnectIsReadAsJSON(t *testing.T) {
	for _, text := range connects {
		checkScan(t, text)
	}
}

func FuzzConnect(f *testing.F) {
	for _, text := range connects {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkScan(t, text) })
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
