package bench

import (
	"slices"
	"strings"
)

// Cost as load grows: rows that differ in one number alone are points of a curve.

// A growth is one such curve for each contender.
type growth struct {
	prefix string // of the rows' names
	name   string
	of     string // what grows
	cost   string // the unit of cost
	text   string
	at     func(Load) int
}

var growths = []growth{
	{"fan-", "CPU per delivery by number of subscribers", "subscribers", "CPU per delivery, us",
		"Processor time of the broker for each delivery, by how many subscribers get each message.",
		func(l Load) int { return l.Conns }},
	{"match-", "CPU per publish by number of literal subscriptions", "subscriptions", "CPU per publish, us",
		"Processor time of the broker for each message that one of so many literal subscriptions gets, picked at random.",
		func(l Load) int { return l.Conns * l.PerConn }},
	{"wild-", "CPU per publish by number of wildcard subscriptions", "subscriptions", "CPU per publish, us",
		"The same where each subscription has a star before its last word.",
		func(l Load) int { return l.Conns * l.PerConn }},
}

// addGrowths plots each growth of which there are points enough.
func (c *Comparison) addGrowths(p *page) {
	var s *section
	for _, g := range growths {
		plot, numbers := c.grown(g)
		if plot == nil {
			continue
		}
		if s == nil {
			s = p.section("Cost as load grows", "Flat or falling is good.")
		}
		s.Text += " " + g.text
		s.add(plot, numbers)
	}
}

// grown plots the rows of a growth, or returns nil if there are fewer than two.
func (c *Comparison) grown(g growth) (*curves, sheet) {
	var rows []*Figure
	for _, fig := range c.Figures {
		if strings.HasPrefix(fig.Name, g.prefix) && g.at(fig.Load) > 0 {
			rows = append(rows, fig)
		}
	}
	if len(rows) < 2 {
		return nil, sheet{}
	}
	slices.SortStableFunc(rows, func(a, b *Figure) int { return g.at(a.Load) - g.at(b.Load) })
	plot := &curves{name: g.name}
	numbers := sheet{Caption: g.cost, Head: []string{g.of}}
	var xs, ys []float64
	for _, fig := range rows {
		xs = append(xs, float64(g.at(fig.Load)))
		numbers.Rows = append(numbers.Rows, []string{plain(float64(g.at(fig.Load)))})
	}
	for i, who := range c.Contenders {
		one := series{name: who.Name, style: i, x: xs, marked: true}
		measured := false
		for _, fig := range rows {
			one.y = append(one.y, fig.median(who.Name))
			measured = measured || len(fig.Values[who.Name]) > 0
		}
		if !measured {
			continue // it has no part in these rows
		}
		ys = append(ys, one.y...)
		plot.series = append(plot.series, one)
		numbers.Head = append(numbers.Head, who.Name)
		for k, fig := range rows {
			numbers.Rows[k] = append(numbers.Rows[k], fig.medianText(who.Name, c.Rounds, grouped))
		}
	}
	plot.x = axis{logarithmicScale(xs...), g.of + ", logarithmic", plain}
	plot.y = axis{logarithmicScale(ys...), g.cost + ", logarithmic", plain}
	plot.says = numbers.say()
	return plot, numbers
}
