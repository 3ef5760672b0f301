package bench

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Reports as one HTML file, for people who were not there. It asks for nothing from
// outside and runs no script: what stands in it is what was measured. Texts come
// from brokers, files and command lines; html/template escapes them, and plot.go
// those inside plots.

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// A page is a report for people.
type page struct {
	Title    string
	Lead     string
	Failures []string
	Warnings []string
	Notes    []string
	Sections []*section
}

// A section is one heading's worth.
type section struct {
	ID      string
	Title   string
	Text    string
	Figures []figure
	Sheets  []sheet
}

// A figure is a plot and its numbers.
type figure struct {
	Wide, Narrow template.HTML
	Caption      string
	Sheet        sheet
}

// A sheet is a table. The first cell of a row is its heading.
type sheet struct {
	Caption string
	Head    []string
	Rows    [][]string
	Words   bool // text, not numbers: it may be broken, and begins at the left
}

// write writes the page.
func (p *page) write(w io.Writer) error { return pageTemplate.Execute(w, p) }

// section begins a new one.
func (p *page) section(title, text string) *section {
	s := &section{ID: "s" + strconv.Itoa(len(p.Sections)+1), Title: title, Text: text}
	p.Sections = append(p.Sections, s)
	return s
}

// add draws a plot into the section.
func (s *section) add(k sketch, numbers sheet) {
	id := fmt.Sprintf("%s-%d", s.ID, len(s.Figures)+1)
	s.Figures = append(s.Figures, figure{
		Wide: render(k, plotWide, "wide", id+"w"), Narrow: render(k, plotNarrow, "narrow", id+"n"),
		Caption: k.title(), Sheet: numbers,
	})
}

// sheet describes where figures were made.
func (m Machine) sheet(caption string) sheet {
	s := sheet{Caption: caption, Words: true, Head: []string{"what", "is"}, Rows: [][]string{
		{"date", m.Date.Format("2006-01-02 15:04:05 MST")},
		{"host", m.Host},
		{"kernel", m.System},
		{"processors", fmt.Sprintf("%d, %s", m.Processors, m.Processor)},
		{"memory", plain(float64(m.MemoryMB)) + " MB"},
		{"generator built by", m.Go},
		{"command", shellLine(m.Command)},
	}}
	if m.Revision != "" {
		s.Rows = append(s.Rows, []string{"of commit", m.Revision})
	}
	return s
}

// grouped is number with thousands apart: what has nine digits is read wrongly without.
func grouped(v float64) string {
	if text := number(v); len(text) < 5 || strings.Contains(text, ".") {
		return text
	}
	return plain(math.Round(v))
}

// shellLine is a command as one would type it.
func shellLine(args []string) string {
	var words []string
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n\"'`$&|;<>()*?[]#~\\!") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// writeHTML writes a result with its plots.
func (r *Report) writeHTML(w io.Writer) error {
	known, _ := Find(r.Scenario)
	p := &page{
		Title: r.Scenario + " on " + orUnknown(r.Broker.String()),
		Lead:  known.Summary + "; measured on " + r.Machine.Date.Format(time.DateOnly) + ".",
	}
	all := r.flat()
	for i, one := range all {
		prefix := ""
		if len(all) > 1 {
			prefix = fmt.Sprintf("%s (%d of %d)", one.Scenario, i+1, len(all))
		}
		one.addTo(p, prefix)
	}
	how := p.section("How it was made", "")
	how.Sheets = append(how.Sheets, r.Machine.sheet("machine and command"), r.Broker.sheet())
	for _, one := range all {
		if s := one.Load.sheet(one.Scenario); len(s.Rows) > 0 {
			how.Sheets = append(how.Sheets, s)
		}
	}
	return p.write(w)
}

func orUnknown(text string) string {
	if text == "" {
		return "a broker that does not say what it is"
	}
	return "broker " + text
}

// sheet is what the broker says of itself.
func (b Broker) sheet() sheet {
	s := sheet{Caption: "broker, as it says", Words: true, Head: []string{"what", "is"}}
	for _, row := range [...][]string{{"name", b.Name}, {"version", b.Version}, {"commit", b.Commit}, {"built by", b.Go}} {
		if row[1] != "" {
			s.Rows = append(s.Rows, row)
		}
	}
	return s
}

// sheet is the load in the words of the flags.
func (load Load) sheet(scenario string) sheet {
	s := sheet{Caption: "load of " + scenario, Words: true, Head: []string{"flag", "value"}}
	known, _ := Find(scenario)
	values := map[string]string{
		"conns": plain(float64(load.Conns)), "pairs": plain(float64(load.Pairs)), "perconn": plain(float64(load.PerConn)),
		"size": sizesFlag{&load}.String() + " bytes", "rate": rateText(load.Rate), "window": plain(float64(load.Window)) + " messages",
		"wild": strconv.FormatBool(load.Wild), "clients": plain(float64(load.Clients)), "beside": load.Beside, "verify": strconv.FormatBool(load.Verify),
		"readers": plain(float64(load.Readers)), "conn-rate": rateText(load.ConnRate), "ramp": load.Ramp.String(), "hold": load.Hold.String(),
		"share": plain(float64(load.Share)) + " %", "warmup": load.Warmup.String(), "duration": load.Duration.String(), "settle": load.Settle.String(),
	}
	for _, name := range known.Flags {
		if v := values[name]; v != "" {
			s.Rows = append(s.Rows, []string{"--" + name, v})
		}
	}
	return s
}

func rateText(rate int) string {
	if rate == 0 {
		return "as fast as it goes"
	}
	return plain(float64(rate)) + " a second"
}
