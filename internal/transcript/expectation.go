package transcript

// What a script expects of a frame, and whether a frame is that.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// An expectation is the right-hand side of one "a<" line.
type expectation struct {
	kind     expectKind
	anyOrder bool // may change places with its neighbours of the same kind

	literals []string // of the frame's line, with a mask between each two
	payload  []byte
	carries  bool

	fields map[string]any // of the INFO, for expectInfo
}

type expectKind int

const (
	expectFrame  expectKind = iota // a frame like line and payload
	expectInfo                     // an INFO with these fields
	expectClosed                   // the end of the stream
	expectFill                     // whatever comes; only Record may meet it
)

// Values of an INFO's field that stand for more than themselves.
const (
	valueAny    = "<any>"
	valueAbsent = "<absent>"
)

var mask = regexp.MustCompile(`<[a-z]+>`)

func parseExpectation(text string, anyOrder bool) (expectation, error) {
	e := expectation{anyOrder: anyOrder}
	switch {
	case text == "?":
		e.kind = expectFill
		return e, nil
	case text == closedLine:
		e.kind = expectClosed
		return e, nil
	case strings.HasPrefix(text, "INFO {"):
		e.kind = expectInfo
		if err := json.Unmarshal([]byte(text[len("INFO "):]), &e.fields); err != nil {
			return e, fmt.Errorf("the fields of the INFO: %w", err)
		}
		return e, nil
	}
	line, payload, carries := splitPayload(text)
	raw, err := unescape(line)
	if err != nil {
		return e, err
	}
	e.literals = mask.Split(string(raw), -1)
	e.carries = carries
	e.payload, err = unescape(payload)
	return e, err
}

// meets says whether f is what e expects.
func (e *expectation) meets(f frame) bool {
	switch e.kind {
	case expectClosed:
		return f.ended && f.line == closedLine
	case expectInfo:
		return !f.ended && e.meetsInfo(f.line)
	case expectFrame:
		return !f.ended && meetsMasked(e.literals, f.line) &&
			e.carries == f.carries && bytes.Equal(e.payload, f.payload)
	}
	return false
}

func (e *expectation) meetsInfo(line string) bool {
	text, ok := strings.CutPrefix(line, "INFO ")
	var got map[string]any
	if !ok || json.Unmarshal([]byte(text), &got) != nil {
		return false
	}
	for name, want := range e.fields {
		value, present := got[name]
		switch want {
		case valueAny:
			ok = present
		case valueAbsent:
			ok = !present
		default:
			ok = present && reflect.DeepEqual(value, want)
		}
		if !ok {
			return false
		}
	}
	return true
}

// meetsMasked says whether line is the literals in this order with a run of
// non-blanks between each two.
func meetsMasked(literals []string, line string) bool {
	rest, ok := strings.CutPrefix(line, literals[0])
	if !ok || len(literals) == 1 {
		return ok && rest == ""
	}
	for n := 1; n <= len(rest) && !strings.ContainsRune(" \t\r\n", rune(rest[n-1])); n++ {
		if meetsMasked(literals[1:], rest[n:]) {
			return true
		}
	}
	return false
}
