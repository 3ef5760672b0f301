package bench

import "time"

// A task is one scenario with one load: what a broker is started for. Its name
// is what --only selects, and the prefix of its rows' names.
type task struct {
	name     string
	scenario string
	load     Load
	profiled bool // start the broker with net/http/pprof
	rows     []row
}

// A row is one metric of a task in the table of figures; less is better in all.
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

// tasks are the rows of the table, in its order.
var tasks = []task{
	{"idle", "conn", Load{Conns: 15_000, Settle: figureSettle}, false, []row{
		{"idle-memory", "resident memory per idle connection, 15,000", "bytes_per_conn"},
		{"idle-connect", "accept, greet, CONNECT, SUB, PING", "cpu_us_per_conn"},
	}},
	{"burst", "fanout", Load{Conns: 1000, Size: 128, Window: 1024, Duration: figureDuration}, false, []row{
		{"burst", "burst fan-out 1 -> 1,000, 128 B", "cpu_us_per_delivery"},
	}},
	{"trickle", "fanout", Load{Conns: 1000, Size: 128, Window: 1024, Rate: 100, Duration: figureDuration}, false, []row{
		{"trickle", "trickle fan-out 1 -> 1,000, 100 msg/s", "cpu_us_per_delivery"},
	}},
	{"spread", "spread", Load{Conns: 1000, Size: 128, Window: 64, Duration: figureDuration}, false, []row{
		{"spread", "spread 1 -> 1,000 subjects, 128 B", "cpu_us_per_delivery"},
	}},
	{"fanin", "fanin", Load{Conns: 1000, Size: 128, Window: 4096, Duration: figureDuration}, false, []row{
		{"fanin", "fan-in 1,000 -> 1, 128 B", "cpu_us_per_delivery"},
	}},
	{"pair", "pairs", Load{Pairs: 1, Size: 16, Window: 32768, Duration: figureDuration}, false, []row{
		{"pair", "one pair, 16 B", "cpu_us_per_delivery"},
	}},
	{"pairs", "pairs", Load{Pairs: 50, Size: 128, Window: 16384, Duration: figureDuration}, false, []row{
		{"pairs", "50 pairs, 128 B", "cpu_us_per_delivery"},
	}},
	{"reqrep", "reqrep", Load{Size: 16, Duration: figureDuration / 2}, false, []row{
		{"reqrep-one", "request round trip p50, one client", "one_p50"},
		{"reqrep-two", "request round trip p50, two clients", "two_p50"},
	}},
	{"subs", "subs", Load{Conns: 1000, PerConn: 1000, Size: 16, Window: 16384, Settle: figureSettle / 2, Duration: figureDuration}, false, []row{
		{"subs-memory", "resident memory per SUB, 1,000,000 literals", "bytes_per_sub"},
		{"subs-sub", "SUB", "cpu_us_per_sub"},
		{"subs-match", "publish to a random one of them", "cpu_us_per_match"},
		{"subs-miss", "publish beside them", "cpu_us_per_miss"},
	}},
	{"flood", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 1, Beside: "flood", Duration: figureDuration}, false, []row{
		{"flood-p50", "PING beside 2 flooding publishers, p50", "flood_p50"},
		{"flood-p99", "  p99", "flood_p99"},
	}},
	{"flood-subs", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 1, Beside: "flood-subs", Duration: figureDuration}, false, []row{
		{"flood-subs-p50", "PING beside 2 flooding pairs, p50", "flood-subs_p50"},
		{"flood-subs-p99", "  p99", "flood-subs_p99"},
	}},
	{"broadcast", "quiet", Load{Size: 128, Rate: 100, Window: 8192, Conns: 10_000, Beside: "broadcast", Duration: figureDuration}, false, []row{
		{"broadcast-p50", "PING beside 4 broadcasts/s to 10,000, p50", "broadcast_p50"},
		{"broadcast-p99", "  p99", "broadcast_p99"},
	}},
	{"allocs", "fanout", Load{Conns: 100, Size: 128, Window: 1024, Duration: figureDuration / 2}, true, []row{
		{"allocs", "heap objects per delivery, burst 1 -> 100", "heap_objects_per_delivery"},
	}},
	{"allocs-spread", "spread", Load{Conns: 1000, Size: 128, Window: 64, Duration: figureDuration / 2}, true, []row{
		{"allocs-spread", "  spread 1 -> 1,000 subjects", "heap_objects_per_delivery"},
	}},
	{"allocs-pairs", "pairs", Load{Pairs: 50, Size: 128, Window: 16384, Duration: figureDuration / 2}, true, []row{
		{"allocs-pairs", "  50 pairs", "heap_objects_per_delivery"},
	}},
	{"allocs-reqrep", "reqrep", Load{Clients: 2, Size: 16, Duration: figureDuration}, true, []row{
		{"allocs-reqrep", "  round trip, two clients", "two_heap_objects_per_delivery"},
	}},
}

// FigureTasks are the names --only selects from.
func FigureTasks() []string {
	var names []string
	for _, t := range tasks {
		names = append(names, t.name)
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
