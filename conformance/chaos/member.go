package chaos

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"time"
)

// A member is one subscriber of a swarm, whose lock guards it.
type member struct {
	swarm  *Swarm
	fd     int
	ledger *Ledger
	books  []book
	queue  bool

	paused bool
	over   bool   // its connection is closed
	owes   bool   // the broker owes it a PONG
	part   []byte // of a frame that is not whole
	got    uint64
}

// ask sends text and a PING.
func (m *member) ask(text string) {
	if !m.owes {
		m.owes = true
		m.swarm.waiting++
	}
	m.send(text + "PING\r\n")
}

// send writes a few bytes; a broker that has not read the ones before is an error.
func (m *member) send(text string) {
	if n, err := syscall.Write(m.fd, []byte(text)); err != nil || n < len(text) {
		m.end(errors.Join(errors.New("the broker does not read"), err))
	}
}

// receive reads what there is, up to a buffer.
func (m *member) receive(buf []byte) {
	if len(m.part) > len(buf)/2 { // a large message
		buf = make([]byte, 2*len(m.part)+len(buf))
	}
	kept := copy(buf, m.part)
	n, err := syscall.Read(m.fd, buf[kept:])
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return
	case err != nil:
		m.end(err)
		return
	case n == 0:
		m.end(io.EOF)
		return
	}
	have := buf[:kept+n]
	now := time.Since(began)
	for !m.over {
		used := m.frame(have, now)
		if used == 0 {
			break
		}
		have = have[used:]
	}
	m.part = append(m.part[:0], have...)
	if len(have) == 0 {
		m.part = nil // ten thousand of them add up
	}
}

// frame handles the frame b begins with and returns its length; 0 if it is not whole.
func (m *member) frame(b []byte, now time.Duration) int {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return 0
	}
	line := b[:end+1]
	switch {
	case bytes.HasPrefix(line, []byte("MSG ")):
		return m.message(b, line, now)
	case bytes.HasPrefix(line, []byte("PING")):
		m.send("PONG\r\n")
	case bytes.HasPrefix(line, []byte("PONG")):
		if m.owes {
			m.owes = false
			m.swarm.waiting--
		}
	case bytes.HasPrefix(line, []byte("-ERR")):
		m.swarm.tally.Errors++
		m.swarm.tally.LastError = string(bytes.TrimSpace(line))
	case bytes.HasPrefix(line, []byte("INFO ")):
	default:
		m.swarm.tally.Altered++
		m.swarm.tally.LastError = "no frame of a broker: " + string(line[:min(len(line), 60)])
		m.end(errors.New("not the protocol"))
	}
	return len(line)
}

// message handles a MSG, whose payload may not be whole.
func (m *member) message(b, line []byte, now time.Duration) int {
	words := bytes.Fields(line)
	size, digits := 0, words[len(words)-1]
	for _, c := range digits {
		size = size*10 + int(c-'0')
	}
	whole := len(line) + size + 2
	if len(b) < whole {
		return 0
	}
	t := &m.swarm.tally
	t.Delivered++
	m.got++
	payload := b[len(line) : whole-2]
	s, ok := readStamp(payload)
	book := m.book(s.publisher)
	switch {
	case !ok || b[whole-2] != '\r' || b[whole-1] != '\n':
		t.Altered++
	case book == nil:
		t.Foreign++
	case m.queue:
		m.share(book, s.number)
	default:
		book.enter(s.number, t)
	}
	if ok && s.at > 0 {
		_ = m.swarm.times.RecordValue(max(1, int64(now-s.at))) // out of range only behind what is a failure
	}
	return whole
}

// share notes a message that one of a group gets: each member's numbers rise.
func (m *member) share(b *book, number uint64) {
	b.got++
	if b.open || number >= b.next {
		b.open = false
		b.next = number + 1
	} else {
		m.swarm.tally.Late++
	}
	if m.ledger != nil {
		m.ledger.enter(number)
	}
}

func (m *member) book(publisher uint16) *book {
	for i := range m.books {
		if m.books[i].publisher == publisher {
			return &m.books[i]
		}
	}
	return nil
}

// end notes that the broker has ended the connection.
func (m *member) end(err error) {
	if m.over {
		return
	}
	m.swarm.tally.Ended++
	if m.swarm.tally.LastError == "" {
		m.swarm.tally.LastError = err.Error()
	}
	m.close()
}

func (m *member) close() {
	if m.over {
		return
	}
	m.over = true
	if m.owes {
		m.owes = false
		m.swarm.waiting--
	}
	delete(m.swarm.byFD, int32(m.fd))
	syscall.Close(m.fd)
	m.part = nil
}
