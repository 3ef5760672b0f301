package transcript

// What a server sends, cut into frames. Written apart from the broker's own
// parser on purpose: a mistake must not be able to agree with itself.

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// framePayloadMax bounds the payload a server may announce to us.
const framePayloadMax = 64 << 20

// closedLine stands for the proper end of a stream.
const closedLine = "closed"

// A frame is one protocol operation as a server sent it, or the end of its
// stream.
type frame struct {
	line    string // without CRLF
	payload []byte // only with a payload
	carries bool   // has a payload, perhaps an empty one
	ended   bool   // the stream ended here; line says how, for people
}

// readFrame reads the next frame. Its error is not nil when the stream ends
// or is not the protocol.
func readFrame(r *bufio.Reader) (frame, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		if line != "" && err == io.EOF {
			return frame{}, fmt.Errorf("the stream ends in the middle of a line: %q", line)
		}
		return frame{}, err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return frame{}, fmt.Errorf("a line that does not end in CRLF: %q", line)
	}
	f := frame{line: text}
	verb, _, _ := strings.Cut(text, " ")
	if verb != "MSG" && verb != "HMSG" {
		return f, nil
	}
	size, err := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
	if err != nil || size < 0 || size > framePayloadMax {
		return frame{}, fmt.Errorf("no payload size at the end of %q", text)
	}
	body := make([]byte, size+2)
	if _, err := io.ReadFull(r, body); err != nil {
		return frame{}, fmt.Errorf("the stream ends in the payload of %q: %w", text, err)
	}
	if string(body[size:]) != "\r\n" {
		return frame{}, fmt.Errorf("the payload of %q does not end in CRLF but in %q", text, body[size:])
	}
	f.payload, f.carries = body[:size], true
	return f, nil
}

// String is the frame as a line of a transcript.
func (f frame) String() string {
	line := escape([]byte(f.line))
	switch {
	case f.ended:
		return f.line
	case !f.carries:
		return line
	case len(f.payload) == 0:
		return line + " |"
	}
	return line + " | " + escape(f.payload)
}
