package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A SlopePlan says at which sizes to measure what connections cost, so that what many
// more would cost can be told: the claim of a size nobody can try here.
type SlopePlan struct {
	Contender Contender
	At        []int // connections; each size gets a broker of its own
	Rounds    int   // of all sizes
	To        int   // connections to extrapolate to
	Settle    time.Duration
	Watch     func(scenario string, m Moment) // see Target
	Progress  io.Writer
}

// A Point is one broker with so many connections.
type Point struct {
	Round    int      `json:"round"`
	Conns    int      `json:"conns"`
	Resident float64  `json:"resident_bytes"` // of the whole broker, once it has settled
	CPU      float64  `json:"cpu_seconds"`    // to accept, greet, CONNECT, SUB, PING
	Warnings []string `json:"warnings,omitempty"`
}

// A Slope is one cost over the number of connections, with its 95 % intervals.
type Slope struct {
	Name     string  `json:"name"`
	Each     float64 `json:"each"` // for each connection
	EachOff  float64 `json:"each_error"`
	EachUnit string  `json:"each_unit"`
	Base     float64 `json:"base"`  // without connections, if it were as straight down there
	Total    float64 `json:"total"` // at Slopes.To, extrapolated
	TotalOff float64 `json:"total_error"`
	Unit     string  `json:"unit"` // of Base and Total
}

// Slopes is what a plan found.
type Slopes struct {
	Machine Machine  `json:"machine"`
	Broker  Broker   `json:"broker"`
	Command []string `json:"broker_command"`
	Fit     string   `json:"fit"`
	To      int      `json:"extrapolated_to"`
	Points  []Point  `json:"points"`
	Slopes  []Slope  `json:"slopes"`
}

// fitMethod is what the output says of Fit.
const fitMethod = "least squares, 95 % intervals by Student's t"

// Check reports a plan that gives no line.
func (p SlopePlan) Check() error {
	switch {
	case len(p.At) == 0 || slices.Min(p.At) < 1:
		return errors.New("--at: sizes are 1 or more")
	case slices.Min(p.At) == slices.Max(p.At) || len(p.At)*p.Rounds < 3:
		return errors.New("--at: a line with an error takes two sizes, and three points with all rounds")
	case p.To < 1:
		return fmt.Errorf("--to %d is less than 1", p.To)
	}
	return nil
}

// Run measures all sizes in turn.
func (p SlopePlan) Run(ctx context.Context) (*Slopes, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	s := &Slopes{Machine: ThisMachine(), Command: p.Contender.Command, Fit: fitMethod, To: p.To}
	for round := range p.Rounds {
		for _, n := range p.At {
			point, broker, err := p.measure(ctx, n)
			if err != nil {
				return nil, fmt.Errorf("%d connections: %w", n, err)
			}
			point.Round = round + 1
			s.Broker, s.Points = broker, append(s.Points, point)
			fmt.Fprintf(p.Progress, "slope round %d of %d: %d connections, %.1f MB, %.3f s\n",
				round+1, p.Rounds, n, point.Resident/(1<<20), point.CPU)
		}
	}
	return s, s.fit()
}

// measure starts a broker and connects n clients to it.
func (p SlopePlan) measure(ctx context.Context, n int) (point Point, broker Broker, err error) {
	spawned, err := p.Contender.Spawn(ctx)
	if err != nil {
		return point, broker, err
	}
	defer spawned.Stop()
	conn, _ := Find("conn")
	load := conn.Defaults
	load.Conns, load.Settle = n, p.Settle
	spawned.Target.Watch = p.Watch
	result, err := conn.Run(spawned.Target, load)
	if err != nil {
		return point, broker, err
	}
	resident, _ := result.Metric("broker_resident")
	each, _ := result.Metric("cpu_us_per_conn")
	point = Point{Conns: n, Resident: resident * (1 << 20), CPU: each * float64(n) / 1e6, Warnings: result.Warnings}
	return point, result.Broker, nil
}

// fit puts a line through each cost.
func (s *Slopes) fit() error {
	x := make([]float64, len(s.Points))
	resident, cpu := slices.Clone(x), slices.Clone(x)
	for i, p := range s.Points {
		x[i], resident[i], cpu[i] = float64(p.Conns), p.Resident, p.CPU
	}
	for _, cost := range []struct {
		name           string
		y              []float64
		eachUnit, unit string
		each, whole    float64 // how many of the units are one of y's
	}{
		{"resident memory", resident, "B", "MB", 1, 1.0 / (1 << 20)},
		{"CPU to connect", cpu, "us", "s", 1e6, 1},
	} {
		l, err := Fit(x, cost.y)
		if err != nil {
			return err
		}
		total, off := l.At(float64(s.To))
		s.Slopes = append(s.Slopes, Slope{
			Name: cost.name, EachUnit: cost.eachUnit, Unit: cost.unit,
			Each: l.Slope * cost.each, EachOff: l.SlopeOff * cost.each,
			Base: l.Intercept * cost.whole, Total: total * cost.whole, TotalOff: off * cost.whole,
		})
	}
	return nil
}

// SlopeFiles are the endings of files that slopes can be written as.
var SlopeFiles = []string{".json"}

// WriteFile writes everything as JSON; directories are made.
func (s *Slopes) WriteFile(name string) error {
	return create(name, func(w io.Writer) error { return WriteJSON(w, s) })
}

// WriteTable prints the points, and below them the lines.
func (s *Slopes) WriteTable(w io.Writer) error {
	m := s.Machine
	fmt.Fprintf(w, "slope on %s (%s)\n%s, %d processors (%s), %s\n\n", s.Broker, strings.Join(s.Command, " "), m.Date.Format(time.DateOnly), m.Processors, m.Processor, m.System)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "round\tconnections\tresident MB\tCPU s\tCPU us each\t\n")
	for _, p := range s.Points {
		fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\t\n", p.Round, p.Conns, number(p.Resident/(1<<20)), number(p.CPU), number(p.CPU*1e6/float64(p.Conns)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nLines by %s.\n", s.Fit)
	for _, line := range s.Slopes {
		fmt.Fprintf(w, "%s: %s %s each, +- %s; at %d connections, extrapolated: %s %s +- %s\n", line.Name,
			number(line.Each), line.EachUnit, number(line.EachOff), s.To, number(line.Total), line.Unit, number(line.TotalOff))
	}
	var warnings []string
	for _, p := range s.Points {
		for _, text := range p.Warnings {
			warnings = append(warnings, fmt.Sprintf("round %d, %d connections: %s", p.Round, p.Conns, text))
		}
	}
	writeWarnings(w, warnings)
	return nil
}
