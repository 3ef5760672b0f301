package bench

import (
	"fmt"
	"slices"
	"strings"
)

// A dialect is what a scenario needs to know of a broker's protocol. Its values have no
// state: what a stream is in the middle of is its Reader's.
type dialect interface {
	// waits reports whether a connection says nothing before the broker has greeted.
	waits() bool
	// connect is what a connection says first.
	connect(login Login) []byte
	// subscribe is what subscribes to a subject.
	subscribe(subject string) []byte
	// question is what a broker answers when it has handled all before it; the
	// Handler's Pong is called then.
	question() string
	// appendPublish appends one publication to dst and returns it.
	appendPublish(dst []byte, subject, reply string, payload []byte) []byte
	// feed is Reader.Feed for the dialect's frames.
	feed(r *Reader, b []byte, h Handler) (n, need int, err error)
	// greet asks the broker who it is.
	greet(t Target) (Broker, error)
	// greetings is how many connections may be between connect and answer at a
	// time: fewer than the listen backlog of the protocol's brokers, so that no SYN is
	// dropped and repeated a second later.
	greetings() int
	// serves lists the scenarios the dialect has words for; none is all.
	serves() []string
}

// dialects by the name of their protocol.
var dialects = map[string]dialect{"": natsDialect{}, "nats": natsDialect{}, "redis": redisDialect{}, "mqtt": mqttDialect{}}

// Protocols are the names of the dialects.
var Protocols = []string{"nats", "redis", "mqtt"}

// streamScenarios are those that only publish, subscribe and ask.
var streamScenarios = []string{"conn", "fanout", "broadcast", "spread", "fanin", "pairs"}

// CheckProtocol reports a protocol that is unknown or has no words for a scenario;
// scenario may be empty.
func CheckProtocol(protocol, scenario string) error {
	d, ok := dialects[protocol]
	if !ok {
		return fmt.Errorf("protocol %q is none of %s", protocol, strings.Join(Protocols, ", "))
	}
	if scenario != "" && len(d.serves()) > 0 && !slices.Contains(d.serves(), scenario) {
		return fmt.Errorf("%s is not spoken in %s, only in %s", protocol, scenario, strings.Join(d.serves(), ", "))
	}
	return nil
}

// dialect is the one of the run's broker.
func (r *run) dialect() dialect { return dialects[r.target.Protocol] }

// resume skips what is left of a message whose end had not arrived, and returns
// how many bytes of b that took.
func (r *Reader) resume(b []byte) int {
	if r.skip == 0 {
		return 0
	}
	n := min(r.skip, len(b))
	r.skip -= n
	if r.skip == 0 {
		r.Messages++
	}
	return n
}

// message counts one message at the head of b: head bytes, size bytes of payload, tail
// bytes. What it returns is for Feed to return, unless done says that the
// message was whole and n bytes long.
func (r *Reader) message(b []byte, head, size, tail int) (n, need int, done bool) {
	whole := head + size + tail
	if len(b) < whole {
		if r.Message != nil {
			return 0, whole, false
		}
		r.skip = whole - len(b)
		r.Bytes += uint64(size)
		return len(b), 0, false
	}
	if r.Message != nil {
		r.Message(b[head : head+size])
	}
	r.Messages++
	r.Bytes += uint64(size)
	return whole, 0, true
}
