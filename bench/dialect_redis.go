package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// redisDialect is RESP2 with Redis's pub/sub: PUBLISH is answered with a number for
// each message, which we skip, and a subscriber's PING with an array.
type redisDialect struct{}

func (redisDialect) waits() bool      { return false }
func (redisDialect) greetings() int   { return greetingsMax }
func (redisDialect) serves() []string { return streamScenarios }

// connect logs in if there is somebody to be.
func (redisDialect) connect(login Login) []byte {
	password := login.Password
	if password == "" {
		password = login.Token
	}
	switch {
	case password == "":
		return nil
	case login.User == "":
		return respCommand("AUTH", password)
	}
	return respCommand("AUTH", login.User, password)
}

func (redisDialect) subscribe(subject string) []byte { return respCommand("SUBSCRIBE", subject) }

func (redisDialect) question() string { return "*1\r\n$4\r\nPING\r\n" }

func (redisDialect) appendPublish(dst []byte, subject, _ string, payload []byte) []byte {
	dst = append(dst, "*3\r\n$7\r\nPUBLISH\r\n$"...)
	dst = strconv.AppendInt(dst, int64(len(subject)), 10)
	dst = append(dst, "\r\n"...)
	dst = append(dst, subject...)
	dst = append(dst, "\r\n$"...)
	dst = strconv.AppendInt(dst, int64(len(payload)), 10)
	dst = append(dst, "\r\n"...)
	dst = append(dst, payload...)
	return append(dst, "\r\n"...)
}

// respCommand is one command.
func respCommand(words ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

var errRESP = errors.New("not what Redis sends")

func (redisDialect) feed(r *Reader, b []byte, h Handler) (n, need int, err error) {
	n = r.resume(b)
	for n < len(b) {
		var used int
		var done bool
		switch b[n] {
		case '*':
			used, need, done, err = respArray(r, b[n:], h)
		case '+', ':', '-':
			used, done, err = respLine(b[n:], h)
		default:
			err = errRESP
		}
		n += used
		if err != nil {
			return n, 0, fmt.Errorf("%w: %.60q", err, b[n:])
		}
		if !done {
			return n, need, nil
		}
	}
	return n, 0, nil
}

// respLine handles one line that is an answer by itself.
func respLine(b []byte, h Handler) (n int, done bool, err error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return 0, false, tooLong(b)
	}
	switch line := bytes.TrimRight(b[:end], "\r"); {
	case string(line) == "+PONG":
		h.Pong()
	case line[0] == '-':
		h.Err(line[1:])
	}
	return end + 1, true, nil
}

// tooLong is an error when what has no end cannot have one any more.
func tooLong(b []byte) error {
	if len(b) > controlLineMax {
		return errRESP
	}
	return nil
}

// respArray handles a message, or what Redis pushes to a subscriber beside them:
// SUBSCRIBE's confirmation and the answer to PING.
func respArray(r *Reader, b []byte, h Handler) (n, need int, done bool, err error) {
	count, at, ok := respNumber(b, 0, '*')
	if !ok {
		return 0, 0, false, respEnd(at, b)
	}
	kind, at, ok := respBulk(b, at)
	if !ok {
		return 0, 0, false, respEnd(at, b)
	}
	second, at, ok := respBulk(b, at)
	if !ok {
		return 0, 0, false, respEnd(at, b)
	}
	switch {
	case count == 3 && string(kind) == "message":
		size, head, ok := respNumber(b, at, '$')
		if !ok {
			return 0, 0, false, respEnd(head, b)
		}
		if size < 0 {
			return 0, 0, false, errRESP
		}
		n, need, done = r.message(b, head, size, len("\r\n"))
		return n, need, done, nil
	case count == 3 && string(kind) == "subscribe":
		_, end, ok := respNumber(b, at, ':')
		if !ok {
			return 0, 0, false, respEnd(end, b)
		}
		return end, 0, true, nil
	case count == 2 && string(kind) == "pong" && len(second) == 0:
		h.Pong()
		return at, 0, true, nil
	}
	return 0, 0, false, errRESP
}

// respEnd is an error if what is missing at the position is not just to come.
func respEnd(at int, b []byte) error {
	if at < 0 {
		return errRESP
	}
	return tooLong(b)
}

// respNumber reads "$12\r\n" at the position, and returns the one behind it. Without ok it is
// -1 for what is no such line, and 0 for one that has not wholly arrived.
func respNumber(b []byte, at int, sign byte) (value, next int, ok bool) {
	if at < len(b) && b[at] != sign {
		return 0, -1, false
	}
	for i := at + 1; i < len(b); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9' && value <= sizeMax:
			value = value*10 + int(c-'0')
		case c == '\r' && i > at+1:
			if i+1 == len(b) {
				return 0, 0, false
			}
			if b[i+1] != '\n' {
				return 0, -1, false
			}
			return value, i + 2, true
		default:
			return 0, -1, false
		}
	}
	return 0, 0, false
}

// respBulk reads a short string at the position, as respNumber does.
func respBulk(b []byte, at int) (text []byte, next int, ok bool) {
	size, from, ok := respNumber(b, at, '$')
	if !ok {
		return nil, from, false
	}
	next = from + size + len("\r\n")
	if next > len(b) {
		return nil, 0, false
	}
	return b[from : from+size], next, true
}

// greet asks for the server's version.
func (d redisDialect) greet(t Target) (Broker, error) {
	broker := Broker{Name: "redis"}
	c, err := net.DialTimeout("tcp", t.Addr.String(), answerTime)
	if err != nil {
		return broker, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(answerTime)) // cannot fail on a socket that is open
	if _, err := c.Write(append(d.connect(t.Login), respCommand("INFO", "server")...)); err != nil {
		return broker, err
	}
	text := ""
	for b := make([]byte, 4096); !strings.Contains(text, "redis_version:") || !strings.HasSuffix(text, "\r\n"); {
		n, err := c.Read(b)
		text += string(b[:n])
		if strings.HasPrefix(text, "-") {
			return broker, fmt.Errorf("broker said %.80q", text)
		}
		if err == io.EOF || len(text) > controlLineMax {
			return broker, fmt.Errorf("%w: %.60q", errRESP, text)
		}
		if err != nil {
			return broker, err
		}
	}
	_, rest, _ := strings.Cut(text, "redis_version:")
	broker.Version, _, _ = strings.Cut(rest, "\r\n")
	return broker, nil
}
