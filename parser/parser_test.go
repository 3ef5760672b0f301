package parser

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

func newVectorParser() *Parser {
	return &Parser{MaxControlLine: vectorLineMax, MaxPayload: vectorPayloadMax, Headers: true}
}

// describe writes an operation as the vectors do.
func describe(op *Op) string {
	var s strings.Builder
	s.WriteString(op.Verb.String())
	for _, f := range []struct {
		name string
		view []byte
	}{{"s", op.Subject}, {"r", op.Reply}, {"q", op.Queue}, {"i", op.SID}, {"a", op.Arg}} {
		if len(f.view) > 0 {
			fmt.Fprintf(&s, " %s=%s", f.name, f.view)
		}
	}
	if op.Header != 0 {
		fmt.Fprintf(&s, " h=%d", op.Header)
	}
	if op.Payload != nil {
		fmt.Fprintf(&s, " p=%s", op.Payload)
	}
	if op.Max != 0 {
		fmt.Fprintf(&s, " m=%d", op.Max)
	}
	return s.String()
}

// An outcome is what came of a stream, in terms that may not depend on cuts.
type outcome struct {
	ops  string
	kind ErrorKind
	text string
	rest int // bytes not consumed; -1 after an error
}

// A feeder plays the owner of a connection's buffer. It moves the unfinished
// bytes at every feed and spoils where they were, as nobody may look there.
type feeder struct {
	t       testing.TB
	p       *Parser
	op      Op
	pending []byte
	ops     []string
	err     *Error
}

// feed gives the parser more bytes and takes all operations that are whole.
func (f *feeder) feed(more []byte) {
	moved := make([]byte, 0, len(f.pending)+len(more))
	moved = append(append(moved, f.pending...), more...)
	for i := range f.pending {
		f.pending[i] = '\n'
	}
	f.pending = moved
	for f.err == nil {
		need := f.p.Need()
		n, err := f.p.Next(f.pending, &f.op)
		if err != nil {
			f.err = err.(*Error)
			return
		}
		if n == 0 {
			f.checkNeed(need)
			return
		}
		if need != 0 && n != need {
			f.t.Fatalf("Need said %d, the operation had %d", need, n)
		}
		f.checkViews(f.pending[:n])
		f.ops = append(f.ops, describe(&f.op))
		f.pending = f.pending[n:]
	}
}

func (f *feeder) checkNeed(before int) {
	need := f.p.Need()
	if need != 0 && need <= len(f.pending) || before != 0 && need != before {
		f.t.Fatalf("Need says %d with %d bytes there, and said %d before", need, len(f.pending), before)
	}
}

// checkViews sees that every view lies inside its operation and cannot grow beyond itself.
func (f *feeder) checkViews(operation []byte) {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(operation)))
	for _, view := range [][]byte{f.op.Subject, f.op.Reply, f.op.Queue, f.op.SID, f.op.Payload} {
		if view == nil {
			continue
		}
		at := uintptr(unsafe.Pointer(unsafe.SliceData(view)))
		if at < from || at+uintptr(len(view)) > from+uintptr(len(operation)) || cap(view) != len(view) {
			f.t.Fatalf("%s: a view of %d bytes, capacity %d, at %d of an operation of %d",
				f.op.Verb, len(view), cap(view), at-from, len(operation))
		}
	}
}

func (f *feeder) outcome() outcome {
	o := outcome{ops: strings.Join(f.ops, "; "), rest: len(f.pending)}
	if f.err != nil {
		o.kind, o.text, o.rest = f.err.Kind, f.err.Text, -1
	}
	return o
}

func feedAll(t testing.TB, pieces ...string) outcome {
	f := &feeder{t: t, p: newVectorParser()}
	for _, piece := range pieces {
		f.feed([]byte(piece))
	}
	return f.outcome()
}

func feedBytes(t testing.TB, in string) outcome {
	f := &feeder{t: t, p: newVectorParser()}
	for i := range len(in) {
		f.feed([]byte{in[i]})
	}
	return f.outcome()
}

var texts = map[ErrorKind]string{
	0:                  "",
	UnknownOperation:   "Unknown Protocol Operation",
	BadArguments:       "",
	HeadersNotAllowed:  "",
	ControlLineTooLong: "maximum control line exceeded",
	PayloadTooLarge:    "Maximum Payload Violation",
}

func (v *vector) want() outcome {
	o := outcome{v.ops, v.kind, texts[v.kind], v.rest}
	if v.kind != 0 {
		o.rest = -1
	}
	return o
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			want := v.want()
			if got := feedAll(t, v.in); got != want {
				t.Fatalf("whole\n got %+v\nwant %+v", got, want)
			}
			if got := feedBytes(t, v.in); got != want {
				t.Errorf("byte by byte\n got %+v\nwant %+v", got, want)
			}
			for cut := range v.in {
				if got := feedAll(t, v.in[:cut], v.in[cut:]); got != want {
					t.Errorf("cut at %d\n got %+v\nwant %+v", cut, got, want)
				}
			}
		})
	}
}

// An error comes with the byte that makes the stream wrong, not before, and
// nothing behind that byte changes it.
func TestErrorsComeAtOnce(t *testing.T) {
	for _, v := range vectors {
		if v.kind == 0 {
			continue
		}
		if got := feedAll(t, v.in[:len(v.in)-1]); got.kind != 0 {
			t.Errorf("%s: %v a byte too early", v.name, got.kind)
		}
		for _, behind := range []string{"x", "\r\n", "\nPING\r\n", " 5\r\nhello\r\n", repeat("y", 200)} {
			if got := feedAll(t, v.in+behind); got != v.want() {
				t.Errorf("%s, followed by %q\n got %+v\nwant %+v", v.name, behind, got, v.want())
			}
		}
	}
}

// The column nats of the table says only what is not already ours.
func TestRecordedDifferencesDiffer(t *testing.T) {
	for _, v := range vectors {
		ours := natsOpen
		if v.kind != 0 {
			ours = natsSilent
		}
		if v.want().text != "" {
			ours += ", " + v.want().text
		}
		if v.nats == ours {
			t.Errorf("%s: nats-server ends as we do: %s", v.name, ours)
		}
	}
}

func TestHeadersNotAllowed(t *testing.T) {
	p := newVectorParser()
	p.Headers = false
	f := &feeder{t: t, p: p}
	f.feed([]byte("PUB a 0\r\n\r\nHPUB foo 0 0\r"))
	if f.err != nil {
		t.Fatalf("refused before the line was whole: %v", f.err)
	}
	f.feed([]byte("\n"))
	if f.err == nil || f.err.Kind != HeadersNotAllowed || f.err.Text != "" || f.err.Detail != "message headers not supported" {
		t.Fatalf("%+v", f.err)
	}
}

func TestNoPayloadLimit(t *testing.T) {
	p := &Parser{MaxControlLine: 100, MaxPayload: -1}
	if n, err := p.Next([]byte("PUB a 999999999\r\n"), new(Op)); n != 0 || err != nil || p.Need() != 17+999999999+2 {
		t.Errorf("%d, %v, need %d", n, err, p.Need())
	}
	p = &Parser{MaxControlLine: 100, MaxPayload: 0}
	if n, err := p.Next([]byte("PUB a 0\r\n\r\n"), new(Op)); n != 11 || err != nil {
		t.Errorf("an empty payload with limit 0: %d, %v", n, err)
	}
	if _, err := p.Next([]byte("PUB a 1\r\n"), new(Op)); err == nil || err.(*Error).Kind != PayloadTooLarge {
		t.Errorf("one byte with limit 0: %v", err)
	}
}

func TestLimitsMayChangeBetweenCalls(t *testing.T) {
	p, b := newVectorParser(), []byte("SUB "+repeat("a", 50))
	if n, err := p.Next(b, new(Op)); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	p.MaxControlLine = 10
	if _, err := p.Next(b, new(Op)); err == nil || err.(*Error).Kind != ControlLineTooLong {
		t.Errorf("lowered limit: %v", err)
	}
	p, b = newVectorParser(), []byte("SUB "+repeat("a", 50))
	if n, err := p.Next(b, new(Op)); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	p.MaxControlLine = 4096
	b = append(b, repeat("a", 1000)+" 1\r\n"...)
	if n, err := p.Next(b, new(Op)); n != len(b) || err != nil {
		t.Errorf("raised limit: %d, %v", n, err)
	}
}

// Whatever was searched or parsed once is not looked at again: here it is
// replaced by bytes that would be noticed.
func TestNothingIsReadTwice(t *testing.T) {
	for _, c := range []struct{ first, spoil, more string }{
		{"SUB foo", "SUB \n\n\n", " 1"},
		{"SUB   ", "XYZ\n\n\n", " "},
		{"PING aaaa", "PING\n\n\n\n\n", "b"},
		{"PUB foo 9\r\nabc", "PUB \n\n\n\n\n\n\n\n\n\n", "def"},
	} {
		p, op, b := newVectorParser(), new(Op), []byte(c.first)
		if n, err := p.Next(b, op); n != 0 || err != nil {
			t.Fatalf("%q: %d, %v", c.first, n, err)
		}
		b = []byte(c.spoil[:len(c.first)] + c.more)
		if n, err := p.Next(b, op); n != 0 || err != nil {
			t.Errorf("%q was read twice: %d, %v", c.first, n, err)
		}
	}
}

func TestOpForgetsTheOneBefore(t *testing.T) {
	p, op := newVectorParser(), new(Op)
	stream := []byte("HPUB s r 1 2\r\nab\r\nSUB s q 1\r\nUNSUB 1 5\r\nCONNECT {}\r\nPING\r\n")
	for len(stream) > 0 {
		n, err := p.Next(stream, op)
		if n == 0 || err != nil {
			t.Fatal(n, err)
		}
		stream = stream[n:]
	}
	if got := describe(op); got != "PING" || op.Payload != nil || op.Arg != nil {
		t.Errorf("%s", got)
	}
}

func TestDetailQuotesThePeer(t *testing.T) {
	for in, want := range map[string]string{
		"SUB \"a\" b \x1b[0m d\r\n":          `processSub Parse Error: "\"a\" b \x1b[0m d"`,
		"SUB foo\r\n":                        `processSub Parse Error: "foo"`,
		"PUB foo\r\n":                        `processPub Parse Error: "foo"`,
		"PUB foo x\r\n":                      `processPub Bad or Missing Size: "foo x"`,
		"HPUB foo 1\r\n":                     `processHeaderPub Parse Error: "foo 1"`,
		"UNSUB 1 2 3\r\n":                    `processUnsub Parse Error: "1 2 3"`,
		"PUB foo 1025\r\n":                   `maximum payload exceeded: 1025 vs 1024`,
		"GET / HTTP/1.1\r\n":                 `parser ERROR, i=0: proto='"GET / HTTP/1.1\r\n"...'`,
		"PUX" + repeat("y", 100):             `parser ERROR, i=2: proto='"X` + repeat("y", 31) + `"...'`,
		"PUB a 1\r\nx\rZ":                    `parser ERROR, i=11: proto='"Z"...'`,
		"SUB " + repeat("a", 300) + " 1 2 3": `maximum control line exceeded: max_control_line 64 (snip: "` + repeat("a", 66) + `"...)`,
	} {
		_, err := newVectorParser().Next([]byte(in), new(Op))
		if err == nil || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %v", in, err, want)
		}
	}
}

func TestVerbNames(t *testing.T) {
	for v := range Verb(255) {
		if known := v >= Connect && v <= Unsub; known != (v.String() != "") {
			t.Errorf("verb %d is called %q", v, v)
		}
	}
}

func TestParserIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Parser{}); size > 32 {
		t.Errorf("%d bytes a connection, want at most 32", size)
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	const stream = "CONNECT {}\r\nPING\r\nSUB foo q 1\r\nPUB foo bar 5\r\nhello\r\nHPUB foo 2 5\r\nhello\r\nUNSUB 1 5\r\nPONG\r\n+OK\r\n"
	b, p, op := []byte(stream), newVectorParser(), new(Op)
	if n := testing.AllocsPerRun(100, func() {
		for done, fed := 0, 0; done < len(b); {
			n, err := p.Next(b[done:fed], op)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				fed++
			}
			done += n
		}
	}); n != 0 {
		t.Errorf("%v allocations for a stream, want none", n)
	}
}

func TestMangle(t *testing.T) {
	b := []byte("PUB foo 2\r\nhi\r\nPING\r\n")
	p, op := newVectorParser(), new(Op)
	n, err := p.Next(b, op)
	if err != nil {
		t.Fatal(err)
	}
	Mangle(b[:n])
	spoiled := string(op.Subject) == "\xcc\xcc\xcc" && string(op.Payload) == "\xcc\xcc"
	if spoiled != Mangling || !spoiled && string(op.Subject) != "foo" {
		t.Errorf("mangling %v, but the views are %q and %q", Mangling, op.Subject, op.Payload)
	}
	if n, err := p.Next(b[n:], op); n != 6 || err != nil || op.Verb != Ping {
		t.Errorf("the bytes behind: %d, %v, %v", n, err, op.Verb)
	}
}

// What a log shows of a mistake is no part of a CONNECT, however it is misspelt.
func TestMistakesShowNoSecrets(t *testing.T) {
	const options = `{"user":"u","pass":"canary"}`
	for _, text := range []string{
		"CONNEXT " + options, "CONN" + options, options, "\n" + options, "CONNECT " + options[:len(options)-1] + strings.Repeat(" ", 5000), "SUB " + options + " a b c\r\n", "PUB a" + options + "\r\n", "UNSUB 1 2 " + options + "\r\n", "-ERR" + options + "\r\n",
	} {
		p := Parser{MaxControlLine: 4096, MaxPayload: 1 << 20}
		_, err := p.Next([]byte(text), new(Op))
		if err != nil && strings.Contains(err.Error(), "can") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}
