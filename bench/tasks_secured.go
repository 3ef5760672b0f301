package bench

import "time"

// What two brokers of NATS cost where they have something to protect.

const (
	securedUsers = 10_000

	// handshakeDuration is long enough for a 99th percentile of thousands.
	handshakeDuration = 5 * time.Second
)

var (
	underTLS    = &setup{tls: true}
	besideTLS   = &setup{tls: true, plain: true}
	withUsers   = &setup{users: securedUsers}
	withDigests = &setup{users: securedUsers, hashed: true}
)

// securedTasks are the rows of the secured table, in their order.
var securedTasks = []task{
	{"tls-idle", "conn", Load{Conns: 5000, Settle: figureSettle}, SecuredTable, how{whole: true, setup: underTLS}, []row{
		{"tls-idle", "resident memory per idle TLS connection, 5,000", "bytes_per_conn", "ours<=14336"},
		{"tls-idle-connect", "  handshake, CONNECT, SUB, PING", "cpu_us_per_conn", ""},
	}},
	{"tls-churn", "churn", Load{Conns: 64, Size: 128, Duration: figureDuration}, SecuredTable, how{whole: true, setup: underTLS}, []row{
		{"tls-churn", "TLS handshake, subscribe, one message, leave: clients a second, more is better", "cycles_per_second", "ours/nats>=1"},
		{"tls-churn-cpu", "  CPU a client", "cpu_us_per_cycle", ""},
	}},
	{"tls-beside", "handshakes", Load{Conns: 64, Size: 128, Rate: 1000, ConnRate: 500, Duration: handshakeDuration}, SecuredTable, how{whole: true, setup: besideTLS}, []row{
		{"tls-beside", "p99 of plain messages beside 500 TLS handshakes/s, by p99 without them", "p99_growth", "ours<=1.5"},
		{"tls-beside-p99", "  p99 beside them", "beside_p99", ""},
		{"tls-beside-quiet", "  p99 without them", "quiet_p99", ""},
		{"tls-beside-done", "  handshakes a second", "cycles_per_second", ""},
	}},
	{"tls-storm", "storm", Load{Conns: 2000, Size: 128}, SecuredTable, how{whole: true, setup: underTLS}, []row{
		{"tls-storm", "2,000 TLS clients connect at once: until the last has its PONG", "last_pong", ""},
		{"tls-storm-cpu", "  CPU a connection", "cpu_us_per_conn", ""},
	}},
	{"tls-burst", "fanout", Load{Conns: 1000, Size: 128, Window: 1024, Duration: figureDuration}, SecuredTable, how{whole: true, setup: underTLS}, []row{
		{"tls-burst", "burst fan-out 1 -> 1,000 over TLS, 128 B", "cpu_us_per_delivery", "ours/nats<=0.6"},
	}},
	{"tls-trickle", "fanout", Load{Conns: 1000, Size: 128, Window: 1024, Rate: 100, Duration: figureDuration}, SecuredTable, how{whole: true, setup: underTLS}, []row{
		{"tls-trickle", "trickle fan-out 1 -> 1,000 over TLS, 100 msg/s", "cpu_us_per_delivery", "ours/nats<=0.9"},
	}},
	{"users", "churn", Load{Conns: 64, Size: 128, Duration: figureDuration}, SecuredTable, how{whole: true, setup: withUsers}, []row{
		{"users", "log in as one of 10,000 users with permissions, subscribe, one message, leave", "cpu_us_per_cycle", "ours/nats<=0.5"},
	}},
	{"users-bcrypt", "churn", Load{Conns: 64, Size: 128, Duration: figureDuration}, SecuredTable, how{whole: true, setup: withDigests}, []row{
		{"users-bcrypt", "  with a bcrypt password, cost 4", "cpu_us_per_cycle", ""},
	}},
	{"rules", "rules", Load{Conns: 100, Size: 128, Window: 4096, Duration: 2 * figureDuration}, SecuredTable, how{whole: true, setup: withUsers}, []row{
		{"rules", "publish with rules for 10,000 users, by publish without rules", "rules_growth", "ours<=1.1"},
		{"rules-bound", "  with rules", "cpu_us_per_publish_bound", ""},
		{"rules-free", "  without", "cpu_us_per_publish_free", ""},
	}},
}
