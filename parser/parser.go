package parser

import "bytes"

// Verb says which operation an Op is. The zero value is none.
type Verb uint8

// What a client may say.
const (
	Connect Verb = iota + 1
	Info
	Ping
	Pong
	OK
	Err // from a client it ends the connection without a word, as a parse error
	Pub
	HPub
	Sub
	Unsub

	verbCount
)

var verbNames = [verbCount]string{Connect: "CONNECT", Info: "INFO", Ping: "PING", Pong: "PONG", OK: "+OK",
	Err: "-ERR", Pub: "PUB", HPub: "HPUB", Sub: "SUB", Unsub: "UNSUB"}

// String returns the word of the protocol, "" for what is no verb.
func (v Verb) String() string {
	if v >= verbCount {
		return ""
	}
	return verbNames[v]
}

// An Op is one operation. Its slices are views of the bytes given to Next, valid
// until the next call; fields its verb does not have are nil or 0.
type Op struct {
	Verb    Verb
	Subject []byte // PUB, HPUB, SUB
	Reply   []byte // PUB, HPUB; nil when absent
	Queue   []byte // SUB; nil when absent
	SID     []byte // SUB, UNSUB: any bytes without blanks
	Arg     []byte // the JSON of CONNECT and INFO, the text of -ERR; none is checked
	Payload []byte // PUB, HPUB: header block followed by body, without the closing CRLF
	Header  int    // HPUB: leading bytes of Payload that are the header block; <= len(Payload)
	Max     int    // UNSUB: 0 when absent or not a positive number
}

// A Parser finds where one connection's operations begin and end. It is a plain
// value: zero its cursors by making a new one. After an error it must not be used.
type Parser struct {
	// Limits. The owner may change them between two calls of Next.
	MaxControlLine int32 // bytes of arguments in a control line, not negative; see the package comment
	MaxPayload     int32 // bytes of header and body together; negative means no limit

	// Cursors into the operation under way, all 0 before its first byte. The
	// package comment draws them.
	seen uint32
	args uint32
	line uint32
	word uint8 // index into words, once known
	// Headers tells whether HPUB is allowed. A limit like those above; it stands here
	// because a Parser is kept for every idle connection and has 32 bytes.
	Headers bool
	need    int
}

// Next parses the first operation of b. When n > 0, b[:n] was one whole operation
// and op describes it. When n is 0 without an error, b holds less than one: call
// again with the same bytes and more behind them, at the same or another
// address. An error is an *Error, comes as soon as it can be known, and ends the connection.
func (p *Parser) Next(b []byte, op *Op) (n int, err error) {
	if p.line == 0 {
		if e := p.findLine(b); e != nil {
			return 0, e
		}
		if p.line == 0 {
			return 0, nil
		}
	} else if len(b) < p.need {
		return 0, p.checkCR(b)
	}

	args := b[p.args : p.line-1]
	if last := len(args) - 1; last >= 0 && args[last] == '\r' {
		args = args[:last]
	}
	// A switch and not functions in the table of words: op would escape through them.
	size, e := noPayload, (*Error)(nil)
	*op = Op{} // and then field by field: a literal would be built beside op and copied
	op.Verb = words[p.word].verb
	switch op.Verb {
	case Pub:
		size, e = p.publish(args, op)
	case HPub:
		size, e = p.publishHeaders(args, op)
	case Sub:
		e = subscribe(args, op)
	case Unsub:
		e = unsubscribe(args, op)
	case Connect, Info, Err:
		op.Arg = args
	}
	if e != nil {
		return 0, e
	}
	if size == noPayload {
		return p.finish(int(p.line)), nil
	}
	return p.payload(b, size, op)
}

// Need returns, after Next returned 0, how many bytes the whole operation has, if
// its control line has been seen, and 0 otherwise.
func (p *Parser) Need() int { return p.need }

// noPayload is the size of a payload that does not even have a closing CRLF.
const noPayload = -1

// findLine moves the cursors to the end of the control line at the start of b.
// p.line stays 0 when the line is not whole yet.
func (p *Parser) findLine(b []byte) *Error {
	if p.args == 0 {
		if e := p.findArgs(b); e != nil || p.args == 0 {
			return e
		}
	}
	// Look no further than the longest arguments, a CR and an LF.
	args, seen, end, limit := int(p.args), int(p.seen), len(b), int(p.MaxControlLine)
	if end-args-len("\r\n") > limit {
		end = args + limit + len("\r\n")
	}
	if end < seen { // the limit was lowered meanwhile
		return p.lineTooLong(b[args:seen])
	}
	at := bytes.IndexByte(b[seen:end], '\n')
	if at >= 0 {
		end = seen + at
	}
	argsEnd := end
	if argsEnd > args && b[argsEnd-1] == '\r' { // the line's; without an LF yet it may become so
		argsEnd--
	}
	if argsEnd-args > limit {
		return p.lineTooLong(b[args:argsEnd])
	}
	p.seen = uint32(end)
	if at >= 0 {
		p.line = uint32(end + 1)
	}
	return nil
}

// findArgs recognizes the word and moves p.args behind it and the blanks that
// follow. p.args stays 0 when b ends before that.
func (p *Parser) findArgs(b []byte) *Error {
	if p.word == 0 {
		word, e := lookUp(b)
		if e != nil || word == 0 {
			return e
		}
		p.word, p.seen = word, uint32(len(words[word].text))
	}
	w := &words[p.word]
	at, behind := int(p.seen), len(w.text)
	if w.behind != anything {
		for at < len(b) && (b[at] == ' ' || b[at] == '\t') {
			at++
		}
		if at-behind > int(p.MaxControlLine) {
			return p.lineTooLong(b[behind:at])
		}
		p.seen = uint32(at)
		if at == len(b) {
			return nil
		}
		if w.behind == blank && at == behind {
			return unknownOperation(b, at)
		}
	}
	p.args = uint32(at)
	return nil
}

// payload completes op with the size bytes behind the control line.
func (p *Parser) payload(b []byte, size int, op *Op) (int, error) {
	line := int(p.line)
	end := line + size
	if len(b) < end+len("\r\n") {
		p.need = end + len("\r\n")
		return 0, p.checkCR(b)
	}
	if b[end] != '\r' || b[end+1] != '\n' {
		return 0, badTerminator(b, end)
	}
	op.Payload = b[line:end:end]
	return p.finish(end + len("\r\n")), nil
}

// checkCR looks at the first byte behind a payload when it is the last of b.
func (p *Parser) checkCR(b []byte) error {
	if end := p.need - len("\r\n"); len(b) > end && b[end] != '\r' {
		return unknownOperation(b, end)
	}
	return nil
}

// finish makes the parser ready for the operation behind this one of n bytes.
func (p *Parser) finish(n int) int {
	p.seen, p.args, p.line, p.word, p.need = 0, 0, 0, 0, 0
	return n
}
