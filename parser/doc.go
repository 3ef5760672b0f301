// Package parser splits the bytes a NATS client sends into operations. It knows
// words and bytes: no sockets, no meaning, no state but where it stands.
//
// A Parser lends views. Whoever reads the socket keeps the bytes of an unfinished
// operation and calls Next again with those bytes and more behind them; nothing
// is copied, allocated or searched twice.
//
//	b[:args]      the word and the blanks behind it     known once an argument begins
//	b[args:seen]  searched for the end of the line, in vain
//	b[:line]      the control line with its LF          known once it was found
//	b[:need]      the whole operation                   known with the line
//
// Invariant: while Next says "feed me more", 0 <= args <= seen <= len(b), and
// line <= need once they are known.
//
// # The grammar
//
// What nats-server 2.15.2 accepts from a client is accepted: words in any case, runs
// of SP and TAB between, before and behind arguments, LF alone as the end of a
// line, CONNECT and INFO without a blank behind the word, anything behind PING,
// PONG and +OK. Sizes are one to nine digits. A payload is followed by exactly
// CRLF. An empty line is an error. So is every word of other roles (MSG, RS+ ...).
//
// # What is counted
//
// MaxControlLine bounds the arguments: from the first byte behind the word that
// is no blank to the last before the line's CRLF or LF, trailing blanks
// included. It is checked as the bytes arrive, without waiting for the LF.
//
// # The result never depends on how the stream was cut
//
// Any cuts, the same operations and the same kind of error. nats-server does not
// promise that: it drops a CR inside a line in one cut and keeps it in another,
// and once even took "PUB abc\r 10" for a size of 1 (TOB-NATS-5). To keep the
// promise, and memory bounded, a few absurd inputs end differently here:
//
//   - A bare CR (not followed by LF) in the arguments of PUB, HPUB, SUB or UNSUB is
//     an unknown operation. nats-server takes it for a blank, part of a
//     subject, or nothing at all. CONNECT, INFO and -ERR keep it: JSON has its own
//     opinion of a CR, and -ERR is only logged.
//   - LF always ends the line: "SUB " LF has no arguments. nats-server takes an LF
//     that follows the blanks at once for the first byte of the first argument,
//     so that a subject can begin with a line break.
//   - The blanks in front of the arguments, and what stands behind PING, PONG and
//     +OK, are bounded by MaxControlLine too. nats-server skips any
//     number; here they would have to be kept.
//   - HMSG is refused at its second letter. nats-server reads it to the end of the
//     line, does nothing with it and then finds no CRLF.
package parser
