package broker

import (
	"fmt"

	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
)

// panicValueMax bounds what a log line shows of what was panicked with.
const panicValueMax = 512

// OnBroken has f called when a panic has left unsure what sessions share: after the log line, by
// the loop that panicked, which then waits for ever, while the others write nothing any more. f has the process
// end. Call it before Start; without it the panic goes on and Go ends the process.
func (b *Broker) OnBroken(f func()) { b.onBroken = f }

// Panics is how many sessions were closed because handling them panicked. Any goroutine.
func (b *Broker) Panics() uint64 { return b.group.Panics() }

// panicked reports a session that is closing because handling it panicked. It gets no last
// word: clients that are told an -ERR they do not know give up for ever, and those whose connection
// ends come back.
func (b *Broker) panicked(_ *loop.Loop, p loop.Peer, what loop.Panic) {
	s := p.(*Session)
	if s.reason == proto.StillOpen {
		s.reason = proto.InternalError
	}
	b.log.Limited(errorLevel, "panic", "%s - Panic, this session ends: %s at %s", s, quoted(what.Value), logging.Quote(nil, what.Stack))
}

// broken reports a panic after which nothing can be relied on, and ends the process.
func (b *Broker) broken(l *loop.Loop, what loop.Panic) {
	b.log.Fatalf("Panic on loop %d, what sessions share may be half changed, the process ends: %s at %s",
		l.ID(), quoted(what.Value), logging.Quote(nil, what.Stack))
	if b.onBroken != nil {
		b.onBroken()
		select {}
	}
}

// quoted is what was panicked with, as a log line shows it: it may hold what a peer sent.
func quoted(value any) []byte {
	return logging.QuoteMax(nil, fmt.Append(nil, value), panicValueMax)
}
