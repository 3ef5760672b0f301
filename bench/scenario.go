package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nuid"
)

// A Target is the broker under load.
type Target struct {
	Addr    netip.AddrPort // where it listens for clients
	Process Process        // zero if unknown: its cost is not reported
	Profile int            // port of its net/http/pprof, or zero
	Monitor string         // host:port of its /varz, if it has one as ours: see FetchVarz
	Login   Login          // of every connection
	Free    Login          // who has no rules, in the scenario rules
	TLS     *tls.Config    // of every connection behind INFO; nil is plain

	Protocol string // one of Protocols; "" is nats

	// Watch is told each second how a run of the named scenario goes, if it is
	// set. Runs beside each other call it at the same time.
	Watch func(scenario string, m Moment)
}

// A Load is how much of a scenario is run. Which fields count depends on the
// scenario: see Scenario.Flags. The zero value of a field means the scenario's default.
type Load struct {
	Conns    int           `json:"conns,omitempty"`     // connections, or subscribers, or publishers in fanin
	Pairs    int           `json:"pairs,omitempty"`     // publishers with one subscriber each
	PerConn  int           `json:"per_conn,omitempty"`  // subscriptions each connection makes
	Wild     bool          `json:"wild,omitempty"`      // subs: to patterns with a star each
	Size     int           `json:"size,omitempty"`      // payload bytes, of a mix the most
	Mix      Mix           `json:"mix,omitempty"`       // payload sizes by weight
	Rate     int           `json:"rate,omitempty"`      // messages a second in all, due whatever the broker does; 0 is full speed
	Window   int           `json:"window,omitempty"`    // messages a subscriber may be behind
	Clients  int           `json:"clients,omitempty"`   // reqrep: connections, 0 for every case
	Beside   string        `json:"beside,omitempty"`    // quiet: what goes on beside, "" for every case
	Verify   bool          `json:"verify,omitempty"`    // subscribers check every payload
	Stamp    bool          `json:"stamp,omitempty"`     // payloads say when they were sent, as with a rate: one by one, at full speed
	Bind     []netip.Addr  `json:"bind,omitempty"`      // source addresses of connections, in turn
	Readers  int           `json:"readers,omitempty"`   // our loops that read
	ConnRate int           `json:"conn_rate,omitempty"` // connections opened a second, 0 for as fast as it goes
	Ramp     time.Duration `json:"ramp,omitempty"`      // in which connections are opened evenly; ConnRate goes before it
	Hold     time.Duration `json:"hold,omitempty"`      // how long connections stay idle, or slow
	Share    int           `json:"share,omitempty"`     // slow: percent of subscribers
	Stages   []Stage       `json:"stages,omitempty"`    // mixed
	Warmup   time.Duration `json:"warmup,omitempty"`    // not measured
	Duration time.Duration `json:"duration,omitempty"`  // measured
	Settle   time.Duration `json:"settle,omitempty"`    // before memory is read
}

// A Scenario is one way to load a broker.
type Scenario struct {
	Name     string
	Summary  string   // one line
	Defaults Load     // a run of them ends within 30 seconds
	Flags    []string // the Load's fields that count, in lower case
	run      func(*run) error
}

// Scenarios lists them in the order of help texts.
var Scenarios = []Scenario{
	{"conn", "idle connections with one subscription each: memory and the cost of connecting",
		Load{Conns: 1000, Settle: 3 * time.Second}, []string{"conns", "conn-rate", "ramp", "settle", "hold", "duration"}, runConn},
	{"fanout", "one publisher, many subscribers on one subject",
		Load{Conns: 1000, Size: 128, Window: 1024, Readers: 1, Warmup: time.Second / 2, Duration: 3 * time.Second},
		[]string{"conns", "size", "rate", "window", "readers", "verify", "warmup", "duration"}, runFanout},
	{"broadcast", "one message at a time to many subscribers: until the last one has it",
		Load{Conns: 1000, Size: 128, Readers: 1, Warmup: time.Second / 2, Duration: 3 * time.Second},
		[]string{"conns", "size", "readers", "warmup", "duration", "settle", "hold"}, runBroadcast},
	{"spread", "one publisher, many subscribers on a subject each, in turn",
		Load{Conns: 1000, Size: 128, Window: 64, Readers: 1, Warmup: time.Second / 2, Duration: 3 * time.Second},
		[]string{"conns", "size", "rate", "window", "readers", "verify", "warmup", "duration"}, runSpread},
	{"fanin", "many publishers in turn, one message a write, one subscriber",
		Load{Conns: 1000, Size: 128, Window: 4096, Readers: 1, Warmup: time.Second / 2, Duration: 3 * time.Second},
		[]string{"conns", "size", "rate", "window", "readers", "verify", "warmup", "duration"}, runFanin},
	{"pairs", "publishers with one subscriber each",
		Load{Pairs: 1, Size: 16, Window: 32768, Readers: 1, Warmup: time.Second / 2, Duration: 3 * time.Second},
		[]string{"pairs", "size", "rate", "window", "readers", "verify", "warmup", "duration"}, runPairs},
	{"reqrep", "round trips of requests, one at a time",
		Load{Size: 16, Warmup: time.Second / 2, Duration: 2 * time.Second},
		[]string{"clients", "size", "rate", "window", "verify", "warmup", "duration"}, runReqrep},
	{"queue", "one publisher, many members of a queue group",
		Load{Conns: 100, Size: 128, Window: 16384, Warmup: time.Second / 2, Duration: 3 * time.Second},
		[]string{"conns", "size", "rate", "window", "verify", "warmup", "duration"}, runQueue},
	{"churn", "clients that connect, subscribe, get one message and leave",
		Load{Conns: 64, Size: 128, Readers: 1, Warmup: time.Second / 2, Duration: 3 * time.Second},
		[]string{"conns", "size", "rate", "readers", "verify", "warmup", "duration"}, runChurn},
	{"storm", "everybody connects at once: time to the last PONG",
		Load{Conns: 5000, Size: 128, Readers: 1},
		[]string{"conns", "size", "rate", "readers", "verify"}, runStorm},
	{"slow", "a share of the subscribers stops reading: what it is to the publisher and the others",
		Load{Conns: 100, Size: 1024, Window: 512, Share: 20, Warmup: time.Second / 2, Duration: 3 * time.Second, Hold: 13 * time.Second},
		[]string{"conns", "size", "rate", "window", "share", "verify", "warmup", "duration", "hold"}, runSlow},
	{"soak", "traffic, and clients that come and go, for long: the slope of memory",
		Load{Conns: 50, Size: 128, Rate: 1000, ConnRate: 50, Readers: 1, Warmup: time.Second, Duration: 20 * time.Second},
		[]string{"conns", "size", "rate", "conn-rate", "readers", "verify", "warmup", "duration"}, runSoak},
	{"subs", "many subjects: memory, cost of SUB, cost of a match",
		Load{Conns: 1000, PerConn: 1000, Size: 16, Window: 16384, Warmup: time.Second / 2, Duration: 2 * time.Second, Settle: 3 * time.Second},
		[]string{"conns", "perconn", "wild", "size", "window", "verify", "warmup", "duration", "settle"}, runSubs},
	{"quiet", "round trips of a quiet client's PING beside busy ones",
		Load{Conns: 10000, Size: 128, Rate: 100, Window: 8192, Warmup: time.Second / 2, Duration: 4 * time.Second},
		[]string{"conns", "size", "rate", "window", "beside", "verify", "warmup", "duration"}, runQuiet},
	{"handshakes", "messages of a plain client to itself, alone and beside clients that come and go",
		Load{Conns: 64, Size: 128, Rate: 1000, ConnRate: 200, Readers: 1, Warmup: time.Second / 2, Duration: 4 * time.Second},
		[]string{"conns", "size", "rate", "conn-rate", "readers", "warmup", "duration"}, runHandshakes},
	{"rules", "a user with permissions and one without publish in turns",
		Load{Conns: 100, Size: 128, Window: 4096, Readers: 1, Warmup: time.Second / 2, Duration: 4 * time.Second},
		[]string{"conns", "size", "window", "readers", "warmup", "duration"}, runRules},
}

// mixed runs others of the list, so it cannot stand in the list's own value.
func init() {
	Scenarios = append(Scenarios, Scenario{"mixed", "scenarios from a file, one after the other or beside each other",
		Load{}, []string{"file", "verify"}, runMixed})
}

// Find returns the scenario of that name.
func Find(name string) (Scenario, bool) {
	for _, s := range Scenarios {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

// A Metric is one number a run found.
type Metric struct {
	Name  string  `json:"name"` // stable: figures and scripts refer to it
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// A Result is what one run found.
type Result struct {
	Scenario      string         `json:"scenario"`
	Load          Load           `json:"load"`
	Broker        Broker         `json:"broker"`
	Metrics       []Metric       `json:"metrics"`
	Distributions []Distribution `json:"distributions,omitempty"`
	Moments       []Moment       `json:"moments,omitempty"`  // second by second
	Stages        []*Result      `json:"stages,omitempty"`   // of mixed
	Notes         []string       `json:"notes,omitempty"`    // how it was measured
	Warnings      []string       `json:"warnings,omitempty"` // what makes it doubtful
	Failure       string         `json:"failure,omitempty"`  // what the broker did wrong
}

// Metric returns the value of that name.
func (r *Result) Metric(name string) (float64, bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// Run puts target under the scenario's load. It blocks until the load is over
// and every connection of it is closed. Runs beside each other share what they cost.
func (s Scenario) Run(target Target, load Load) (*Result, error) {
	if load.Readers == 0 {
		load.Readers = 1
	}
	load.Window = min(load.Window, max(epochsAhead, windowBytesMax/max(1, load.Size)))
	// Our loops are locked threads; pacers, the driver and the collector need
	// room beside them.
	if want := load.Readers + 4; runtime.GOMAXPROCS(0) < want {
		runtime.GOMAXPROCS(want)
	}
	r := &run{target: target, load: load, rate: load.Rate, id: nuid.Next()[:8]}
	r.result = &Result{Scenario: s.Name, Load: load}
	if err := CheckProtocol(target.Protocol, s.Name); err != nil {
		return nil, err
	}
	broker, err := r.dialect().greet(target)
	if err != nil {
		return nil, err
	}
	r.result.Broker = broker
	if slices.Contains(s.Flags, "size") {
		r.noteSizes()
	}
	if target.Process != 0 {
		if r.idle, err = target.Process.Usage(); err != nil {
			return nil, err
		}
	}
	r.stopMonitor = sync.OnceFunc(r.monitor(s.Name))
	err = s.run(r)
	r.stopMonitor()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	r.result.Moments = r.moments.all
	r.verdict()
	return r.result, nil
}

// A run is one scenario on its way.
type run struct {
	target Target
	load   Load
	rate   int    // messages a second; 0 is full speed
	id     string // in every subject, so that runs beside ours do not meet us
	result *Result

	// Verification and latency.
	tally       tally
	streamCount uint32
	composers   []*composer
	sampling    int // one delivery in so many has its latency recorded

	idle        Usage                 // the broker's, before anything was opened
	fleet       atomic.Pointer[fleet] // the present one
	moments     outline               // the monitor's until it is stopped
	stopMonitor func()
}

// subject is the i-th of this run's subjects.
func (r *run) subject(i int) string { return "b." + r.id + "." + strconv.Itoa(i) }

// report adds one metric.
func (r *run) report(name string, value float64, unit string) {
	r.result.Metrics = append(r.result.Metrics, Metric{name, value, unit})
}

// note adds one remark on how something was measured.
func (r *run) note(format string, args ...any) {
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
}

// noteSizes says so if payloads are larger than asked for.
func (r *run) noteSizes() {
	least := r.load.Size
	for _, s := range r.load.Mix {
		least = min(least, s.Size)
	}
	if need := r.sizeMin(); least < need {
		r.note("payloads are %d bytes at least, more than --size says: they carry times or numbers", need)
	}
}

// warn adds one warning.
func (r *run) warn(format string, args ...any) {
	r.result.Warnings = append(r.result.Warnings, fmt.Sprintf(format, args...))
}

// sub is the line that subscribes to a subject as subscription 1.
func sub(subject string) []byte { return []byte("SUB " + subject + " 1\r\n") }

// Check reports a load that the scenario cannot run.
func (load Load) Check(s Scenario) error {
	for name, v := range map[string]int{
		"conns": load.Conns, "pairs": load.Pairs, "perconn": load.PerConn, "window": load.Window, "readers": load.Readers,
	} {
		if name == "window" && s.Name == "reqrep" && v == 0 {
			continue // one at a time
		}
		if slices.Contains(s.Flags, name) && v < 1 {
			return fmt.Errorf("--%s %d is less than 1", name, v)
		}
	}
	switch {
	case load.Size < 0 || load.Size > sizeMax:
		return fmt.Errorf("--size %d is not between 0 and %d", load.Size, sizeMax)
	case load.Rate < 0 || load.Rate > rateMax:
		return fmt.Errorf("--rate %d is not between 0 and %d", load.Rate, rateMax)
	case load.Clients < 0 || load.Clients > 2:
		return fmt.Errorf("--clients %d is not 0, 1 or 2", load.Clients)
	case load.Beside != "" && !slices.Contains(Sides, load.Beside):
		return fmt.Errorf("--beside %q is not one of %v", load.Beside, Sides)
	case slices.Contains(s.Flags, "share") && (load.Share < 1 || load.Share > 99 || load.Conns < 2):
		return fmt.Errorf("--share %d of --conns %d: both sides need somebody", load.Share, load.Conns)
	case s.Name == "soak" && load.Rate == 0:
		return errors.New("--rate 0: a soak is at a rate")
	case s.Name == "reqrep" && (load.Rate > 0 || load.Window > 0) && load.Clients != 0:
		return errors.New("--clients is for requests one at a time, without --rate and --window")
	case load.ConnRate < 0 || load.ConnRate > rateMax:
		return fmt.Errorf("--conn-rate %d is not between 0 and %d", load.ConnRate, rateMax)
	case load.Duration < 0 || load.Warmup < 0 || load.Settle < 0 || load.Ramp < 0 || load.Hold < 0:
		return errors.New("a duration is negative")
	}
	return nil
}

const (
	sizeMax = 1 << 20 // the usual max_payload

	// windowBytesMax is how far a subscriber may be behind at full speed, whatever
	// the window: brokers cut those that are 64 MB behind.
	windowBytesMax = 8 << 20

	rateMax = 5_000_000
)
