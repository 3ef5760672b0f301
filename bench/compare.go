package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// A Contender is one broker of a comparison.
type Contender struct {
	Name      string   `json:"name"`
	Protocol  string   `json:"protocol,omitempty"` // see Protocols; "" is nats
	Command   []string `json:"command"`            // {port} is filled in; see Spawn
	Config    string   `json:"config,omitempty"`   // text of the file {config} in Command stands for
	Ask       []string `json:"-"`                  // prints its version; none asks Command[0] --version
	Profile   []string `json:"-"`                  // further arguments with {profile}
	Monitor   []string `json:"-"`                  // further arguments with {monitor}, if it has a /varz that FetchVarz reads
	Scenarios []string `json:"scenarios,omitempty"`
	Tasks     []string `json:"tasks,omitempty"`  // names from Table.Tasks, empty for all it can
	Beyond    []string `json:"beyond,omitempty"` // tasks it is known not to get through
	Version   string   `json:"version"`          // what it says of itself

	tls   *tls.Config // how clients encrypt, nil if they do not
	login Login       // who they are
	free  Login       // who may do all
}

// runs reports whether the contender takes part in a task: without lists, in all its
// protocol has words for.
func (c Contender) runs(t task) bool {
	return CheckProtocol(c.Protocol, t.scenario) == nil &&
		(len(c.Scenarios) == 0 || slices.Contains(c.Scenarios, t.scenario)) &&
		(len(c.Tasks) == 0 || slices.Contains(c.Tasks, t.name)) && !slices.Contains(c.Beyond, t.name) &&
		(!t.how.whole || c.whole()) && (!t.how.monitored || len(c.Monitor) > 0)
}

// whole reports whether the contender serves all of NATS.
func (c Contender) whole() bool {
	return dialects[c.Protocol] == natsDialect{} && len(c.Scenarios) == 0
}

// A Plan says what to compare.
type Plan struct {
	Table      Table
	Contenders []Contender
	Pairs      []Pair // ratios to report
	Rounds     int
	Only       []string // names from Table.Tasks, empty for all
	Quick      bool     // less load: a look, not a figure
	Scale      float64  // of measured durations, 1 for the usual
	Progress   io.Writer
}

// A Figure is one row of the table.
type Figure struct {
	Name   string             `json:"name"`
	Label  string             `json:"label"`
	Unit   string             `json:"unit"`
	Load   Load               `json:"load"`
	Rounds int                `json:"rounds,omitempty"`  // if fewer than the comparison's
	RateOf string             `json:"rate_of,omitempty"` // the contender half of whose rate is the load's
	Values map[string][]Value `json:"values"`            // by contender, one a round unless it failed
	Ratios map[string]*Ratio  `json:"ratios,omitempty"`  // by pair: "ours/nats"
}

// A Value is what one contender reached in one round.
type Value struct {
	Round int     `json:"round"` // from 1
	Value float64 `json:"value"`
}

// A Comparison is all rows, and what is needed to make them again.
type Comparison struct {
	Machine    Machine     `json:"machine"`
	Rounds     int         `json:"rounds"`
	Scale      float64     `json:"scale"` // of measured durations
	Quick      bool        `json:"quick,omitempty"`
	Contenders []Contender `json:"contenders"`
	Pairs      []Pair      `json:"pairs"`
	Figures    []*Figure   `json:"figures"`
	Musts      []Must      `json:"musts,omitempty"`
	Warnings   []string    `json:"warnings,omitempty"`
}

// Run makes the figures. In each round every task runs against every contender in
// turn, each freshly started; who is first changes from round to round. A task that
// fails is warned of and leaves its rows without that value. The error is
// ctx's end, or a contender that cannot be started at all.
func (p Plan) Run(ctx context.Context) (*Comparison, error) {
	c := &Comparison{Machine: ThisMachine(), Rounds: p.Rounds, Scale: p.Scale, Quick: p.Quick, Pairs: p.Pairs,
		Contenders: slices.Clone(p.Contenders)}
	for i := range c.Contenders {
		v, err := version(ctx, c.Contenders[i])
		if err != nil {
			return nil, err
		}
		c.Contenders[i].Version = v
	}
	chosen := p.chosen()
	for _, t := range chosen {
		c.Figures = append(c.Figures, t.figures(p.Rounds)...)
	}
	show := p.newAgenda(chosen, c.Contenders)
	for round := range p.Rounds {
		for i := range chosen {
			if chosen[i].how.past(round) {
				continue
			}
			if err := p.task(ctx, c, &chosen[i], round, show); err != nil {
				return nil, err
			}
		}
	}
	for _, fig := range c.Figures {
		fig.compare(c.Pairs)
	}
	return c, c.judge(chosen)
}

// task runs a task of one round against every contender in turn.
func (p Plan) task(ctx context.Context, c *Comparison, t *task, round int, show *agenda) error {
	if t.how.half && t.load.Rate == 0 {
		if err := p.saturate(ctx, c, t); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s, round %d has no rate, so it is left out: %v", t.name, round+1, err))
			return nil
		}
		show.saturated(*t)
	}
	for i := range c.Contenders {
		who := c.Contenders[(i+round)%len(c.Contenders)]
		if !who.runs(*t) {
			continue
		}
		result, err := p.once(ctx, *t, who)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.note(*t, who, round+1, result, err)
		show.say(round, *t, who, result, err)
	}
	return nil
}

// figures are the task's rows without values.
func (t task) figures(rounds int) []*Figure {
	var all []*Figure
	for _, r := range t.rows {
		fig := &Figure{Name: r.name, Label: r.label, Load: t.load, Values: map[string][]Value{}}
		if t.how.rounds > 0 && t.how.rounds < rounds {
			fig.Rounds = t.how.rounds
		}
		if t.how.half {
			fig.RateOf = reference
		}
		all = append(all, fig)
	}
	return all
}

// past reports whether a round, counted from 0, is more than there are to be.
func (h how) past(round int) bool { return h.rounds > 0 && round >= h.rounds }

// chosen are the tasks to run, with their loads.
func (p Plan) chosen() []task {
	var out []task
	for _, t := range tasks {
		if t, ok := t.planned(p); ok {
			out = append(out, t)
		}
	}
	return out
}

// Needs reports whether a contender takes part in any task of the plan.
func (p Plan) Needs(who Contender) bool { return slices.ContainsFunc(p.chosen(), who.runs) }

// Rows are the names of the rows the plan will make.
func (p Plan) Rows() []string {
	var names []string
	for _, t := range p.chosen() {
		for _, r := range t.rows {
			names = append(names, r.name)
		}
	}
	return names
}

// once runs one task against a fresh broker.
func (p Plan) once(ctx context.Context, t task, who Contender) (*Result, error) {
	if t.how.profiled {
		who.Command = slices.Concat(who.Command, who.Profile)
	}
	if t.how.monitored {
		who.Command = slices.Concat(who.Command, who.Monitor)
	}
	if t.how.setup != nil {
		dir, err := os.MkdirTemp("", "gnatsd-ev-bench-*")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		t.how.setup.apply(&who, dir)
	}
	broker, err := who.Spawn(ctx)
	if err != nil {
		return nil, err
	}
	defer broker.Stop()
	s, ok := Find(t.scenario)
	if !ok {
		return nil, fmt.Errorf("no scenario %q", t.scenario)
	}
	return s.Run(broker.Target, t.load)
}

// note puts a result's metrics into their rows.
func (c *Comparison) note(t task, who Contender, round int, result *Result, err error) {
	if err != nil {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s, %s, round %d FAILED and does not count: %v", t.name, who.Name, round, err))
		return
	}
	for _, w := range result.Warnings {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s, %s: %s", t.name, who.Name, w))
	}
	for _, r := range t.rows {
		for _, m := range result.Metrics {
			if m.Name != r.metric {
				continue
			}
			if fig := c.Figure(r.name); fig != nil {
				fig.Unit = m.Unit
				fig.Values[who.Name] = append(fig.Values[who.Name], Value{round, m.Value})
			}
		}
	}
}

// Figure returns the row of that name, or nil.
func (c *Comparison) Figure(name string) *Figure {
	for _, fig := range c.Figures {
		if fig.Name == name {
			return fig
		}
	}
	return nil
}

// median is the middle of a contender's rounds.
func (fig *Figure) median(who string) float64 { return Median(fig.values(who)) }

// values are a contender's, in the order of rounds.
func (fig *Figure) values(who string) []float64 {
	var values []float64
	for _, v := range fig.Values[who] {
		values = append(values, v.Value)
	}
	return values
}

// version is what a broker prints when asked. Some brokers print it and fail.
func version(ctx context.Context, who Contender) (string, error) {
	ask := who.Ask
	if len(ask) == 0 {
		ask = []string{who.Command[0], "--version"}
	}
	out, err := exec.CommandContext(ctx, ask[0], ask[1:]...).CombinedOutput()
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil && (first == "" || !errors.As(err, new(*exec.ExitError))) {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(ask, " "), err, out)
	}
	return first, nil
}
