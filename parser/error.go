package parser

import (
	"bytes"
	"fmt"
)

// ErrorKind says what was wrong, so that the owner can choose a close reason.
type ErrorKind uint8

// What ends a connection.
const (
	// UnknownOperation is bytes that are no operation, or no CRLF behind a payload.
	UnknownOperation ErrorKind = iota + 1
	// BadArguments is a known word with arguments that make no sense. Closed silently.
	BadArguments
	// HeadersNotAllowed is HPUB while Parser.Headers is false. Closed silently.
	HeadersNotAllowed
	// ControlLineTooLong is more than MaxControlLine bytes.
	ControlLineTooLong
	// PayloadTooLarge is an announced size over MaxPayload.
	PayloadTooLarge
)

// An Error is why the connection must end.
type Error struct {
	Kind   ErrorKind
	Text   string // to send as -ERR 'Text'; "" means close without a word
	Detail string // for the log; what the peer sent is quoted in it
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

const (
	snippetMax     = 32  // bytes of an unknown operation to show
	argsSnippetMax = 128 // bytes of bad arguments to show: they may be a whole control line
)

func unknownOperation(b []byte, at int) *Error {
	return &Error{UnknownOperation, "Unknown Protocol Operation",
		fmt.Sprintf("parser ERROR, i=%d: proto='%q...'", at, head(b[at:], snippetMax))}
}

// badTerminator points at the first wrong byte behind a payload that ends at end.
func badTerminator(b []byte, end int) *Error {
	if b[end] == '\r' {
		end++
	}
	return unknownOperation(b, end)
}

// badFields says why split did not return a count that the verb allows.
func badFields(count int, what string, args []byte) *Error {
	if count == bareCR {
		return unknownOperation(args, 0)
	}
	return badArguments(what, args)
}

func badArguments(what string, args []byte) *Error {
	return &Error{BadArguments, "", fmt.Sprintf("%s: %q", what, head(args, argsSnippetMax))}
}

func (p *Parser) lineTooLong(args []byte) *Error {
	return &Error{ControlLineTooLong, "maximum control line exceeded",
		fmt.Sprintf("maximum control line exceeded: max_control_line %d (snip: %q...)", p.MaxControlLine, head(args, argsSnippetMax))}
}

func payloadTooLarge(size, limit int) *Error {
	return &Error{PayloadTooLarge, "Maximum Payload Violation",
		fmt.Sprintf("maximum payload exceeded: %d vs %d", size, limit)}
}

// head returns what the log shows of b. It ends in front of a brace: the JSON of a CONNECT, perhaps one that is
// misspelt or too long, holds a password.
func head(b []byte, count int) []byte {
	b = b[:min(len(b), count)]
	if at := bytes.IndexByte(b, '{'); at >= 0 {
		return b[:at]
	}
	return b
}
