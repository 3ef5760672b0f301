package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Limit says when a comparison has failed: burst.ours/nats>0.05 when the ratio of a
// row is above, burst.ours>0.2 when a median is.
type Limit struct {
	Row   string
	Who   string
	To    string // empty for a median
	Op    string // one of limitOps
	Bound float64
}

// limitOps has longer ones first: the first that is found counts.
var limitOps = []string{">=", "<=", ">", "<"}

const limitForm = "a limit is ROW.CONTENDER/CONTENDER>NUMBER or ROW.CONTENDER>NUMBER, with >, >=, < or <="

// ParseLimit reads one expression.
func ParseLimit(text string) (Limit, error) {
	var l Limit
	fail := func(why string) (Limit, error) { return l, fmt.Errorf("%q: %s: %s", text, why, limitForm) }
	text = strings.Join(strings.Fields(text), "")
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return fail("there is no comparison")
	}
	for _, op := range limitOps {
		if strings.HasPrefix(text[at:], op) {
			l.Op = op
			break
		}
	}
	bound := text[at+len(l.Op):]
	var err error
	if l.Bound, err = strconv.ParseFloat(bound, 64); err != nil || math.IsNaN(l.Bound) {
		return fail(fmt.Sprintf("%q is no number", bound))
	}
	row, who, ok := strings.Cut(text[:at], ".")
	if !ok || row == "" || who == "" {
		return fail("there is no row and contender with a dot between")
	}
	l.Row, l.Who = row, who
	if strings.Contains(who, "/") {
		p, err := ParsePair(who)
		if err != nil {
			return fail(err.Error())
		}
		l.Who, l.To = p.Who, p.To
	}
	return l, nil
}

// String is the limit as ParseLimit reads it.
func (l Limit) String() string {
	return l.name() + l.Op + strconv.FormatFloat(l.Bound, 'g', -1, 64)
}

func (l Limit) name() string { return l.Row + "." + l.who() }

// who is the contender, or the pair.
func (l Limit) who() string {
	if l.To == "" {
		return l.Who
	}
	return l.Who + "/" + l.To
}

// holds reports whether a value is on the side of the bound that the limit says.
func (l Limit) holds(value float64) bool {
	switch l.Op {
	case ">":
		return value > l.Bound
	case ">=":
		return value >= l.Bound
	case "<":
		return value < l.Bound
	}
	return value <= l.Bound
}

// Check reports a limit on what will not be measured.
func (l Limit) Check(rows, contenders []string) error {
	if !slices.Contains(rows, l.Row) {
		return fmt.Errorf("%s: no row %q in %s", l, l.Row, strings.Join(rows, ","))
	}
	for _, name := range []string{l.Who, l.To} {
		if name != "" && !slices.Contains(contenders, name) {
			return fmt.Errorf("%s: no contender %q in %s", l, name, strings.Join(contenders, ","))
		}
	}
	return nil
}

// broken describes in which way a value breaks the limit; "" if it does not. What has
// no value breaks every limit: a gate nobody can look through is shut.
func (l Limit) broken(value float64) string {
	if math.IsNaN(value) {
		return fmt.Sprintf("%s has no value, so %s cannot be told", l.name(), l)
	}
	if !l.holds(value) {
		return ""
	}
	return fmt.Sprintf("%s is %s, which is %s %v", l.name(), number(value), l.Op, l.Bound)
}

// Broken lists the limits the comparison breaks, a sentence each.
func (c *Comparison) Broken(limits []Limit) []string {
	return broken(limits, func(l Limit) float64 {
		fig := c.Figure(l.Row)
		if fig == nil {
			return math.NaN()
		}
		if l.To == "" {
			return fig.median(l.Who)
		}
		return medianOf(fig.ratio(Pair{l.Who, l.To}))
	})
}

func broken(limits []Limit, value func(Limit) float64) []string {
	var sentences []string
	for _, l := range limits {
		if s := l.broken(value(l)); s != "" {
			sentences = append(sentences, s)
		}
	}
	return sentences
}

// medianOf is a ratio's median, or no number.
func medianOf(r *Ratio) float64 {
	if r == nil {
		return math.NaN()
	}
	return r.Median
}
