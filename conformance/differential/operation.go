package differential

// Where a client's operations end: the grammar of nats-server 2.15.2 as naive as
// can be, on bytes that are all there. Written apart from the broker's parser
// on purpose: a mistake must not be able to agree with itself.

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

type limits struct {
	controlLine, payload int
	tokens               int // of a subject, 0 for any number
}

// A verdict is what the bytes so far amount to.
type verdict int

const (
	partial verdict = iota // less than one operation
	whole                  // one whole operation
	fatal                  // the server must end the connection
)

// An operation is one as it was read from a client's bytes.
type operation struct {
	verb    string // upper case, "" while unknown
	length  int    // bytes, of a whole operation
	blanks  int    // between verb and arguments
	line    []byte // the arguments, without the CRLF or LF behind them
	lineEnd bool   // the line was whole
	fields  []string
	header  int  // bytes of payload
	sized   bool // PUB and HPUB: the line is in order, so that a payload follows
	payload []byte
}

var verbs = []string{"CONNECT", "INFO", "PING", "PONG", "PUB", "HPUB", "SUB", "UNSUB", "+OK", "-ERR"}

const blankBytes = " \t"

// readOperation reads the operation at the start of b.
func readOperation(b []byte, l limits, headers bool) (op operation, v verdict) {
	verb, v := readVerb(b)
	if v != whole {
		return op, v
	}
	op.verb = verb
	rest := b[len(verb):]
	switch verb {
	case "PING", "PONG", "+OK":
		at := bytes.IndexByte(rest, '\n')
		if at < 0 {
			op.line = rest
			return op, partial
		}
		op.line, op.length = trimCR(rest[:at]), len(verb)+at+1
		return op, whole
	}
	trimmed := bytes.TrimLeft(rest, blankBytes)
	op.blanks = len(rest) - len(trimmed)
	if verb != "CONNECT" && verb != "INFO" && op.blanks == 0 && len(rest) > 0 {
		return op, fatal
	}
	at := bytes.IndexByte(trimmed, '\n')
	op.lineEnd = at >= 0
	op.line = trimmed
	if op.lineEnd {
		op.line = trimmed[:at]
	}
	op.line = trimCR(op.line)
	if len(op.line) > l.controlLine {
		return op, fatal
	}
	if !op.lineEnd {
		return op, partial
	}
	op.fields = strings.FieldsFunc(string(op.line), func(r rune) bool { return r == ' ' || r == '\t' })
	op.length = len(verb) + op.blanks + at + 1
	return op.finish(b, l, headers)
}

func trimCR(b []byte) []byte { return bytes.TrimSuffix(b, []byte("\r")) }

// readVerb returns the verb b begins with, or whether it may become one.
func readVerb(b []byte) (string, verdict) {
	v := fatal
	for _, verb := range verbs {
		n := min(len(b), len(verb))
		if strings.EqualFold(string(b[:n]), verb[:n]) && !bytes.ContainsFunc(b[:n], func(r rune) bool { return r > 0x7e }) {
			if n == len(verb) {
				return verb, whole
			}
			v = partial
		}
	}
	return "", v
}

// finish looks at the arguments of a whole line, and at the payload.
func (op operation) finish(b []byte, l limits, headers bool) (operation, verdict) {
	n := len(op.fields)
	switch op.verb {
	case "CONNECT", "INFO":
		return op, whole // the stream reads the JSON
	case "SUB":
		return op, wholeIf(n == 2 || n == 3)
	case "UNSUB":
		return op, wholeIf(n == 1 || n == 2)
	case "PUB":
		if n != 2 && n != 3 {
			return op, fatal
		}
	case "HPUB":
		if !headers || n != 3 && n != 4 {
			return op, fatal
		}
		if op.header = readSize(op.fields[n-2]); op.header < 0 {
			return op, fatal
		}
	case "-ERR":
		return op, fatal
	}
	size := readSize(op.fields[n-1])
	if size < 0 || size > l.payload || op.header > size {
		return op, fatal
	}
	op.sized = true
	rest := b[op.length:]
	if len(rest) > size && rest[size] != '\r' || len(rest) > size+1 && rest[size+1] != '\n' {
		return op, fatal
	}
	if len(rest) < size+2 {
		return op, partial
	}
	op.payload = rest[:size]
	op.length += size + 2
	return op, whole
}

func wholeIf(good bool) verdict {
	if good {
		return whole
	}
	return fatal
}

// readSize returns the number of one to nine digits, or -1.
func readSize(s string) int {
	if len(s) == 0 || len(s) > 9 {
		return -1
	}
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// applyConnect lays a CONNECT over opts, as nats-server does, and says whether the
// connection stays.
func applyConnect(line []byte, opts *server.ClientOpts) verdict {
	if json.Unmarshal(line, opts) != nil || opts.Account != "" || opts.AccountNew ||
		opts.Protocol < 0 || opts.Protocol > 1 || opts.NoResponders && !opts.Headers {
		return fatal
	}
	return whole
}
