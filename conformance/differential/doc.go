// Package differential plays generated client scripts to nats-server and to
// gnatsd-ev side by side and compares what every connection gets.
//
//	seed -> Generate -> Script -> plan -> play on each server -> outcome -> compare
//	                                                              differs: shrink, print as a wire transcript
//
// # What makes a script comparable
//
// One connection speaks at a time, and its bytes end in a PING whose PONG the
// next step waits for: so the order in which a server handles what different
// connections say is determined, and with it every frame. A stream, the model of
// what a client has sent, knows which bytes end an operation, so that no PONG is
// awaited in the middle of one. A connection that ends has subscribed to a
// subject of its own before, and the script goes on when a request to that
// finds no responders: then the server has taken its subscriptions back.
//
// What the protocol leaves free is taken out of an outcome before it is
// compared: ids, times and addresses in INFO; the order in which one connection's
// subscriptions get one message; which member of a queue group got a message (all
// that reached the group is compared instead); and, where several publish at once, the
// interleaving of publishers. What remains free beyond that, a 503 to one of
// two matching inboxes for instance, is told by nats-server itself: an outcome is no
// difference if nats-server, asked again and again, gives the same one.
//
// # Realms
//
// A third of the scripts have servers with users: a realm, a configuration made by seed as well, with passwords, hashes, keys,
// a token, permissions, allow_responses and no_auth_user. Each hundred seeds share one. The model knows who comes in; what
// a user may do only nats-server says. Keys sign a nonce that is not known before: a seal stands for the signature.
//
// # What may differ
//
// Nothing but the rows of docs/compatibility.md, and of these only the ones in
// the table deviations. A row there is narrow: it recognizes one operation of
// a client and names other bytes. gnatsd-ev must answer the operation
// exactly as nats-server answers those bytes, and everything behind it is compared as
// usual. Three rows, info, inbox and passed-on, are about what a server sends.
//
// Beside the comparison every frame of gnatsd-ev goes through a strict reader
// of the protocol, and every message must be one that somebody published.
package differential
