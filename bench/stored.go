package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
)

// Two stored runs side by side.

// Old is what limits call the older of two runs: burst.ours/old>1.05.
const Old = "old"

// A Change is how one contender's row differs between two runs.
type Change struct {
	Row       string  `json:"row"`
	Label     string  `json:"label"`
	Contender string  `json:"contender"`
	Unit      string  `json:"unit"`
	Was       float64 `json:"was"` // median
	Is        float64 `json:"is"`
	Ratio     *Ratio  `json:"ratio"`            // is by was
	Beside    *Ratio  `json:"beside,omitempty"` // the same of its ratio to Base: what the machine's mood does not move
}

// Changes are two runs side by side.
type Changes struct {
	Old      Machine  `json:"old"`
	New      Machine  `json:"new"`
	Base     string   `json:"base,omitempty"`
	Changes  []Change `json:"changes"`
	Warnings []string `json:"warnings,omitempty"`
}

// ReadComparison reads what Plan.Run's result was written as.
func ReadComparison(r io.Reader) (*Comparison, error) {
	var c Comparison
	if err := json.NewDecoder(r).Decode(&c); err != nil {
		return nil, fmt.Errorf("not a stored comparison: %w", err)
	}
	if len(c.Figures) == 0 {
		return nil, fmt.Errorf("not a stored comparison: it has no figures")
	}
	return &c, nil
}

// Differences sets two runs side by side, as far as both have the same rows and
// contenders. base may be a contender of both, or empty.
func Differences(was, is *Comparison, base string) *Changes {
	d := &Changes{Old: was.Machine, New: is.Machine, Base: base}
	d.warnOfMachines()
	if was.Scale != is.Scale || was.Quick != is.Quick {
		d.Warnings = append(d.Warnings, "one run was longer than the other")
	}
	for _, fig := range is.Figures {
		before := was.Figure(fig.Name)
		if before == nil {
			continue
		}
		load := fig.Load
		load.Duration = before.Load.Duration // warned of above
		if fig.RateOf != "" && fig.RateOf == before.RateOf {
			load.Rate = before.Load.Rate // each run finds its own
		}
		if !reflect.DeepEqual(load, before.Load) {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%s is left out: its load has changed", fig.Name))
			continue
		}
		for _, who := range is.Contenders {
			d.add(before, fig, who.Name)
		}
	}
	return d
}

func (d *Changes) warnOfMachines() {
	for _, k := range [...]struct{ what, was, is string }{
		{"host", d.Old.Host, d.New.Host}, {"kernel", d.Old.System, d.New.System}, {"processor", d.Old.Processor, d.New.Processor},
		{"number of processors", fmt.Sprint(d.Old.Processors), fmt.Sprint(d.New.Processors)}, {"Go", d.Old.Go, d.New.Go},
	} {
		if k.was != k.is {
			d.Warnings = append(d.Warnings, fmt.Sprintf("another %s: %s, now %s", k.what, k.was, k.is))
		}
	}
}

// add compares one contender's row, if both runs have it.
func (d *Changes) add(was, is *Figure, who string) {
	r := change(was.values(who), is.values(who))
	if r == nil {
		return
	}
	c := Change{Row: is.Name, Label: is.Label, Contender: who, Unit: is.Unit, Was: was.median(who), Is: is.median(who), Ratio: r}
	if d.Base != "" && d.Base != who {
		p := Pair{who, d.Base}
		c.Beside = change(was.ratios(p), is.ratios(p))
	}
	d.Changes = append(d.Changes, c)
}

// Rows are the rows both runs have.
func (d *Changes) Rows() []string {
	var names []string
	for _, c := range d.Changes {
		if !slices.Contains(names, c.Row) {
			names = append(names, c.Row)
		}
	}
	return names
}

// WriteTable prints the changes for people.
func (d *Changes) WriteTable(w io.Writer) error {
	t := newTable(w)
	head := []string{"median", "unit", "contender", "old", "new", "new/old, 95 % interval"}
	if d.Base != "" {
		head = append(head, "the same beside "+d.Base)
	}
	writeHead(t, head...)
	for _, c := range d.Changes {
		fmt.Fprintf(t, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t", c.Label, c.Unit, c.Contender, number(c.Was), number(c.Is), c.Ratio)
		if d.Base != "" {
			fmt.Fprintf(t, "| %s\t", c.Beside)
		}
		fmt.Fprint(t, "|\n")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	writeWarnings(w, d.Warnings)
	return nil
}

// Broken lists the limits the changes break, a sentence each. Limits are on ratios to Old.
func (d *Changes) Broken(limits []Limit) []string {
	return broken(limits, func(l Limit) float64 {
		for _, c := range d.Changes {
			if c.Row == l.Row && c.Contender == l.Who && l.To == Old {
				return c.Ratio.Median
			}
		}
		return math.NaN()
	})
}
