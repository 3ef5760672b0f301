package broker

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/loop"
)

// A million sessions in one process, over sockets in memory: what they take of our own
// memory, and what becomes of everybody else while all of them get a message.
//
// With GNATSD_EV_SCALE=1000000 the numbers are meant; without, that it works.

const scaleVariable = "GNATSD_EV_SCALE"

// A crowdRig is a broker over sockets in memory. Its actors are one that asks PING on each
// loop and, last, a publisher on loop 0.
type crowdRig struct {
	*Broker
	t       *testing.T
	k       *memKernel
	clients int
	askers  []*actor
	pub     *actor
	figures []figure
}

// A figure is one line of the report.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

func startCrowd(t *testing.T, loops, clients int, s script, adjust func(*config.Options)) *crowdRig {
	t.Helper()
	r := &crowdRig{t: t, clients: clients, pub: &actor{}}
	for range loops {
		r.askers = append(r.askers, &actor{})
	}
	r.k = newMemKernel(clients, s, append(slices.Clone(r.askers), r.pub)...)
	o := config.Default()
	o.Host, o.Port, o.Loops, o.Pin, o.IOUring = "127.0.0.1", config.RandomPort, loops, config.Off, config.Off
	if adjust != nil {
		adjust(o)
	}
	threads, percent := runtime.GOMAXPROCS(0), debug.SetGCPercent(200) // as the program sets it
	b, err := newOver(standing(r.k, o), o, Identity{ID: "TEST", Name: "test", Version: "0"}, logging.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	r.Broker = b
	t.Cleanup(func() {
		b.Shutdown(time.Second)
		runtime.GOMAXPROCS(threads)
		debug.SetGCPercent(percent)
		for _, w := range r.k.wrongs {
			t.Error(w)
		}
	})
	for i := range r.k.actors { // one by one, so that each comes to the loop it is for
		r.k.dial(1)
		r.reach("an actor is answered", func(p *memPoller) *atomic.Int64 { return &p.answers }, i+1)
		if home := int(r.k.at(i).home) - 1; home != i%loops {
			t.Fatalf("actor %d came to loop %d", i, home)
		}
	}
	return r
}

// reach waits until a counter has come to n on all loops together, and returns how long that took.
func (r *crowdRig) reach(why string, of func(*memPoller) *atomic.Int64, n int) time.Duration {
	r.t.Helper()
	begin, last, progress := time.Now(), int64(-1), time.Now()
	for {
		have := r.k.sum(of)
		switch {
		case have == int64(n):
			return time.Since(begin)
		case have > int64(n):
			r.t.Fatalf("%s: %d times, not %d", why, have, n)
		case have != last:
			last, progress = have, time.Now()
		case time.Since(progress) > patience:
			r.t.Fatalf("%s: %d times of %d, and then no more for %v", why, have, n, patience)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func (r *crowdRig) report(name string, value float64, unit string) {
	r.figures = append(r.figures, figure{name, value, unit})
}

func (r *crowdRig) reportTime(name string, d time.Duration) { r.report(name, d.Seconds()*1e3, "ms") }

// longest returns how long a loop did not look at its sockets, and an asker waited, at most since
// it was last called.
func (r *crowdRig) longest() (stall, answer time.Duration) {
	for _, p := range r.k.pollers {
		stall = max(stall, p.takeLongest())
	}
	for _, a := range r.askers {
		answer = max(answer, a.takeLongest())
	}
	return stall, answer
}

// stalls reports the longest of a phase.
func (r *crowdRig) stalls(phase string) {
	stall, answer := r.longest()
	r.reportTime(phase+": longest stall of a loop", stall)
	if answer > 0 {
		r.reportTime(phase+": slowest PONG to a quiet client", answer)
	}
}

// heapInUse is what the heap's spans take once the dead are gone.
func heapInUse() (spans, live uint64) {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go only the second finds
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse, m.HeapAlloc
}

// A collecting is what the collector has done at a moment.
type collecting struct {
	cycles uint64
	pauses *metrics.Float64Histogram
}

func collectingNow() collecting {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	h := *s[1].Value.Float64Histogram()
	h.Counts = slices.Clone(h.Counts)
	return collecting{s[0].Value.Uint64(), &h}
}

// since returns how many cycles there were after before, and a bound of the longest pause.
func (c collecting) since(before collecting) (cycles uint64, longest time.Duration) {
	for i, n := range c.pauses.Counts {
		if n > before.pauses.Counts[i] {
			longest = time.Duration(c.pauses.Buckets[i+1] * float64(time.Second))
		}
	}
	return c.cycles - before.cycles, longest
}

// connect lets everybody come at once, and measures what they take.
func (r *crowdRig) connect(spans, live uint64) {
	before := collectingNow()
	r.longest()
	r.k.dial(r.clients)
	took := r.reach("a client is answered", func(p *memPoller) *atomic.Int64 { return &p.answers }, r.clients+len(r.k.actors))
	cycles, pause := collectingNow().since(before)
	r.report("connect: sessions", float64(r.clients), "")
	r.report("connect: sessions a second", float64(r.clients)/took.Seconds(), "1/s")
	r.stalls("connect")
	r.report("connect: collections", float64(cycles), "")
	r.reportTime("connect: longest pause of the collector, at most", pause)
	r.reach("a client has had its first PING", func(p *memPoller) *atomic.Int64 { return &p.pinged }, r.clients+len(r.k.actors))
	r.stalls("first PINGs")

	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.report("memory: of the whole process, with what waits to be collected", float64(m.Sys-m.HeapReleased)/(1<<20), "MB")
	spansNow, liveNow := heapInUse()
	n := float64(r.clients)
	r.report("memory: heap in use, a session", (float64(spansNow)-float64(spans))/n, "B")
	r.report("memory: objects that live, a session", (float64(liveNow)-float64(live))/n, "B")
	r.report("memory: heap in use, all sessions", (float64(spansNow)-float64(spans))/(1<<20), "MB")
}

// broadcast publishes one message to all and waits until all have had it.
func (r *crowdRig) broadcast(sofar int) time.Duration {
	begin := time.Now()
	r.pub.say(pub(r.k.script.common, r.k.script.payload) + "\r\n")
	r.reach("a message to all is delivered", func(p *memPoller) *atomic.Int64 { return &p.delivered }, (sofar+1)*r.clients)
	return time.Since(begin)
}

// broadcasts publishes some messages, with the collector at rest and then at work.
func (r *crowdRig) broadcasts(times int) {
	for _, a := range r.askers {
		a.ask()
	}
	r.longest()
	before := collectingNow()
	var took []time.Duration
	for i := range times {
		took = append(took, r.broadcast(i))
	}
	slices.Sort(took)
	cycles, pause := collectingNow().since(before)
	r.report("broadcast: messages", float64(times), "")
	r.report("broadcast: deliveries, each counted", float64(r.k.sum(func(p *memPoller) *atomic.Int64 { return &p.delivered })), "")
	r.reportTime("broadcast: until the last has it, median", took[len(took)/2])
	r.reportTime("broadcast: until the last has it, slowest", took[len(took)-1])
	r.stalls("broadcast")
	r.report("broadcast: collections", float64(cycles), "")
	r.reportTime("broadcast: longest pause of the collector, at most", pause)

	// Messages allocate nothing, so that a collection beside them has to be asked for.
	before = collectingNow()
	cycle := make(chan time.Duration)
	go func() { // ends with its collection
		begin := time.Now()
		runtime.GC()
		cycle <- time.Since(begin)
	}()
	during := times
	var longest time.Duration
	for done := false; !done; during++ {
		r.broadcast(during)
		select {
		case longest = <-cycle:
			done = true
		default:
		}
	}
	_, pause = collectingNow().since(before)
	r.report("collection: messages to all meanwhile", float64(during-times), "")
	r.reportTime("collection: the cycle", longest)
	r.reportTime("collection: longest pause, at most", pause)
	r.stalls("collection")
	for i := len(r.k.actors); i < r.k.count; i++ {
		if got := r.k.at(i).got; got != uint32(during) {
			r.t.Fatalf("client %d has had %d messages of %d", i, got, during)
		}
	}
}

// single publishes to the own subjects of some clients.
func (r *crowdRig) single(n int) {
	var b strings.Builder
	for range n {
		i := len(r.k.actors) + rand.IntN(r.clients)
		b.WriteString(pub(r.k.script.own+strconv.Itoa(i), r.k.script.payload) + "\r\n")
	}
	r.pub.say(b.String())
	took := r.reach("a message to one is delivered", func(p *memPoller) *atomic.Int64 { return &p.own }, n)
	r.report("own subjects: microseconds a message", took.Seconds()*1e6/float64(n), "us")
}

// leave lets everybody go at once.
func (r *crowdRig) leave(spans uint64) {
	r.longest()
	begin := time.Now()
	r.k.leave()
	r.reach("a connection is closed", func(p *memPoller) *atomic.Int64 { return &p.closed }, r.clients)
	r.reportTime("close: until the last is closed", time.Since(begin))
	r.stalls("close")
	for _, a := range r.askers {
		a.asks.Store(false)
	}
	var h holdings
	eventually(r.t, "with only the actors left nothing else is held", func() bool {
		h = holdingsOf(r.Broker)
		return h == holdings{conns: len(r.k.actors)}
	}, func() any { return h })
	after, _ := heapInUse()
	r.report("close: heap in use, more than before anybody came", (float64(after)-float64(spans))/(1<<20), "MB")
}

func (r *crowdRig) print() {
	w := tabwriter.NewWriter(r.t.Output(), 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, f := range r.figures {
		fmt.Fprintf(w, "%s\t%.*f\t %-3s\t\n", f.Name, decimals(f.Value), f.Value, f.Unit)
	}
	w.Flush()
	line, err := json.Marshal(r.figures)
	if err != nil {
		r.t.Fatal(err)
	}
	fmt.Fprintf(r.t.Output(), "json %s\n", line)
}

func decimals(v float64) int {
	if v == float64(int64(v)) || v >= 1000 {
		return 0
	}
	return 2
}

// nothing is what a loop does to show that it has come to rest.
func nothing(*loop.Loop) {}

func TestSessionsByTheMillion(t *testing.T) {
	clients, every := scale(2_000, 20_000, 20_000), 300*time.Millisecond
	if text := os.Getenv(scaleVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", scaleVariable, err)
		}
		clients, every = n, config.DefaultPingInterval
	}
	word := strings.Repeat("w", 128)
	r := startCrowd(t, 2, clients, newScript("all", "own.", word), func(o *config.Options) {
		o.PingInterval, o.PingMax = every, 1<<20 // a machine with much else to do makes nobody stale
	})
	onLoops(r.Broker, nothing) // all that a broker makes once is there
	spans, live := heapInUse()
	r.connect(spans, live)
	r.single(min(1000, clients))
	r.broadcasts(5)
	r.leave(spans)
	r.print()
}
