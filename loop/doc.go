// Package loop runs connections on a fixed set of event loops. It knows
// sockets, bytes and time, and no word of any protocol.
//
// # The turn
//
// A loop is one goroutine on one locked thread that repeats one turn:
//
//	wait -> events -> mailbox -> run queue -> end of turn
//
// Events are hints. A visit reads a connection once, at most 64 KB, and its owner (Peer)
// handles the whole operations among the bytes until its share of work is
// spent. A connection with more to say goes to the run queue, behind those
// that have just become ready. What owners want written they hand to Send or
// Fanout, which only note it. The end of the turn lets it out, in this order:
// tear down what has closed, commit, post to other loops, ring their bells,
// write. There is no other way to a socket or to another loop, so whoever
// reads an answer may rely on what it answers being known everywhere.
//
// # Between loops
//
// Loops share nothing. A Letter in a mailbox is how anything crosses: one queue
// a loop, many producers, in order. A loop looks into its mailbox after each
// read, before it handles the bytes: what was posted before a client sent them
// takes effect before them. A loop with little mail for a sleeping one does that
// loop's turn on its own thread; see lend.go.
//
// # Output
//
// Outgoing bytes are encoded once into blocks; a connection holds segments
// {block, from, to}. Consecutive spans extend a segment in place, so a burst
// to a thousand connections costs one encoding a message and one write a
// connection. Blocks count references with plain integers, since only their loop
// touches them. Slow readers keep sharing; see slow.go for the bound.
//
// # Rules for owners
//
// Methods of Loop and Conn belong to the loop's own thread unless they say
// otherwise. Receive's bytes end with the call. Send and Fanout never call
// back. Close and Kill only mark; Teardown and Closed come at the end of the
// turn.
package loop
