package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// What the floor knows of NATS.
// in: bytes of one connection    out: control lines to answer, how many publications there were

// floorFrames is what the floor learns from the first SUB and the first PUB:
// the one publication and the one message of a run.
type floorFrames struct {
	sid   string // every subscriber's
	pub   int    // length of a publication in bytes, 0 before the first
	msg   int    // length of the message made of it
	ready []byte // messages, as many as one read may hold publications, or more
}

var pubWord = []byte("PUB ")

// take handles the head of b: done bytes of control lines and publications. The
// rest is to be given again in front of what follows.
func (f *floorFrames) take(c *floorConn, b []byte) (done, published int, err error) {
	for done < len(b) {
		if n, ok := f.stride(c, b[done:]); ok {
			left := 0
			if c.into < len(pubWord) { // too little to tell PUB from PING
				left, c.into = c.into, 0
			}
			return len(b) - left, published + n, nil
		}
		n, whole, err := f.step(c, b[done:])
		published += whole
		done += n
		if n == 0 || err != nil {
			return done, published, err
		}
	}
	return done, published, nil
}

// stride takes all of b as publications, by the length they have. It looks only at
// where the last of them begins: a control line among them shifts that place
// into a payload. Only control lines that add up to a publication are missed;
// our clients wait for an answer before they ask again, and a count that is
// wrong fails their run.
func (f *floorFrames) stride(c *floorConn, b []byte) (published int, ok bool) {
	if f.pub == 0 {
		return 0, false
	}
	total := c.into + len(b)
	published, rest := total/f.pub, total%f.pub
	last := len(b) - rest
	if rest == 0 {
		last -= f.pub
	}
	if last >= 0 && !bytes.HasPrefix(b[last:], pubWord[:min(len(pubWord), len(b)-last)]) {
		return 0, false
	}
	c.into = rest
	return published, true
}

// step takes the rest of one publication, or one control line, or one
// publication with a look at its length. It returns how many bytes and how
// many whole publications that was.
func (f *floorFrames) step(c *floorConn, b []byte) (n, published int, err error) {
	if c.into > 0 {
		n = min(f.pub-c.into, len(b))
		c.into += n
		if c.into == f.pub {
			c.into, published = 0, 1
		}
		return n, published, nil
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if len(b) > controlLineMax {
			return 0, 0, errors.New("a line has no end")
		}
		return 0, 0, nil
	}
	line := bytes.TrimRight(b[:end], "\r")
	if !bytes.HasPrefix(line, pubWord) {
		return end + 1, 0, f.control(c, line)
	}
	words := bytes.Fields(line)
	size, err := strconv.Atoi(string(words[len(words)-1]))
	if err != nil || size < 0 || size > sizeMax || len(words) < 3 {
		return 0, 0, fmt.Errorf("invalid publication %.40q", line)
	}
	whole := end + 1 + size + len("\r\n")
	switch {
	case f.pub != 0 && whole != f.pub:
		return 0, 0, fmt.Errorf("every publication must be as long as the first, %d bytes, not %d", f.pub, whole)
	case len(b) < whole:
		return 0, 0, nil
	case f.pub == 0:
		f.learn(string(words[1]), b[end+1:whole], whole)
	}
	return whole, 1, nil
}

// learn makes the messages from the first publication.
func (f *floorFrames) learn(subject string, payload []byte, pub int) {
	if f.sid == "" {
		f.sid = "1" // nobody has subscribed yet
	}
	one := fmt.Appendf(nil, "MSG %s %s %d\r\n", subject, f.sid, len(payload)-len("\r\n"))
	one = append(one, payload...)
	f.pub, f.msg = pub, len(one)
	// One read ends a publication that has begun before, and begins one more.
	f.ready = bytes.Repeat(one, floorRead/pub+2)
}

// messages are the bytes of as many messages. One read never holds more
// publications than are ready: see learn.
func (f *floorFrames) messages(count int) []byte { return f.ready[:count*f.msg] }

// owed are the next bytes for a slow subscriber.
func (f *floorFrames) owed(c *floorConn) []byte {
	return f.ready[c.phase:min(c.phase+c.owed, len(f.ready))]
}

// control handles a line that is not a publication.
func (f *floorFrames) control(c *floorConn, line []byte) error {
	words := bytes.Fields(line)
	if len(words) == 0 {
		return nil
	}
	switch string(words[0]) {
	case "CONNECT", "PONG":
		return nil
	case "PING":
		c.words = append(c.words, pongLine...)
		return nil
	case "SUB":
		return f.subscribe(c, words)
	}
	return fmt.Errorf("unknown to the floor: %.40q", line)
}

// subscribe notes a subscription; its subject does not matter.
func (f *floorFrames) subscribe(c *floorConn, words [][]byte) error {
	if len(words) != 3 || c.subscribed {
		return errors.New("one subscription a connection, and no queue groups")
	}
	sid := string(words[2])
	if f.sid == "" {
		f.sid = sid
	}
	if sid != f.sid {
		return errors.New("every subscriber must use the sid of the first")
	}
	c.subscribed = true
	return nil
}
