// Package bench puts a broker under load and reports what the load cost
// the broker: processor time for each delivered message, memory for each
// connection, round trips.
//
// It is an event-loop client, so that one process holds as many connections as
// it has descriptors, and it is built to be cheaper than the broker it
// measures: a reading subscriber counts frames and skips payloads by their
// size, a saturating publisher sends the same encoded bytes again and again.
//
// # The parts
//
//	frame.go      Reader: counts frames in a byte stream that is cut anywhere
//	dialect.go    what differs between NATS, Redis and MQTT
//	client.go     one connection on a loop: greeting, counting
//	fleet.go      all connections of a run and the loops they live on
//	flow.go       how far publishers may run ahead of the slowest subscriber
//	source.go     publishers of ready-made bytes: saturating, round robin
//	compose.go    publishers of messages that differ: at a rate, verified, of mixed sizes
//	pace.go       when messages are due, and who wakes the loop for them
//	stamp.go      what a payload says of itself: times, number, checksum
//	recorder.go   latencies of deliveries, by loop
//	follower.go   who is told of a client that comes and goes, or is cut
//	monitor.go    what a run does, second by second
//	wire.go       one blocking connection, for latencies; socket.go its descriptor
//	secure.go     TLS of a fleet
//	setup.go      how brokers are configured that have something to protect
//	cost.go       what a process has used so far
//	verify.go     what is lost, doubled, reordered, altered, when asked for
//	phase.go      one measured stretch of load, from idle to idle
//	account.go    what a phase is reported as, and what makes it doubtful
//	scenario.go   the list of scenarios, each in a file of its own
//	flags.go      their flags
//	output.go     results as files
//	html.go       results as pages: html_result.go, html_comparison.go, page.html
//	growth.go     cost as load grows, as curves
//	markdown.go   a comparison as a block of a document
//	plot.go       what plots share; plot_lines.go curves, plot_bars.go ratios
//	rows.go       what a row of a table is, and what of it a plan runs
//	tasks.go      the tables: which scenarios, with which load, and what is to hold
//	compare.go    rows of scenarios, rounds of rows, brokers side by side
//	saturate.go   the rate of rows at half of what nats-server carries
//	agenda.go     how long that takes
//	musts.go      whether what is to hold does
//	ratio.go      ratios of rounds and their intervals
//	limit.go      when a comparison has failed
//	stored.go     two stored comparisons side by side
//	slope.go      what connections cost at several sizes, and what more would
//	fit.go        the straight line through those
//	floor.go      a server to measure brokers against
//
// # How a figure is made
//
// A phase starts from an idle broker and ends with an idle broker: publishers
// run for a time, then every message they published is waited for. Cost and
// deliveries are therefore exact, nothing is in flight at either end, and a
// message that is lost or doubled fails the run.
//
// # How a latency is made
//
// With a rate, messages are due at times fixed beforehand, and the latency of a
// delivery counts from then, not from when the message could be sent: a
// broker that holds its publishers up does not look faster for it. What was due and
// could not be sent at all is reported. Latencies count while the loops of this
// process are not the bottleneck; a result warns when they are late or busy.
//
// # How a rate is found
//
// Tails of latency are compared at half of the rate that nats-server carries: before the
// first round it is driven at full speed, three times, and half of the median of what was published
// is everybody's rate in all rounds of that run.
package bench
