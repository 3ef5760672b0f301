package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Table is a choice of tasks.
type Table uint8

const (
	// FiguresTable is the broker beside nats-server, in everything that both do.
	FiguresTable Table = 1 << iota
	// CompareTable is the broker beside brokers with other protocols: what all of
	// them do, and what only some do.
	CompareTable
	// SecuredTable is the broker beside nats-server where both have something to protect: TLS, users,
	// permissions.
	SecuredTable

	bothTables = FiguresTable | CompareTable
)

// A task is one scenario with one load: what a broker is started for. Its name
// is what --only selects, and the prefix of its rows' names.
type task struct {
	name     string
	scenario string
	load     Load
	in       Table
	how      how
	rows     []row
}

// A how is what is particular about a task; the zero value is usual.
type how struct {
	profiled  bool // start the broker with net/http/pprof
	monitored bool // only brokers that tell of their loops; see FetchVarz
	whole     bool // only brokers that serve all of NATS
	half      bool // at half the rate that the reference carries; see saturate
	long      bool // only at full durations: it takes its time
	rounds    int  // not more of them than this; 0 is no bound

	setup *setup // how brokers are configured, nil is as they come
}

// A row is one metric of a task in the table. Less is better unless the label
// says otherwise.
type row struct {
	name   string
	label  string // {hold} stands for the load's
	metric string // of the task's result
	musts  string // limits without the row's name, with blanks between: what is to hold
}

// reference is the contender that others are to be ahead of, and half of whose rate is
// the load of some tasks.
const reference = "nats"

const (
	// shortHold is how long connections are held at most unless durations are full.
	shortHold = 10 * time.Second

	// memoryRounds and matchRounds bound rounds of what takes long and differs little
	// from round to round.
	memoryRounds = 2
	matchRounds  = 3
)

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

// planned is the task as a plan runs it, with its load; ok is false if the plan has no
// place for it.
func (t task) planned(p Plan) (_ task, ok bool) {
	if t.in&p.Table == 0 || len(p.Only) > 0 && !slices.Contains(p.Only, t.name) {
		return t, false
	}
	if full := p.Scale >= 1 && !p.Quick; t.how.long && !full && !slices.Contains(p.Only, t.name) {
		return t, false
	}
	t.load.Warmup = figureWarmup
	t.load.Duration = time.Duration(float64(t.load.Duration) * p.Scale)
	if p.Scale < 1 {
		t.load.Hold = min(t.load.Hold, shortHold)
	}
	if p.Quick {
		t.load = t.load.quickly()
	}
	t.rows = slices.Clone(t.rows)
	for i := range t.rows {
		t.rows[i].label = strings.ReplaceAll(t.rows[i].label, "{hold}", fmt.Sprintf("%v s", t.load.Hold.Seconds()))
	}
	return t, true
}

// quickly is the load of a short look: the same shape, less of it.
func (load Load) quickly() Load {
	load.Duration /= 2
	load.Settle /= 3
	load.Hold = min(load.Hold, shortHold/5)
	if load.Conns > 2000 {
		load.Conns /= 5
	}
	if load.PerConn > 0 {
		load.PerConn = max(1, load.PerConn/5)
	}
	return load
}

// limits are what is to hold of a row's figures.
func (r row) limits() ([]Limit, error) {
	var all []Limit
	for _, text := range strings.Fields(r.musts) {
		l, err := ParseLimit(r.name + "." + text)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}
