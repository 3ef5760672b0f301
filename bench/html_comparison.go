package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// The sections of comparisons' reports.

// readRatios says how to read bars.
const readRatios = "Bars begin at 1, where both cost the same, on a logarithmic axis; a thin line is the 95 % interval, an arrow says that it goes on. " +
	"Left of 1 the first of a pair cost less than the second. Less is better unless a row says otherwise."

// writeHTML writes a comparison with its plots.
func (c *Comparison) writeHTML(w io.Writer) error {
	p := &page{
		Title: "Brokers side by side",
		Lead: fmt.Sprintf("%s in %s, each started anew for every row; durations x %s; %s.", strings.Join(c.names(), ", "),
			counted(c.Rounds, "alternating round"), plain(c.Scale), c.Machine.Date.Format(time.DateOnly)),
		Warnings: c.Warnings,
	}
	if c.Quick {
		p.Notes = append(p.Notes, quickNote)
	}
	if b := c.bars(); len(b.groups) > 0 {
		s := p.section("Ratios", readRatios)
		s.add(b, c.ratioSheet())
	}
	c.addGrowths(p)
	if len(c.Musts) > 0 {
		p.section("What is to hold", "").Sheets = []sheet{c.mustSheet()}
	}
	p.section("Medians", c.roundsText()).Sheets = []sheet{c.medianSheet()}
	p.section("How it was made", "").Sheets = append([]sheet{c.Machine.sheet("machine and command")}, c.contenderSheets()...)
	return p.write(w)
}

// counted is a number of things: 1 round, 2 rounds.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (c *Comparison) names() []string {
	var names []string
	for _, who := range c.Contenders {
		names = append(names, who.Name)
	}
	return names
}

// rowLabel is a row's label with its name: labels of rows that belong to the one above
// mean nothing alone.
func rowLabel(label, name string) string {
	return strings.TrimSpace(label) + " [" + name + "]"
}

// bars are the ratios that have a value.
func (c *Comparison) bars() *bars {
	b := &bars{name: "Ratios by row"}
	for _, fig := range c.Figures {
		g := group{label: rowLabel(fig.Label, fig.Name)}
		for i, pair := range c.Pairs {
			if r := fig.Ratios[pair.String()]; r != nil {
				g.bars = append(g.bars, bar{pair.String(), i, r})
			}
		}
		if len(g.bars) > 0 {
			b.groups = append(b.groups, g)
		}
	}
	b.says = b.sayRatios()
	return b
}

func (c *Comparison) ratioSheet() sheet {
	s := sheet{Caption: "ratio (95 % interval)", Head: []string{"row"}}
	for _, pair := range c.Pairs {
		s.Head = append(s.Head, pair.String())
	}
	for _, fig := range c.Figures {
		row := []string{fig.Name}
		for _, pair := range c.Pairs {
			row = append(row, fig.Ratios[pair.String()].String())
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

func (c *Comparison) medianSheet() sheet {
	s := sheet{Caption: "medians of " + counted(c.Rounds, "round"), Head: append([]string{"row", "unit"}, c.names()...)}
	for _, fig := range c.Figures {
		row := []string{rowLabel(fig.Label, fig.Name), fig.Unit}
		for _, who := range c.Contenders {
			row = append(row, fig.medianText(who.Name, c.Rounds, grouped))
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

// contenderSheets say what was started, one table for each contender.
func (c *Comparison) contenderSheets() []sheet {
	var all []sheet
	for _, who := range c.Contenders {
		s := sheet{Caption: "contender " + who.Name, Words: true, Head: []string{"what", "is"}, Rows: [][]string{
			{"version, as it says", who.Version},
			{"command", shellLine(who.Command)},
		}}
		if who.Config != "" {
			s.Rows = append(s.Rows, []string{"{config}", who.Config})
		}
		if who.Protocol != "" {
			s.Rows = append(s.Rows, []string{"protocol", who.Protocol})
		}
		all = append(all, s)
	}
	return all
}

// writeHTML writes two runs side by side with their plots.
func (d *Changes) writeHTML(w io.Writer) error {
	p := &page{
		Title:    "Two runs side by side",
		Lead:     fmt.Sprintf("The run of %s beside that of %s.", d.New.Date.Format(time.DateTime), d.Old.Date.Format(time.DateTime)),
		Warnings: d.Warnings,
	}
	b := &bars{name: "New by old, by row"}
	numbers := sheet{Caption: "medians, and new/old (95 % interval)", Head: []string{"row", "contender", "unit", "old", "new", "new/old"}}
	if d.Base != "" {
		numbers.Head = append(numbers.Head, "the same beside "+d.Base)
	}
	styles := map[string]int{} // of contenders, in the order they come
	for i, k := range d.Changes {
		if i == 0 || d.Changes[i-1].Row != k.Row {
			b.groups = append(b.groups, group{label: rowLabel(k.Label, k.Row)})
		}
		if _, known := styles[k.Contender]; !known {
			styles[k.Contender] = len(styles)
		}
		last := &b.groups[len(b.groups)-1]
		last.bars = append(last.bars, bar{k.Contender, styles[k.Contender], k.Ratio})
		row := []string{k.Row, k.Contender, k.Unit, grouped(k.Was), grouped(k.Is), k.Ratio.String()}
		if d.Base != "" {
			row = append(row, k.Beside.String())
		}
		numbers.Rows = append(numbers.Rows, row)
	}
	if len(b.groups) > 0 {
		b.says = b.sayRatios()
		p.section("Ratios", readRatios+" The second of each pair is the older run.").add(b, numbers)
	} else {
		p.Warnings = append(p.Warnings, "the two runs have no row and contender in common")
	}
	p.section("How it was made", "").Sheets = []sheet{d.Old.sheet("the older run"), d.New.sheet("the newer run")}
	return p.write(w)
}
