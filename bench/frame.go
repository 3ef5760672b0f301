package bench

import (
	"bytes"
	"fmt"
)

// A Handler is told of the frames a Reader meets that are not messages. The
// lines are views of the fed bytes, without CRLF, and end with the call.
type Handler interface {
	Info(line []byte) // the JSON behind INFO
	Ping()
	Pong()
	Err(line []byte) // the text behind -ERR
}

// controlLineMax bounds a line that has no end yet; INFO with many
// connect_urls is the longest a broker sends.
const controlLineMax = 64 << 10

// A Reader counts the frames a broker sends. It copies and allocates nothing:
// a payload is skipped by its size, whether it has arrived or not.
//
// The zero value is ready. One goroutine at a time.
type Reader struct {
	Messages uint64 // whole messages seen so far, with and without headers
	Bytes    uint64 // bytes of their payloads and headers

	// Message is called with each payload (headers included) if it is set.
	// Frames must then be fed whole: see Feed.
	Message func(payload []byte)

	skip int // bytes of the present message that have not arrived
}

// Feed handles the frames at the head of b and returns how many bytes they
// were; the rest is to be fed again, in front of what follows. Only a control
// line without an end is left, or, when Message is set, a message without one;
// need is then the message's length in bytes if known, else 0. An error says that
// the stream is not what a broker sends; nothing can be read behind it.
func (r *Reader) Feed(b []byte, h Handler) (n, need int, err error) {
	n = r.resume(b)
	for n < len(b) {
		end := bytes.IndexByte(b[n:], '\n')
		if end < 0 {
			if len(b)-n > controlLineMax {
				return n, 0, fmt.Errorf("no end of line in %d bytes after %q", len(b)-n, b[n:n+40])
			}
			return n, 0, nil
		}
		line := b[n : n+end+1]
		if c := line[0]; c != 'M' && c != 'H' {
			if err := control(line, h); err != nil {
				return n, 0, err
			}
			n += len(line)
			continue
		}
		size := trailingSize(line)
		if size < 0 {
			return n, 0, fmt.Errorf("bad message line %q", line)
		}
		whole := len(line) + size + len("\r\n")
		if have := len(b) - n; have < whole {
			if r.Message != nil {
				return n, whole, nil
			}
			r.skip = whole - have
			r.Bytes += uint64(size)
			return len(b), 0, nil
		}
		if b[n+whole-2] != '\r' || b[n+whole-1] != '\n' {
			return n, 0, fmt.Errorf("payload of %q does not end with CRLF", line)
		}
		if r.Message != nil {
			r.Message(b[n+len(line) : n+whole-2])
		}
		r.Messages++
		r.Bytes += uint64(size)
		n += whole
	}
	return n, 0, nil
}

// trailingSize is the last number of "MSG subject sid [reply] size\r\n", or -1.
// Read from the end, it needs no look at the words before it.
func trailingSize(line []byte) int {
	i := len(line) - 2
	if i < 0 || line[i] != '\r' {
		return -1
	}
	size, scale := 0, 1
	for i--; i >= 0 && scale <= 1e9; i-- {
		c := line[i]
		if c == ' ' && scale > 1 {
			return size
		}
		if c < '0' || c > '9' {
			return -1
		}
		size += int(c-'0') * scale
		scale *= 10
	}
	return -1
}

// control handles one line that is not a message.
func control(line []byte, h Handler) error {
	text := bytes.TrimRight(line, " \r\n")
	switch {
	case bytes.HasPrefix(text, []byte("PONG")):
		h.Pong()
	case bytes.HasPrefix(text, []byte("PING")):
		h.Ping()
	case bytes.HasPrefix(text, []byte("INFO ")):
		h.Info(text[len("INFO "):])
	case bytes.HasPrefix(text, []byte("-ERR")):
		h.Err(bytes.TrimSpace(text[len("-ERR"):]))
	case bytes.HasPrefix(text, []byte("+OK")):
	default:
		return fmt.Errorf("unknown frame %q", text[:min(len(text), 80)])
	}
	return nil
}
