package broker

import (
	"bytes"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gnatsd-ev/loop"
)

// The peers of sockets in memory. Most are clients that all do the same and keep nothing:
// greeted, they say CONNECT, SUB to a subject of all and to one of their own, and PING; they
// answer PINGs, count messages, and some day leave. A few are actors.

// says is what a peer has sent.
type says uint8

const (
	sentHello says = 1 << iota
	sentPong
	sentEnd
)

// steps is how far a connection has come.
type steps uint8

const (
	greeted steps = 1 << iota
	answered
	pinged
	closed
	acting // an actor's
)

// script is what all clients say and what they expect. It is fixed before they connect.
type script struct {
	common  string // subject of all
	own     string // with its number behind it, a client's own; "" for none
	payload string
	frame   []byte // a message to all
}

func newScript(common, own, payload string) script {
	return script{common, own, payload, []byte(msg(common, payload))}
}

// say writes what client i has sent.
func (s *script) say(b []byte, what says, i int) (int, error) {
	b = b[:0]
	if what&sentHello != 0 {
		b = append(b, `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1,"lang":"go","version":"1.55.0","name":"device"}`...)
		b = append(b, "\r\nSUB "...)
		b = append(b, s.common...)
		b = append(b, " 1\r\n"...)
		if s.own != "" {
			b = append(b, "SUB "...)
			b = append(b, s.own...)
			b = strconv.AppendInt(b, int64(i), 10)
			b = append(b, " 2\r\n"...)
		}
		b = append(b, "PING\r\n"...)
	}
	if what&sentPong != 0 {
		b = append(b, "PONG\r\n"...)
	}
	if len(b) == 0 && what&sentEnd == 0 {
		return 0, syscall.EAGAIN
	}
	return len(b), nil
}

// ownMessage is a message to client i's own subject.
func (s *script) ownMessage(i int) []byte {
	return []byte("MSG " + s.own + strconv.Itoa(i) + " 2 " + strconv.Itoa(len(s.payload)) + "\r\n" + s.payload + "\r\n")
}

// hear is what a socket was written: whole frames, since sockets in memory take all.
func (k *memKernel) hear(s *memSocket, p *memPoller, fd int, b []byte) {
	i := fd - memFirst
	for len(b) > 0 {
		switch {
		case bytes.HasPrefix(b, k.script.frame):
			n := len(k.script.frame)
			s.got++
			p.delivered.Add(1)
			b = b[n:]
			continue
		case bytes.HasPrefix(b, []byte("MSG ")) && bytes.HasPrefix(b, k.script.ownMessage(i)):
			p.own.Add(1)
			b = b[len(k.script.ownMessage(i)):]
			continue
		}
		end := bytes.IndexByte(b, '\n') + 1
		line := b[:max(end, 0)]
		switch {
		case bytes.HasPrefix(line, []byte("INFO ")):
			if s.done&greeted == 0 {
				s.done |= greeted
				k.sent(s, p, i, sentHello)
			}
		case string(line) == "PING\r\n":
			if s.done&pinged == 0 {
				s.done |= pinged
				p.pinged.Add(1)
			}
			k.sent(s, p, i, sentPong)
		case string(line) == "PONG\r\n":
			if s.done&answered == 0 {
				s.done |= answered
				p.answers.Add(1)
			}
			if s.done&acting != 0 {
				k.actors[i].ponged()
			}
		default:
			k.wrong("socket %d was written %.60q", i, b)
			return
		}
		b = b[end:]
	}
}

// sent lets a peer send something. Its loop.
func (k *memKernel) sent(s *memSocket, p *memPoller, i int, what says) {
	if s.done&acting != 0 {
		k.actors[i].sent(what)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.says |= what
	p.happenLocked(s, i, loop.Readable)
}

// leave ends all clients at once. Any goroutine, once all are there.
func (k *memKernel) leave() {
	for _, p := range k.pollers {
		p.mu.Lock()
		for i := len(k.actors); i < k.count; i++ {
			if s := k.at(i); int(s.home) == p.number+1 {
				s.says |= sentEnd
				p.happenLocked(s, i, loop.Readable|loop.Hangup)
			}
		}
		p.mu.Unlock()
	}
}

// An actor is a peer that a test lets say what it likes: a publisher, or one that asks PING again
// and again. It subscribes to nothing.
type actor struct {
	kernel *memKernel
	fd     int

	mu     sync.Mutex // leaf; guards the next five
	in     []byte
	stream []byte // said again and again while it is not empty
	at     int    // in stream
	total  int64  // bytes said of it
	asked  int64  // when the last PING was sent, 0 when none is out

	asks    atomic.Bool  // each PONG is followed by another PING
	longest atomic.Int64 // from a PING to its PONG, in nanoseconds
}

// say sends bytes. Any goroutine.
func (a *actor) say(text string) {
	a.mu.Lock()
	a.in = append(a.in, text...)
	a.mu.Unlock()
	a.announce()
}

// announce says that there is something to read. Any goroutine, once it is connected.
func (a *actor) announce() {
	i := a.fd - memFirst
	s := a.kernel.at(i)
	p := a.kernel.pollers[s.home-1]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.happenLocked(s, i, loop.Readable)
}

func (a *actor) sent(what says) {
	switch what {
	case sentHello:
		a.say("CONNECT {\"verbose\":false}\r\nPING\r\n")
	case sentPong:
		a.say("PONG\r\n")
	}
}

// ask starts asking PING without end.
func (a *actor) ask() {
	a.asks.Store(true)
	a.ping()
}

func (a *actor) ping() {
	a.mu.Lock()
	a.asked = a.kernel.Now()
	a.mu.Unlock()
	a.say("PING\r\n")
}

// answered reports whether no PING is out.
func (a *actor) answered() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked == 0
}

func (a *actor) ponged() {
	a.mu.Lock()
	asked := a.asked
	a.asked = 0
	a.mu.Unlock()
	if asked > 0 {
		a.longest.Store(max(a.longest.Load(), a.kernel.Now()-asked))
	}
	if a.asks.Load() {
		a.ping()
	}
}

// takeLongest returns the longest answer since it was last asked for. Any goroutine.
func (a *actor) takeLongest() time.Duration { return time.Duration(a.longest.Swap(0)) }

func (a *actor) read(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := copy(b, a.in)
	a.in = a.in[:copy(a.in, a.in[n:])]
	for n < len(b) && len(a.stream) > 0 {
		m := copy(b[n:], a.stream[a.at:])
		n += m
		a.at = (a.at + m) % len(a.stream)
		a.total += int64(m)
	}
	if n == 0 {
		return 0, syscall.EAGAIN
	}
	return n, nil
}

// repeat says text again and again.
func (a *actor) repeat(text string) {
	a.mu.Lock()
	a.stream, a.at, a.total = []byte(text), 0, 0
	a.mu.Unlock()
	a.announce()
}

// finish ends what is repeated with its end, and returns how often it was said in all.
func (a *actor) finish() int64 {
	a.mu.Lock()
	if a.at > 0 {
		a.in = append(a.in, a.stream[a.at:]...)
		a.total += int64(len(a.stream) - a.at)
	}
	times := a.total / int64(len(a.stream))
	a.stream = nil
	a.mu.Unlock()
	a.announce()
	return times
}
