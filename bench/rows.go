package bench

import "time"

// A Table is a choice of tasks.
type Table uint8

const (
	// FiguresTable is the broker beside nats-server, in everything that both do.
	FiguresTable Table = 1 << iota
	// CompareTable is the broker beside brokers with other protocols: what all of
	// them do.
	CompareTable

	bothTables = FiguresTable | CompareTable
)

// A task is one scenario with one load: what a broker is started for. Its name
// is what --only selects, and the prefix of its rows' names.
type task struct {
	name     string
	scenario string
	load     Load
	in       Table
	profiled bool // start the broker with net/http/pprof
	rows     []row
}

// A row is one metric of a task in the table. Less is better unless the label
// says otherwise.
type row struct {
	name   string
	label  string
	metric string // of the task's result
}

const (
	figureWarmup   = 300 * time.Millisecond
	figureDuration = 2 * time.Second
	figureSettle   = 3 * time.Second // a broker's first PING to its clients comes within
)

// tasks are the rows of the tables, in their order.
var tasks = []task{
	{"idle", "conn", Load{Conns: 15_000, Settle: figureSettle}, bothTables, false, []row{
		{"idle-memory", "resident memory per idle connection, 15,000", "bytes_per_conn"},
		{"idle-connect", "accept, greet, CONNECT, SUB, PING", "cpu_us_per_conn"},
	}},
	{"burst", "fanout", Load{Conns: 1000, Size: 128, Window: 1024, Duration: figureDuration}, bothTables, false, []row{
		{"burst", "burst fan-out 1 -> 1,000, 128 B", "cpu_us_per_delivery"},
	}},
	{"trickle", "fanout", Load{Conns: 1000, Size: 128, Window: 1024, Rate: 100, Duration: figureDuration}, bothTables, false, []row{
		{"trickle", "trickle fan-out 1 -> 1,000, 100 msg/s", "cpu_us_per_delivery"},
	}},
	{"burst-15000", "fanout", Load{Conns: 15_000, Size: 128, Window: 128, Duration: figureDuration}, CompareTable, false, []row{
		{"burst-15000", "burst fan-out 1 -> 15,000, 128 B", "cpu_us_per_delivery"},
	}},
	{"last", "broadcast", Load{Conns: 15_000, Size: 128, Duration: figureDuration}, CompareTable, false, []row{
		{"last", "one message to 15,000: until the last has it, p50", "last_p50"},
		{"last-cpu", "  a delivery", "cpu_us_per_delivery"},
	}},
	{"payload-4k", "fanout", Load{Conns: 100, Size: 4 << 10, Window: 256, Duration: figureDuration}, CompareTable, false, []row{
		{"payload-4k", "4 KB fan-out 1 -> 100, more is better", "bytes_per_second"},
		{"payload-4k-cpu", "  CPU a byte", "cpu_ns_per_byte"},
	}},
	{"payload-64k", "fanout", Load{Conns: 100, Size: 64 << 10, Window: 16, Duration: figureDuration}, CompareTable, false, []row{
		{"payload-64k", "64 KB fan-out 1 -> 100, more is better", "bytes_per_second"},
		{"payload-64k-cpu", "  CPU a byte", "cpu_ns_per_byte"},
	}},
	{"payload-1m", "fanout", Load{Conns: 100, Size: 1 << 20, Window: 8, Duration: figureDuration}, CompareTable, false, []row{
		{"payload-1m", "1 MB fan-out 1 -> 100, more is better", "bytes_per_second"},
		{"payload-1m-cpu", "  CPU a byte", "cpu_ns_per_byte"},
	}},
	{"spread", "spread", Load{Conns: 1000, Size: 128, Window: 64, Duration: figureDuration}, bothTables, false, []row{
		{"spread", "spread 1 -> 1,000 subjects, 128 B", "cpu_us_per_delivery"},
	}},
	{"fanin", "fanin", Load{Conns: 1000, Size: 128, Window: 4096, Duration: figureDuration}, bothTables, false, []row{
		{"fanin", "fan-in 1,000 -> 1, 128 B", "cpu_us_per_delivery"},
	}},
	{"pair", "pairs", Load{Pairs: 1, Size: 16, Window: 32768, Duration: figureDuration}, bothTables, false, []row{
		{"pair", "one pair, 16 B", "cpu_us_per_delivery"},
	}},
	{"pairs", "pairs", Load{Pairs: 50, Size: 128, Window: 16384, Duration: figureDuration}, bothTables, false, []row{
		{"pairs", "50 pairs, 128 B", "cpu_us_per_delivery"},
	}},
	{"reqrep", "reqrep", Load{Size: 16, Duration: figureDuration / 2}, bothTables, false, []row{
		{"reqrep-one", "request round trip p50, one client", "one_p50"},
		{"reqrep-two", "request round trip p50, two clients", "two_p50"},
		{"reqrep-cpu", "  CPU a round trip", "two_cpu_us_per_trip"},
	}},
	{"fan-10", "fanout", Load{Conns: 10, Size: 128, Window: 128, Duration: figureDuration}, CompareTable, false, []row{
		{"fan-10", "fan-out of a window of 128: 1 -> 10", "cpu_us_per_delivery"},
	}},
	{"fan-100", "fanout", Load{Conns: 100, Size: 128, Window: 128, Duration: figureDuration}, CompareTable, false, []row{
		{"fan-100", "  1 -> 100", "cpu_us_per_delivery"},
	}},
	{"fan-1000", "fanout", Load{Conns: 1000, Size: 128, Window: 128, Duration: figureDuration}, CompareTable, false, []row{
		{"fan-1000", "  1 -> 1,000", "cpu_us_per_delivery"},
	}},
	{"fan-10000", "fanout", Load{Conns: 10_000, Size: 128, Window: 128, Duration: figureDuration}, CompareTable, false, []row{
		{"fan-10000", "  1 -> 10,000", "cpu_us_per_delivery"},
	}},
	{"subs", "subs", Load{Conns: 1000, PerConn: 1000, Size: 16, Window: 16384, Settle: figureSettle / 2, Duration: figureDuration}, FiguresTable, false, []row{
		{"subs-memory", "resident memory per SUB, 1,000,000 literals", "bytes_per_sub"},
		{"subs-sub", "SUB", "cpu_us_per_sub"},
		{"subs-match", "publish to a random one of them", "cpu_us_per_match"},
		{"subs-miss", "publish beside them", "cpu_us_per_miss"},
	}},
	{"flood", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 1, Beside: "flood", Duration: figureDuration}, FiguresTable, false, []row{
		{"flood-p50", "PING beside 2 flooding publishers, p50", "flood_p50"},
		{"flood-p99", "  p99", "flood_p99"},
	}},
	{"flood-subs", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 1, Beside: "flood-subs", Duration: figureDuration}, FiguresTable, false, []row{
		{"flood-subs-p50", "PING beside 2 flooding pairs, p50", "flood-subs_p50"},
		{"flood-subs-p99", "  p99", "flood-subs_p99"},
	}},
	{"broadcast", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 10_000, Beside: "broadcast", Duration: figureDuration}, FiguresTable, false, []row{
		{"broadcast-p50", "PING beside 4 broadcasts/s to 10,000, p50", "broadcast_p50"},
		{"broadcast-p99", "  p99", "broadcast_p99"},
	}},
	{"allocs", "fanout", Load{Conns: 100, Size: 128, Window: 1024, Duration: figureDuration / 2}, FiguresTable, true, []row{
		{"allocs", "heap objects per delivery, burst 1 -> 100", "heap_objects_per_delivery"},
	}},
	{"allocs-spread", "spread", Load{Conns: 1000, Size: 128, Window: 64, Duration: figureDuration / 2}, FiguresTable, true, []row{
		{"allocs-spread", "  spread 1 -> 1,000 subjects", "heap_objects_per_delivery"},
	}},
	{"allocs-pairs", "pairs", Load{Pairs: 50, Size: 128, Window: 16384, Duration: figureDuration / 2}, FiguresTable, true, []row{
		{"allocs-pairs", "  50 pairs", "heap_objects_per_delivery"},
	}},
	{"allocs-reqrep", "reqrep", Load{Clients: 2, Size: 16, Duration: figureDuration}, FiguresTable, true, []row{
		{"allocs-reqrep", "  round trip, two clients", "two_heap_objects_per_delivery"},
	}},
}

// Tasks are the names --only selects from.
func (in Table) Tasks() []string {
	var names []string
	for _, t := range tasks {
		if t.in&in != 0 {
			names = append(names, t.name)
		}
	}
	return names
}

// quickly is the load of a short look: the same shape, less of it.
func (load Load) quickly() Load {
	load.Duration /= 2
	load.Settle /= 3
	if load.Conns > 2000 {
		load.Conns /= 5
	}
	if load.PerConn > 0 {
		load.PerConn /= 5
	}
	return load
}
