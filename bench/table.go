package bench

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

// Tables of comparisons, for people and for documents: Markdown.

// WriteTable prints medians, and below them ratios.
func (c *Comparison) WriteTable(w io.Writer) error {
	m := c.Machine
	fmt.Fprintf(w, "%s, %d processors (%s), %s, %s, %d rounds, durations x %v\n",
		m.Date.Format(time.DateOnly), m.Processors, m.Processor, m.System, m.Go, c.Rounds, c.Scale)
	for _, who := range c.Contenders {
		fmt.Fprintf(w, "%s: %s (%s)\n", who.Name, who.Version, strings.Join(who.Command, " "))
	}
	if text := c.roundsText(); text != "" {
		fmt.Fprintln(w, text)
	}
	if c.Quick {
		fmt.Fprintln(w, quickNote)
	}
	fmt.Fprintln(w)
	if err := c.writeTables(w); err != nil {
		return err
	}
	writeWarnings(w, c.Warnings)
	return nil
}

// writeTables prints medians, ratios, and what is to hold, as far as there are any.
func (c *Comparison) writeTables(w io.Writer) error {
	if err := c.writeMedians(w); err != nil {
		return err
	}
	if len(c.Pairs) > 0 {
		fmt.Fprintln(w)
		if err := c.writeRatios(w); err != nil {
			return err
		}
	}
	if len(c.Musts) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return c.writeMusts(w)
}

// quickNote says what a quick look is.
const quickNote = "A quick look: less load than the labels say, and no figures."

// roundsText says which rows have fewer rounds than others; "" if none has.
func (c *Comparison) roundsText() string {
	var names []string
	for _, fig := range c.Figures {
		if fig.Rounds > 0 {
			names = append(names, fmt.Sprintf("%s %d", fig.Name, fig.Rounds))
		}
	}
	if names == nil {
		return ""
	}
	return "Rows with fewer rounds: " + strings.Join(names, ", ") + "."
}

// newTable is a writer whose cells end with a tab.
func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 1, ' ', 0) }

// writeHead prints the names of columns.
func writeHead(t io.Writer, names ...string) {
	for _, name := range names {
		fmt.Fprintf(t, "| %s\t", name)
	}
	fmt.Fprintf(t, "|\n%s|\n", strings.Repeat("|---\t", len(names)))
}

func (c *Comparison) writeMedians(w io.Writer) error {
	t := newTable(w)
	head := []string{"median", "unit"}
	for _, who := range c.Contenders {
		head = append(head, who.Name)
	}
	writeHead(t, head...)
	for _, fig := range c.Figures {
		fmt.Fprintf(t, "| %s\t| %s\t", fig.Label, fig.Unit)
		for _, who := range c.Contenders {
			fmt.Fprintf(t, "| %s\t", fig.medianText(who.Name, c.Rounds, number))
		}
		fmt.Fprint(t, "|\n")
	}
	return t.Flush()
}

// medianText is a contender's median; a dash for none. One of fewer rounds than there
// were says so.
func (fig *Figure) medianText(who string, rounds int, number func(float64) string) string {
	if fig.Rounds > 0 {
		rounds = fig.Rounds
	}
	switch n := len(fig.Values[who]); n {
	case 0:
		return "-"
	case rounds:
		return number(fig.median(who))
	default:
		return fmt.Sprintf("%s (%d of %d)", number(fig.median(who)), n, rounds)
	}
}

func (c *Comparison) writeRatios(w io.Writer) error {
	t := newTable(w)
	head := []string{"ratio, 95 % interval", "name"}
	for _, p := range c.Pairs {
		head = append(head, p.String())
	}
	writeHead(t, head...)
	for _, fig := range c.Figures {
		fmt.Fprintf(t, "| %s\t| %s\t", fig.Label, fig.Name)
		for _, p := range c.Pairs {
			fmt.Fprintf(t, "| %s\t", fig.Ratios[p.String()])
		}
		fmt.Fprint(t, "|\n")
	}
	return t.Flush()
}

// String is the ratio and its interval, a dash for nil.
func (r *Ratio) String() string {
	switch {
	case r == nil:
		return "-"
	case r.High == 0:
		return fmt.Sprintf("%.3f", r.Median)
	}
	return fmt.Sprintf("%.3f (%.3f..%.3f)", r.Median, r.Low, r.High)
}

// warningsMax is how many warnings a table shows.
const warningsMax = 24

func writeWarnings(w io.Writer, warnings []string) {
	for _, text := range condensed(warnings) {
		fmt.Fprintln(w, "warning:", text)
	}
}

// numbers are what differs between warnings of the same thing.
var numbers = regexp.MustCompile(`[0-9][0-9.]*`)

// condensed are warnings without those that say the same of a row with other numbers, rounds'
// for one; and not more than can be read.
func condensed(warnings []string) []string {
	var said []string
	times, at := map[string]int{}, map[string]int{}
	for _, text := range warnings {
		row, rest, _ := strings.Cut(text, ", ")
		key := row + numbers.ReplaceAllString(rest, "")
		if times[key]++; times[key] == 1 {
			at[key] = len(said)
			said = append(said, text)
		}
	}
	for key, n := range times {
		if n > 1 {
			said[at[key]] += fmt.Sprintf(" (and %d more like it)", n-1)
		}
	}
	if extra := len(said) - warningsMax; extra > 0 {
		said = append(said[:warningsMax], fmt.Sprintf("and %d more, see the JSON", extra))
	}
	return said
}
