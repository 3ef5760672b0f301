package bench

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Contender is one broker of a comparison.
type Contender struct {
	Name    string   `json:"name"`
	Command []string `json:"command"` // {port} is filled in; see Spawn
	Profile []string `json:"-"`       // further arguments with {profile}
	Version string   `json:"version"` // what it says of itself
}

// Figures says what to compare.
type Figures struct {
	Contenders []Contender // ratios are the first's to the last's
	Rounds     int
	Only       []string // names from FigureTasks, empty for all
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
	Values map[string][]Value `json:"values"` // by contender, one a round unless it failed
	Ratio  *Ratio             `json:"ratio,omitempty"`
}

// A Value is what one contender reached in one round.
type Value struct {
	Round int     `json:"round"` // from 1
	Value float64 `json:"value"`
}

// A Ratio is how the first contender did to the last in the rounds that both
// finished; below 1 it did better.
type Ratio struct {
	Rounds int     `json:"rounds"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// A Comparison is all rows, and what is needed to make them again.
type Comparison struct {
	Machine    Machine     `json:"machine"`
	Rounds     int         `json:"rounds"`
	Quick      bool        `json:"quick,omitempty"`
	Contenders []Contender `json:"contenders"`
	Figures    []*Figure   `json:"figures"`
	Warnings   []string    `json:"warnings,omitempty"`
}

// Run makes the figures. In each round every task runs against every contender in
// turn, each freshly started; who is first changes from round to round. A task that
// fails is warned of and leaves its rows without that value. The error is
// ctx's end, or a contender that cannot be started at all.
func (f Figures) Run(ctx context.Context) (*Comparison, error) {
	c := &Comparison{Machine: ThisMachine(), Rounds: f.Rounds, Quick: f.Quick, Contenders: slices.Clone(f.Contenders)}
	for i := range c.Contenders {
		v, err := version(ctx, c.Contenders[i].Command[0])
		if err != nil {
			return nil, err
		}
		c.Contenders[i].Version = v
	}
	chosen := f.chosen()
	for _, t := range chosen {
		for _, r := range t.rows {
			c.Figures = append(c.Figures, &Figure{Name: r.name, Label: r.label, Load: t.load, Values: map[string][]Value{}})
		}
	}
	start := time.Now()
	for round := range f.Rounds {
		for _, t := range chosen {
			for i := range c.Contenders {
				who := c.Contenders[(i+round)%len(c.Contenders)]
				result, err := f.once(ctx, t, who)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				c.note(t, who, round+1, result, err)
				f.say(start, round, t, who, result, err)
			}
		}
	}
	for _, fig := range c.Figures {
		fig.compare(c.Contenders)
	}
	return c, nil
}

// chosen are the tasks to run, with their loads.
func (f Figures) chosen() []task {
	var out []task
	for _, t := range tasks {
		if len(f.Only) > 0 && !slices.Contains(f.Only, t.name) {
			continue
		}
		t.load.Warmup = figureWarmup
		t.load.Duration = time.Duration(float64(t.load.Duration) * f.Scale)
		if f.Quick {
			t.load = t.load.quickly()
		}
		out = append(out, t)
	}
	return out
}

// once runs one task against a fresh broker.
func (f Figures) once(ctx context.Context, t task, who Contender) (*Result, error) {
	command := who.Command
	if t.profiled {
		command = slices.Concat(command, who.Profile)
	}
	broker, err := SpawnArgs(ctx, command)
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
			for _, fig := range c.Figures {
				if fig.Name == r.name {
					fig.Unit = m.Unit
					fig.Values[who.Name] = append(fig.Values[who.Name], Value{round, m.Value})
				}
			}
		}
	}
}

// say prints one line of progress.
func (f Figures) say(start time.Time, round int, t task, who Contender, result *Result, err error) {
	fmt.Fprintf(f.Progress, "%5.0fs  round %d/%d  %-10s %-8s", time.Since(start).Seconds(), round+1, f.Rounds, t.name, who.Name)
	if err != nil {
		fmt.Fprintf(f.Progress, "  failed: %v\n", err)
		return
	}
	for _, r := range t.rows {
		if v, ok := result.Metric(r.metric); ok {
			fmt.Fprintf(f.Progress, "  %s %s", r.metric, number(v))
		}
	}
	fmt.Fprintln(f.Progress)
}

// compare makes the ratio of the first contender to the last over the rounds that
// both finished.
func (fig *Figure) compare(contenders []Contender) {
	if len(contenders) < 2 {
		return
	}
	var ratios []float64
	for _, ours := range fig.Values[contenders[0].Name] {
		for _, theirs := range fig.Values[contenders[len(contenders)-1].Name] {
			if ours.Round == theirs.Round && theirs.Value != 0 {
				ratios = append(ratios, ours.Value/theirs.Value)
			}
		}
	}
	if len(ratios) > 0 {
		fig.Ratio = &Ratio{Rounds: len(ratios), Median: Median(ratios), Min: slices.Min(ratios), Max: slices.Max(ratios)}
	}
}

// median is the middle of a contender's rounds.
func (fig *Figure) median(who string) float64 {
	var values []float64
	for _, v := range fig.Values[who] {
		values = append(values, v.Value)
	}
	return Median(values)
}

// WriteTable prints the comparison for people, as Markdown reads it.
func (c *Comparison) WriteTable(w io.Writer) error {
	m := c.Machine
	fmt.Fprintf(w, "%s, %d processors (%s), %s, %s, %d rounds\n", m.Date.Format(time.DateOnly), m.Processors, m.Processor, m.System, m.Go, c.Rounds)
	for _, who := range c.Contenders {
		fmt.Fprintf(w, "%s: %s (%s)\n", who.Name, who.Version, strings.Join(who.Command, " "))
	}
	if c.Quick {
		fmt.Fprintln(w, "A quick look: less load than the labels say, and no figures.")
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprint(t, "| median\t| unit\t")
	for _, who := range c.Contenders {
		fmt.Fprintf(t, "| %s\t", who.Name)
	}
	fmt.Fprintf(t, "| %s / %s\t| min..max\t|\n|---\t|---\t%s|---\t|---\t|\n",
		c.Contenders[0].Name, c.Contenders[len(c.Contenders)-1].Name, strings.Repeat("|---\t", len(c.Contenders)))
	for _, fig := range c.Figures {
		fmt.Fprintf(t, "| %s\t| %s\t", fig.Label, fig.Unit)
		for _, who := range c.Contenders {
			switch n := len(fig.Values[who.Name]); n {
			case 0:
				fmt.Fprint(t, "| -\t")
			case c.Rounds:
				fmt.Fprintf(t, "| %s\t", number(fig.median(who.Name)))
			default: // says that it is less than what it should be
				fmt.Fprintf(t, "| %s (%d of %d)\t", number(fig.median(who.Name)), n, c.Rounds)
			}
		}
		if r := fig.Ratio; r != nil {
			fmt.Fprintf(t, "| %.3f\t| %.3f..%.3f\t|\n", r.Median, r.Min, r.Max)
		} else {
			fmt.Fprint(t, "| -\t| -\t|\n")
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, text := range c.Warnings {
		if i == warningsMax {
			fmt.Fprintf(w, "warning: and %d more, see the JSON\n", len(c.Warnings)-i)
			break
		}
		fmt.Fprintln(w, "warning:", text)
	}
	return nil
}

// warningsMax is how many warnings the table shows.
const warningsMax = 12

// version is what a broker prints when asked.
func version(ctx context.Context, path string) (string, error) {
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w: %s", path, err, out)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return first, nil
}
