package differential

// What a server sends, read strictly: everything that is not exactly what the
// protocol says is an error.

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// framePayloadMax bounds the payload a server may announce.
const framePayloadMax = 1 << 20

// A frame is one operation of a server.
type frame struct {
	verb    string
	line    string // without CRLF
	subject string // MSG and HMSG
	sid     string
	reply   string
	header  int // bytes of payload that are the header block
	payload []byte
}

// readFrame reads one frame. Its error is that of the reader, or says in what
// the bytes are not the protocol.
func readFrame(r *bufio.Reader) (frame, error) {
	text, err := r.ReadString('\n')
	if err == io.EOF && text != "" {
		return frame{}, fmt.Errorf("the stream ends within %q", text)
	}
	if err != nil {
		return frame{}, err
	}
	line, ok := strings.CutSuffix(text, "\r\n")
	if !ok || strings.ContainsRune(line, '\r') {
		return frame{}, fmt.Errorf("a CR or an LF by itself in %q", text)
	}
	f := frame{line: line}
	f.verb, _, _ = strings.Cut(line, " ")
	switch f.verb {
	case "PING", "PONG", "+OK":
		if line != f.verb {
			return f, fmt.Errorf("more than the word in %q", line)
		}
	case "INFO":
		var fields map[string]any
		if err := json.Unmarshal([]byte(line[len("INFO"):]), &fields); err != nil {
			return f, fmt.Errorf("INFO: %w", err)
		}
	case "-ERR":
		return f, checkErr(line)
	case "MSG", "HMSG":
		return f, f.readMessage(r)
	default:
		return f, fmt.Errorf("no operation of a server: %q", line)
	}
	return f, nil
}

// nonce is the nonce of an INFO, "" if it has none.
func (f *frame) nonce() string {
	var info server.Info
	_ = json.Unmarshal([]byte(f.line[len("INFO"):]), &info) // readFrame has seen that it is JSON
	return info.Nonce
}

func checkErr(line string) error {
	inner, ok := strings.CutPrefix(line, "-ERR '")
	inner, ended := strings.CutSuffix(inner, "'")
	if !ok || !ended || strings.ContainsFunc(inner, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("no proper -ERR: %q", line)
	}
	return nil
}

// readMessage reads the fields of the line and the payload.
func (f *frame) readMessage(r *bufio.Reader) error {
	fields := strings.Split(f.line, " ")[1:]
	sizes := 1
	if f.verb == "HMSG" {
		sizes = 2
	}
	if n := len(fields) - sizes; n != 2 && n != 3 {
		return fmt.Errorf("%d fields in %q", len(fields), f.line)
	}
	for _, field := range fields {
		if field == "" || strings.ContainsAny(field, "\t\n") {
			return fmt.Errorf("an empty field, or a blank in one, in %q", f.line)
		}
	}
	f.subject, f.sid = fields[0], fields[1]
	if len(fields) == sizes+3 {
		f.reply = fields[2]
	}
	size, err := number(fields[len(fields)-1])
	if err == nil && sizes == 2 {
		f.header, err = number(fields[len(fields)-2])
	}
	if err != nil || f.header > size || sizes == 2 && f.header == 0 {
		return fmt.Errorf("sizes of %q: %v", f.line, err)
	}
	body := make([]byte, size+2)
	if _, err := io.ReadFull(r, body); err != nil {
		return fmt.Errorf("the stream ends in the payload of %q: %w", f.line, err)
	}
	if string(body[size:]) != "\r\n" {
		return fmt.Errorf("no CRLF behind the payload of %q", f.line)
	}
	f.payload = body[:size]
	return nil
}

// number reads a size as servers write it.
func number(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err == nil && (strconv.Itoa(n) != s || n < 0 || n > framePayloadMax) {
		err = fmt.Errorf("%q is no size", s)
	}
	return n, err
}

// body is the payload without its header block.
func (f *frame) body() []byte { return f.payload[f.header:] }

// noResponders says whether the frame is the server's own answer to a request that
// nobody can answer.
func (f *frame) noResponders() bool {
	return f.verb == "HMSG" && f.header == len(f.payload) && strings.HasPrefix(string(f.payload), "NATS/1.0 503\r\n")
}
