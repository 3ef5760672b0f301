package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// percentiles are the ones every report has; max is beside them.
var percentiles = [...]struct {
	name string
	at   float64
}{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}, {"max", 100}}

// A Quantile is one row of a Distribution, in microseconds.
type Quantile struct {
	Name        string   `json:"name"`
	Corrected   float64  `json:"corrected_us"`
	Uncorrected *float64 `json:"uncorrected_us,omitempty"` // from the time of sending, if there is such a thing
}

// A Distribution is how long something took, often.
type Distribution struct {
	Name        string     `json:"name"`
	Count       int64      `json:"count"`
	Every       int        `json:"one_in"` // one in so many was recorded, at random
	Percentiles []Quantile `json:"percentiles"`

	corrected, uncorrected *hdrhistogram.Histogram
}

// lagMax is what a generator may be late by itself at the 99th percentile
// before its latencies are doubtful.
const lagMax = time.Millisecond

// distribute reports a distribution: a table of its own for people, and metrics
// of its names for programs.
func (r *run) distribute(name string, d Distribution) {
	d.Name, d.Count = name, d.corrected.TotalCount()
	for _, p := range percentiles {
		row := Quantile{Name: p.name, Corrected: microseconds(d.corrected.ValueAtPercentile(p.at))}
		r.report(name+"_"+p.name, row.Corrected, "us")
		if d.uncorrected != nil {
			v := microseconds(d.uncorrected.ValueAtPercentile(p.at))
			row.Uncorrected = &v
			r.report(name+"_uncorrected_"+p.name, v, "us")
		}
		d.Percentiles = append(d.Percentiles, row)
	}
	r.report(name+"_count", float64(d.Count), "")
	if d.Every > 1 {
		r.note("%s: one delivery in %d was recorded, at random", name, d.Every)
	}
	r.result.Distributions = append(r.result.Distributions, d)
}

func microseconds(ns int64) float64 { return float64(ns) / 1000 }

// latency reports the deliveries of a fleet since measure, and how far the
// generator can be believed.
func (r *run) latency(f *fleet) {
	r.distribute("latency", r.latencies(f))
	if n := r.unsent(f); n > 0 {
		r.report("unsent", float64(n), "messages")
		r.warn("the broker did not keep up: %d messages were due and could not be sent; no latency counts them", n)
	}
	r.report("generator_lag_p99", microseconds(r.warnOfLag(f)), "us")
}

// warnOfLag warns if the publishers of a fleet were late by their own doing, and returns
// how late.
func (r *run) warnOfLag(f *fleet) int64 {
	p99 := time.Duration(r.lag(f).ValueAtPercentile(99))
	if p99 > lagMax {
		r.warn("the generator was late by itself: 1 message in 100 was sent %v or more after it was due; less --rate, or a less busy machine", p99)
	}
	return int64(p99)
}

// write prints the distribution for people.
func (d *Distribution) write(w io.Writer) error {
	fmt.Fprintf(w, "%s of %d, us\n", d.Name, d.Count)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	if d.uncorrected != nil {
		fmt.Fprint(t, "\tcorrected\tuncorrected\t\n")
	}
	for _, p := range d.Percentiles {
		fmt.Fprintf(t, "%s\t%s\t", p.Name, number(p.Corrected))
		if p.Uncorrected != nil {
			fmt.Fprintf(t, "%s\t", number(*p.Uncorrected))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
