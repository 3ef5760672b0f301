// Package chaos runs brokers as child processes, treats them badly, and counts
// what their clients get.
//
// A test starts a Broker (ours, or nats-server beside it), connects a Swarm of
// subscribers that one goroutine serves on epoll, and Publishers that stamp each
// payload with publisher, number, length and checksum. What the swarm makes of
// them is a Tally: lost, late, altered, foreign. A Crowd is a swarm in a process of its own,
// which can be stopped, continued and killed by signals. A Probe measures round
// trips of PING beside all that, a Client is one plain blocking connection.
//
// Nothing here shares code with the broker's loops or parser: both ends of a
// connection must not be wrong in the same way.
//
// Tests run in a short form unless GNATSD_EV_CHAOS is "long". Each prints its
// figures as one line of JSON with Report, and appends it to the file
// GNATSD_EV_CHAOS_FIGURES names.
package chaos
