package bench

import (
	"slices"
	"time"
)

const (
	figureWarmup   = 300 * time.Millisecond
	figureDuration = 2 * time.Second
	tailDuration   = 5 * time.Second // a 99.9th percentile wants more of it
	matchDuration  = time.Second

	// collectorDuration leaves room for some collections, shortened as well.
	collectorDuration = 15 * time.Second
	figureSettle      = 3 * time.Second // a broker's first PING to its clients comes within
	figureHold        = time.Minute
)

// matchConns hold all subscriptions, however many: what it costs to write to them does not
// change with the number of subscriptions.
const matchConns = 100

// tasks are the rows of the tables, in their order.
var tasks = slices.Concat(brokerTasks, securedTasks)

// brokerTasks are those of brokers as they come.
var brokerTasks = []task{
	{"idle", "conn", Load{Conns: 15_000, Settle: figureSettle}, bothTables, how{}, []row{
		{"idle-memory", "resident memory per idle connection, 15,000", "bytes_per_conn", "ours<=1024"},
		{"idle-connect", "accept, greet, CONNECT, SUB, PING", "cpu_us_per_conn", "ours/nats<=0.2"},
	}},
	{"after", "broadcast", Load{Conns: 15_000, Size: 128, Settle: figureSettle, Hold: figureHold}, CompareTable, how{whole: true, rounds: memoryRounds}, []row{
		{"after-memory", "resident memory per connection {hold} after messages to all 15,000", "bytes_per_conn_held", "ours<=1024"},
		{"after-before", "  before them", "bytes_per_conn", ""},
		{"after-growth", "  after by before", "memory_growth", "ours<=1.1"},
	}},
	{"churn", "churn", Load{Conns: 64, Size: 128, Duration: figureDuration}, CompareTable, how{whole: true}, []row{
		{"churn", "connect, subscribe, one message, leave", "cpu_us_per_cycle", "ours/nats<=0.2"},
	}},
	{"storm", "storm", Load{Conns: 15_000, Size: 128}, CompareTable, how{whole: true}, []row{
		{"storm", "15,000 connect at once: until the last has its PONG", "last_pong", "ours/nats<=0.333"},
		{"storm-cpu", "  CPU a connection", "cpu_us_per_conn", ""},
	}},
	{"collector", "soak", Load{Conns: 15_000, Size: 128, Rate: 5, ConnRate: 3000, Duration: collectorDuration}, CompareTable, how{monitored: true}, []row{
		{"collector", "collector's share of the broker's CPU, 5 msg/s to 15,000, 3,000 clients/s coming and going", "collector_share", "ours<=3"},
		{"collector-runs", "  collections meanwhile", "collections", ""},
		{"collector-lag", "  longest time a loop did not look at its sockets", "loop_lag_max", "ours<=5"},
	}},
	{"burst", "fanout", Load{Conns: 1000, Size: 128, Window: 1024, Duration: figureDuration}, bothTables, how{}, []row{
		{"burst", "burst fan-out 1 -> 1,000, 128 B", "cpu_us_per_delivery", "ours/nats<=0.05 ours/redis<=0.125 ours/floor<=2 ours/one<=1.35"},
	}},
	{"trickle", "fanout", Load{Conns: 1000, Size: 128, Window: 1024, Rate: 100, Duration: figureDuration}, bothTables, how{}, []row{
		{"trickle", "trickle fan-out 1 -> 1,000, 100 msg/s", "cpu_us_per_delivery", "ours/nats<=0.85 ours/floor<=0.8 no-uring/floor<=1.15 ours/one<=1.35"},
	}},
	{"burst-15000", "fanout", Load{Conns: 15_000, Size: 128, Window: 128, Duration: figureDuration}, CompareTable, how{}, []row{
		{"burst-15000", "burst fan-out 1 -> 15,000, 128 B", "cpu_us_per_delivery", "ours/nats<=0.05 ours/redis<=0.125 ours/floor<=2"},
	}},
	{"last", "broadcast", Load{Conns: 15_000, Size: 128, Duration: figureDuration}, CompareTable, how{}, []row{
		{"last", "one message to 15,000: until the last has it, p50", "last_p50", "ours/nats<=0.6"},
		{"last-cpu", "  a delivery", "cpu_us_per_delivery", ""},
	}},
	{"payload-4k", "fanout", Load{Conns: 100, Size: 4 << 10, Window: 256, Duration: figureDuration}, CompareTable, how{}, []row{
		{"payload-4k", "4 KB fan-out 1 -> 100, more is better", "bytes_per_second", "ours/nats>=1.5"},
		{"payload-4k-cpu", "  CPU a byte", "cpu_ns_per_byte", "ours/nats<=0.4"},
	}},
	{"payload-64k", "fanout", Load{Conns: 100, Size: 64 << 10, Window: 16, Duration: figureDuration}, CompareTable, how{}, []row{
		{"payload-64k", "64 KB fan-out 1 -> 100, more is better", "bytes_per_second", "ours/nats>=1.3"},
		{"payload-64k-cpu", "  CPU a byte", "cpu_ns_per_byte", "ours/nats<=0.6"},
	}},
	{"payload-1m", "fanout", Load{Conns: 100, Size: 1 << 20, Window: 8, Duration: figureDuration}, CompareTable, how{}, []row{
		{"payload-1m", "1 MB fan-out 1 -> 100, more is better", "bytes_per_second", "ours/nats>=1"},
		{"payload-1m-cpu", "  CPU a byte", "cpu_ns_per_byte", "ours/nats<=0.7"},
	}},
	{"spread", "spread", Load{Conns: 1000, Size: 128, Window: 64, Duration: figureDuration}, bothTables, how{}, []row{
		{"spread", "spread 1 -> 1,000 subjects, 128 B", "cpu_us_per_delivery", "ours/nats<=0.6 ours/one<=1.35"},
	}},
	{"fanin", "fanin", Load{Conns: 1000, Size: 128, Window: 4096, Duration: figureDuration}, bothTables, how{}, []row{
		{"fanin", "fan-in 1,000 -> 1, 128 B", "cpu_us_per_delivery", "ours/nats<=0.8"},
	}},
	{"pair", "pairs", Load{Pairs: 1, Size: 16, Window: 32768, Duration: figureDuration}, bothTables, how{}, []row{
		{"pair", "one pair, 16 B", "cpu_us_per_delivery", "ours/nats<=0.5"},
	}},
	{"pairs", "pairs", Load{Pairs: 50, Size: 128, Window: 16384, Duration: figureDuration}, bothTables, how{}, []row{
		{"pairs", "50 pairs, 128 B", "cpu_us_per_delivery", "ours/nats<=0.5"},
	}},
	{"reqrep", "reqrep", Load{Size: 16, Duration: figureDuration / 2}, bothTables, how{}, []row{
		{"reqrep-one", "request round trip p50, one client", "one_p50", "ours/nats<=0.7"},
		{"reqrep-two", "request round trip p50, two clients", "two_p50", "ours/nats<=0.7"},
		{"reqrep-cpu", "  CPU a round trip", "two_cpu_us_per_trip", ""},
	}},
	tailing("fanout", "fan-out 1 -> 100, 128 B", "fanout", Load{Conns: 100, Size: 128, Window: 1024}),
	tailing("spread", "spread 1 -> 1,000 subjects, 128 B", "spread", Load{Conns: 1000, Size: 128, Window: 64}),
	tailing("fanin", "fan-in 1,000 -> 1, 128 B", "fanin", Load{Conns: 1000, Size: 128, Window: 4096}),
	tailing("pairs", "4 pairs, 128 B", "pairs", Load{Pairs: 4, Size: 128, Window: 16384}),
	tailing("queue", "queue group of 100, 128 B", "queue", Load{Conns: 100, Size: 128, Window: 16384}),
	tailing("reqrep", "requests, 128 B", "reqrep", Load{Size: 128, Window: 1024}),
	growing("fan-10", "fan-out of a window of 128: 1 -> 10", 10),
	growing("fan-100", "  1 -> 100", 100),
	growing("fan-1000", "  1 -> 1,000", 1000),
	growing("fan-10000", "  1 -> 10,000", 10_000),
	matching("match-1000", "publish to a random one of 1,000 literals", 1000, false, how{}),
	matching("match-10000", "  of 10,000", 10_000, false, how{}),
	matching("match-100000", "  of 100,000", 100_000, false, how{}),
	matching("match-1000000", "  of 1,000,000", 1_000_000, false, how{long: true}),
	matching("wild-1000", "publish to a random one of 1,000 wildcards", 1000, true, how{}),
	matching("wild-10000", "  of 10,000", 10_000, true, how{}),
	matching("wild-100000", "  of 100,000", 100_000, true, how{}),
	matching("wild-1000000", "  of 1,000,000", 1_000_000, true, how{long: true}),
	{"subs", "subs", Load{Conns: 1000, PerConn: 1000, Size: 16, Window: 16384, Settle: figureSettle / 2, Duration: figureDuration}, FiguresTable, how{}, []row{
		{"subs-memory", "resident memory per SUB, 1,000,000 literals", "bytes_per_sub", "ours/nats<=0.5"},
		{"subs-sub", "SUB", "cpu_us_per_sub", "ours/nats<=1"},
		{"subs-match", "publish to a random one of them", "cpu_us_per_match", "ours/nats<=1"},
		{"subs-miss", "publish beside them", "cpu_us_per_miss", "ours/nats<=1"},
	}},
	{"flood", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 1, Beside: "flood", Duration: figureDuration}, FiguresTable, how{}, []row{
		{"flood-p50", "PING beside 2 flooding publishers, p50", "flood_p50", "ours<=1000"},
		{"flood-p99", "  p99", "flood_p99", "ours/nats<=1"},
	}},
	{"flood-subs", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 1, Beside: "flood-subs", Duration: figureDuration}, FiguresTable, how{}, []row{
		{"flood-subs-p50", "PING beside 2 flooding pairs, p50", "flood-subs_p50", "ours<=1000"},
		{"flood-subs-p99", "  p99", "flood-subs_p99", "ours/nats<=1"},
	}},
	{"broadcast", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 10_000, Beside: "broadcast", Duration: figureDuration}, FiguresTable, how{}, []row{
		{"broadcast-p50", "PING beside 4 broadcasts/s to 10,000, p50", "broadcast_p50", ""},
		{"broadcast-p99", "  p99", "broadcast_p99", "ours/nats<=1"},
	}},
	{"allocs", "fanout", Load{Conns: 100, Size: 128, Window: 1024, Duration: figureDuration / 2}, FiguresTable, how{profiled: true}, []row{
		{"allocs", "heap objects per delivery, burst 1 -> 100", "heap_objects_per_delivery", "ours<=0.001"},
	}},
	{"allocs-spread", "spread", Load{Conns: 1000, Size: 128, Window: 64, Duration: figureDuration / 2}, FiguresTable, how{profiled: true}, []row{
		{"allocs-spread", "  spread 1 -> 1,000 subjects", "heap_objects_per_delivery", "ours<=0.001"},
	}},
	{"allocs-pairs", "pairs", Load{Pairs: 50, Size: 128, Window: 16384, Duration: figureDuration / 2}, FiguresTable, how{profiled: true}, []row{
		{"allocs-pairs", "  50 pairs", "heap_objects_per_delivery", "ours<=0.001"},
	}},
	{"allocs-reqrep", "reqrep", Load{Clients: 2, Size: 16, Duration: figureDuration}, FiguresTable, how{profiled: true}, []row{
		{"allocs-reqrep", "  round trip, two clients", "two_heap_objects_per_delivery", "ours<=0.001"},
	}},
}

// tailing is the latency of a scenario's deliveries at half the reference's rate.
func tailing(name, label, scenario string, load Load) task {
	load.Duration = tailDuration
	name = "p99-" + name
	return task{name, scenario, load, CompareTable, how{whole: true, half: true}, []row{
		{name, "p99 at half of nats-server's rate: " + label, "latency_p99", "ours/nats<=0.8"},
		{name + "-p999", "  p99.9", "latency_p99.9", ""},
		{name + "-max", "  max", "latency_max", ""},
		{name + "-rate", "  messages a second", "published_per_second", ""},
	}}
}

// growing is one point of the cost by number of subscribers.
func growing(name, label string, conns int) task {
	load := Load{Conns: conns, Size: 128, Window: 128, Duration: figureDuration}
	return task{name, "fanout", load, CompareTable, how{}, []row{{name, label, "cpu_us_per_delivery", ""}}}
}

// matching is one point of the cost by number of subscriptions.
func matching(name, label string, subscriptions int, wild bool, h how) task {
	h.whole, h.rounds = true, matchRounds
	load := Load{Conns: matchConns, PerConn: subscriptions / matchConns, Wild: wild, Size: 16, Window: 16384, Settle: figureSettle / 10, Duration: matchDuration}
	return task{name, "subs", load, CompareTable, h, []row{{name, label, "cpu_us_per_match", ""}}}
}
