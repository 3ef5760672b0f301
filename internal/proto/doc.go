// Package proto holds the words and the JSON of the NATS client protocol: what
// a broker says (INFO, MSG, HMSG, -ERR, close reasons), what CONNECT means, and
// the limits and defaults both sides count on. It does no I/O and keeps no
// state; every Append function takes dst, appends to it and returns it.
//
// Texts, field order and names are those of nats-server 2.15.2, because
// clients and tools compare them as strings. Splitting a stream into
// operations is the work of package parser, which this package does not know.
package proto
