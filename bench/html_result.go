package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The sections of a scenario's report.

// addTo adds what one result found. prefix tells it from others of the same page.
func (r *Result) addTo(p *page, prefix string) {
	title := func(text string) string {
		if prefix == "" {
			return text
		}
		return prefix + ": " + text
	}
	said := func(texts ...string) (out []string) {
		for _, text := range texts {
			out = append(out, title(text))
		}
		return out
	}
	if r.Failure != "" {
		p.Failures = append(p.Failures, said(r.Failure)...)
	}
	p.Warnings = append(p.Warnings, said(r.Warnings...)...)
	p.Notes = append(p.Notes, said(r.Notes...)...)
	if len(r.Distributions) > 0 {
		s := p.section(title("Latency"), "Corrected counts from when a message was due, uncorrected from when it was sent. "+
			"Where the two part, messages could not be sent when they were due, and the uncorrected figures hide that wait.")
		for i := range r.Distributions {
			r.Distributions[i].addTo(s)
		}
	}
	if len(r.Moments) > 0 {
		s := p.section(title("Over time"), "Second by second from the beginning of the run: connecting and the warm-up are included.")
		r.addMoments(s)
	}
	if len(r.Metrics) > 0 {
		s := p.section(title("All metrics"), "")
		s.Sheets = append(s.Sheets, r.metricSheet())
	}
}

// metricSheet is every metric, except those of distributions, which have their own.
func (r *Result) metricSheet() sheet {
	s := sheet{Caption: "metrics of " + r.Scenario, Head: []string{"metric", "value", "unit"}}
	for _, m := range r.Metrics {
		if !r.tabled(m.Name) {
			s.Rows = append(s.Rows, []string{m.Name, grouped(m.Value), m.Unit})
		}
	}
	return s
}

// addTo plots a distribution: its percentile curve, with its table.
func (d *Distribution) addTo(s *section) {
	numbers := sheet{Caption: d.Name + ", microseconds", Head: []string{"percentile", "corrected"}}
	for i, q := range d.Percentiles {
		row := []string{q.Name, grouped(q.Corrected)}
		if q.Uncorrected != nil {
			row = append(row, grouped(*q.Uncorrected))
			if i == 0 {
				numbers.Head = append(numbers.Head, "uncorrected")
			}
		}
		numbers.Rows = append(numbers.Rows, row)
	}
	c := &curves{
		name: fmt.Sprintf("%s of %s deliveries by percentile", d.Name, plain(float64(d.Count))),
		x:    axis{label: "percentile (1/(1-p), logarithmic)", format: nines},
		y:    axis{label: d.Name + ", logarithmic", format: elapsed},
	}
	c.series = append(c.series, percentileSeries("corrected", 0, d.corrected))
	if d.uncorrected != nil {
		c.series = append(c.series, percentileSeries("uncorrected", 1, d.uncorrected))
	}
	var xs, ys []float64
	for _, one := range c.series {
		xs, ys = append(xs, one.x...), append(ys, one.y...)
	}
	c.x.scale = logarithmicScale(xs...)
	c.x.low, c.x.high = 1, math.Pow(10, math.Ceil(math.Log10(max(c.x.high, 10))-1e-9))
	c.y.scale = logarithmicScale(ys...)
	c.says = numbers.say()
	s.add(c, numbers)
}

// percentileSeries is the curve of a histogram: microseconds by 1/(1-p).
func percentileSeries(name string, style int, h *hdrhistogram.Histogram) series {
	s := series{name: name, style: style}
	if h == nil || h.TotalCount() == 0 {
		return s
	}
	for _, b := range h.CumulativeDistributionWithTicks(hgrmTicks) {
		rest := 1 - b.Quantile/100
		least := 1 / float64(h.TotalCount()) // the maximum is one of so many, and not infinitely rare
		s.x = append(s.x, 1/max(rest, least))
		s.y = append(s.y, microseconds(max(b.ValueAt, 1)))
	}
	return s
}

// nines writes 1/(1-p) as the percentile p: 1 is 0 %, 2 is 50 %, 1000 is 99.9 %.
func nines(x float64) string { return plain(100-100/x) + " %" }

// timeRowsMax is how many moments a table shows; the plot and the JSON have all.
const timeRowsMax = 60

// addMoments plots what a run did second by second.
func (r *Result) addMoments(s *section) {
	var at, rate, cpus, memory []float64
	for _, m := range r.Moments {
		at, rate, cpus, memory = append(at, m.At), append(rate, m.Deliveries), append(cpus, m.CPUs), append(memory, m.ResidentMB)
	}
	plots := [...]struct {
		name, label, head string
		y                 []float64
		needed            bool
	}{
		{"Deliveries a second over time", "deliveries a second", "deliveries/s", rate, true},
		{"The broker's resident memory over time", "MB", "MB", memory, false},
		{"Processors the broker used over time", "processors", "processors", cpus, false},
	}
	for _, k := range plots {
		if !k.needed && slices.Max(k.y) == 0 {
			continue // without the broker's process nobody knows
		}
		every := (len(at) + timeRowsMax - 1) / timeRowsMax
		numbers := sheet{Caption: k.name, Head: []string{"second", k.head}}
		if every > 1 {
			numbers.Caption += fmt.Sprintf(", one moment in %d", every)
		}
		for i := 0; i < len(at); i += every {
			numbers.Rows = append(numbers.Rows, []string{plain(math.Round(at[i]*10) / 10), grouped(k.y[i])})
		}
		s.add(&curves{
			name:   k.name,
			says:   fmt.Sprintf("%d moments up to second %.0f: between %s and %s, median %s %s.", len(at), slices.Max(at), grouped(slices.Min(k.y)), grouped(slices.Max(k.y)), grouped(Median(k.y)), k.label),
			x:      axis{linearScale(at...), "seconds", plain},
			y:      axis{linearScale(k.y...), k.label, plain},
			series: []series{{name: k.head, x: at, y: k.y, marked: len(at) <= timeRowsMax}},
		}, numbers)
	}
}

// say reads a table out.
func (s sheet) say() string {
	var lines []string
	for _, row := range s.Rows {
		var cells []string
		for i, cell := range row {
			if i > 0 && i < len(s.Head) {
				cells = append(cells, s.Head[i]+" "+cell)
			}
		}
		lines = append(lines, row[0]+": "+strings.Join(cells, ", "))
	}
	return s.Caption + ". " + strings.Join(lines, "; ") + "."
}
