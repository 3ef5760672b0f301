package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// What is to hold of a comparison's figures, and whether it does. A must is the other way
// round than a limit of --fail-if: it says when all is well.

// A Must is what is to hold of one row, and what came of it.
type Must struct {
	Row   string   `json:"row"`
	Label string   `json:"label"`
	Limit string   `json:"limit"`           // as ParseLimit reads it, without the row
	Value *float64 `json:"value,omitempty"` // median; nil if there is none
	Ratio *Ratio   `json:"ratio,omitempty"` // the value's interval, if it is a ratio
	Met   bool     `json:"met"`
}

// judge looks at what is to hold of tasks, as far as those it names took part.
func (c *Comparison) judge(ran []task) error {
	above := "" // the label of the row that indented ones belong to
	for _, t := range ran {
		for _, r := range t.rows {
			title := strings.TrimSpace(r.label)
			if title == r.label {
				above = title
			} else {
				title = above + ": " + title
			}
			limits, err := r.limits()
			if err != nil {
				return err
			}
			for _, l := range limits {
				if c.ran(t, l.Who) && (l.To == "" || c.ran(t, l.To)) {
					c.Musts = append(c.Musts, c.must(r, title, l))
				}
			}
		}
	}
	return nil
}

// ran reports whether a contender took part in a task.
func (c *Comparison) ran(t task, name string) bool {
	for _, who := range c.Contenders {
		if who.Name == name {
			return who.runs(t)
		}
	}
	return false
}

// must is one limit, looked at.
func (c *Comparison) must(r row, title string, l Limit) Must {
	fig := c.Figure(r.name)
	m := Must{Row: r.name, Label: title, Limit: fmt.Sprintf("%s %s %v", l.who(), l.Op, l.Bound)}
	value := fig.median(l.Who)
	if l.To != "" {
		m.Ratio = fig.ratio(Pair{l.Who, l.To})
		value = medianOf(m.Ratio)
	}
	if !math.IsNaN(value) {
		m.Value, m.Met = &value, l.holds(value)
	}
	return m
}

// reached is the value in words.
func (m Must) reached() string {
	switch {
	case m.Value == nil:
		return "-"
	case m.Ratio != nil:
		return m.Ratio.String()
	}
	return number(*m.Value)
}

// outcome says what came of it.
func (m Must) outcome() string {
	switch {
	case m.Value == nil:
		return "not measured"
	case m.Met:
		return "met"
	}
	return "not met"
}

// mustHead are the columns of what is to hold.
var mustHead = []string{"what is to hold", "name", "must", "median (95 %)", "outcome"}

func (c *Comparison) mustSheet() sheet {
	s := sheet{Caption: "what is to hold", Head: mustHead}
	for _, m := range c.Musts {
		s.Rows = append(s.Rows, []string{m.Label, m.Row, m.Limit, m.reached(), m.outcome()})
	}
	return s
}

// writeMusts prints what was to hold.
func (c *Comparison) writeMusts(w io.Writer) error {
	t := newTable(w)
	writeHead(t, mustHead...)
	for _, m := range c.Musts {
		fmt.Fprintf(t, "| %s\t| %s\t| %s\t| %s\t| %s\t|\n", m.Label, m.Row, m.Limit, m.reached(), strings.Replace(m.outcome(), "not met", "**not met**", 1))
	}
	return t.Flush()
}
