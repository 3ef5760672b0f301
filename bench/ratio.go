package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// How values of several rounds are set in relation.
//
// Two contenders of one run are compared round by round, since what disturbs a machine
// disturbs both: the ratio is the median of the rounds' ratios. Its interval
// is Student's t on their logarithms, which holds the geometric mean of a
// ratio with 95 % certainty if rounds scatter by factors, as they do.

// A Pair names a ratio: what Who did by what To did.
type Pair struct{ Who, To string }

// String is the pair as it is written in flags: ours/nats.
func (p Pair) String() string { return p.Who + "/" + p.To }

// MarshalJSON writes the pair as String does.
func (p Pair) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Pair) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	var err error
	*p, err = ParsePair(s)
	return err
}

// ParsePair reads "ours/nats".
func ParsePair(s string) (Pair, error) {
	who, to, ok := strings.Cut(s, "/")
	if !ok || who == "" || to == "" || strings.Contains(to, "/") {
		return Pair{}, fmt.Errorf("%q is not two contenders with a slash between, such as ours/nats", s)
	}
	return Pair{who, to}, nil
}

// A Ratio is how one contender did to another in the rounds that both finished.
type Ratio struct {
	Rounds int     `json:"rounds"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Low    float64 `json:"low,omitempty"`  // the 95 % interval; both 0 where there is none:
	High   float64 `json:"high,omitempty"` // one round, or ratios not above 0
}

// compare makes the ratios of pairs.
func (fig *Figure) compare(pairs []Pair) {
	fig.Ratios = map[string]*Ratio{}
	for _, p := range pairs {
		if r := fig.ratio(p); r != nil {
			fig.Ratios[p.String()] = r
		}
	}
}

// ratio is nil without a round that both finished.
func (fig *Figure) ratio(p Pair) *Ratio {
	ratios := fig.ratios(p)
	if len(ratios) == 0 {
		return nil
	}
	r := &Ratio{Rounds: len(ratios), Median: Median(ratios), Min: slices.Min(ratios), Max: slices.Max(ratios)}
	if logs, ok := logarithms(ratios); ok && len(logs) > 1 {
		mean, variance := spread(logs)
		reach := student(float64(len(logs)-1)) * math.Sqrt(variance/float64(len(logs)))
		r.Low, r.High = math.Exp(mean-reach), math.Exp(mean+reach)
	}
	return r
}

// ratios are the rounds' ratios.
func (fig *Figure) ratios(p Pair) []float64 {
	var ratios []float64
	for _, who := range fig.Values[p.Who] {
		for _, to := range fig.Values[p.To] {
			if who.Round == to.Round && to.Value != 0 {
				ratios = append(ratios, who.Value/to.Value)
			}
		}
	}
	return ratios
}

// change is how values differ between two runs, whose rounds have nothing to do
// with one another: the ratio of the medians, and Welch's interval of the
// means of logarithms. It is nil if either is empty, or what was is 0.
func change(was, is []float64) *Ratio {
	if len(was) == 0 || len(is) == 0 || Median(was) == 0 {
		return nil
	}
	r := &Ratio{Rounds: min(len(was), len(is)), Median: Median(is) / Median(was)}
	r.Min, r.Max = slices.Min(is)/slices.Max(was), slices.Max(is)/slices.Min(was)
	a, aok := logarithms(was)
	b, bok := logarithms(is)
	if !aok || !bok || len(a) < 2 || len(b) < 2 {
		return r
	}
	meanA, varA := spread(a)
	meanB, varB := spread(b)
	shareA, shareB := varA/float64(len(a)), varB/float64(len(b))
	freedom := math.Inf(1)
	if sum := shareA + shareB; sum > 0 {
		freedom = sum * sum / (shareA*shareA/float64(len(a)-1) + shareB*shareB/float64(len(b)-1))
	}
	reach := student(freedom) * math.Sqrt(shareA+shareB)
	r.Low, r.High = math.Exp(meanB-meanA-reach), math.Exp(meanB-meanA+reach)
	return r
}

// logarithms fails if a value is not above 0.
func logarithms(values []float64) (logs []float64, ok bool) {
	for _, v := range values {
		if v <= 0 {
			return nil, false
		}
		logs = append(logs, math.Log(v))
	}
	return logs, true
}

// spread is the mean and the variance of a sample of two or more.
func spread(values []float64) (mean, variance float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / float64(len(values)-1)
	}
	return mean, variance
}

// students are Student's quantiles for 95 %, two-sided, with 1, 2, 3... degrees of freedom.
var students = [...]float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
	2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086}

// student rounds the degrees of freedom down, which widens the interval.
func student(freedom float64) float64 {
	if freedom >= float64(len(students)+1) {
		return 2.080 // of 21; the limit is 1.960
	}
	return students[max(int(freedom), 1)-1]
}
