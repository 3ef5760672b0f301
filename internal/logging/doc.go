// Package logging writes the log lines of the broker in nats-server's format:
//
//	[pid] 2006/01/02 15:04:05.000000 [INF] text
//
// Way of a line: the caller formats it, appends it to a queue of bytes under a
// short lock, and goes on; one writer goroutine takes the whole queue and
// writes it with one call. A full queue drops lines, counts them, and the
// writer says later how many. So a log nobody reads (a full pipe, a stopped
// terminal) never blocks a caller, and a loop may log.
//
// Text from the network is always written with Quote. As a second line of
// defence control characters in a text are escaped, so that nothing can forge
// a line or steer a terminal.
package logging
