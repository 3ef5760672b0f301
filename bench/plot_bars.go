package bench

import (
	"fmt"
	"strings"
)

// Bars of ratios: from 1, on a logarithmic axis, so that half and double reach equally
// far, with their intervals.

// bars are the ratios of a table, grouped by row.
type bars struct {
	name, says string
	groups     []group
}

// A group is one row of the table.
type group struct {
	label string
	bars  []bar
}

// A bar is one ratio; nil is left out before.
type bar struct {
	name  string
	style int
	ratio *Ratio
}

func (b *bars) title() string       { return b.name }
func (b *bars) description() string { return b.says }

const (
	barHeight  = 11.0
	barPitch   = 18.0
	groupGap   = 10.0
	beyondMost = 8.0 // how many times beyond the medians an interval may stretch the axis
)

func (b *bars) draw(width float64) *drawing {
	d := &drawing{width: width}
	f := canvas{x: b.scale(), left: b.nameWidth(width), right: width - textWidth("0.0000") - 4, top: 2 * lineHeight}
	full := width == plotWide
	if full {
		f.right = width - textWidth("0.0000 (0.0000..0.0000)") - 4
	}
	f.bottom = f.top + groupGap
	rows := &drawing{width: width} // above the grid, whose height they decide
	for _, g := range b.groups {
		f.bottom = g.draw(rows, f, f.bottom, full)
	}
	x := axis{scale: f.x, format: plain}
	x.name(d, f, f.top-6)
	x.name(d, f, f.bottom+14)
	one, _ := f.at(1, 0)
	for _, v := range f.x.ticks() {
		x, _ := f.at(v, 0)
		d.line("grid", x, f.top, x, f.bottom)
	}
	d.line("one", one, f.top, one, f.bottom)
	d.b.WriteString(rows.b.String())
	d.text("label", "start", 0, 11, "less than the other ← 1 → more than the other")
	d.height = f.bottom + lineHeight + 4
	return d
}

// scale holds all medians and 1, and intervals as far as they leave the bars some room.
func (b *bars) scale() scale {
	medians, ends := []float64{1}, []float64{}
	for _, g := range b.groups {
		for _, one := range g.bars {
			if r := one.ratio; r.Median > 0 {
				medians, ends = append(medians, r.Median), append(ends, r.Low, r.High)
			}
		}
	}
	s := logarithmicScale(medians...)
	for _, v := range ends {
		if v > s.low/beyondMost && v < s.high*beyondMost {
			medians = append(medians, v)
		}
	}
	return logarithmicScale(medians...)
}

// nameWidth is what the names of bars need, up to a third of the drawing.
func (b *bars) nameWidth(width float64) float64 {
	most := 0.0
	for _, g := range b.groups {
		for _, one := range g.bars {
			most = max(most, textWidth(one.name))
		}
	}
	return min(most, width/3) + 10
}

// draw draws a row of the table below y and returns where it ends.
func (g group) draw(d *drawing, f canvas, y float64, full bool) (bottom float64) {
	for _, line := range wrap(g.label, d.width) {
		// A text of its own ground covers the grid behind it.
		d.rect("ground", 0, y, min(d.width, textWidth(line)+4), y+lineHeight)
		d.text("group", "start", 0, y+12, line)
		y += lineHeight
	}
	for _, one := range g.bars {
		one.draw(d, f, y+2, full)
		y += barPitch
	}
	return y + groupGap
}

// draw draws one ratio.
func (b bar) draw(d *drawing, f canvas, y float64, full bool) {
	middle := y + barHeight/2
	d.text("name", "end", f.left-8, middle+4, shorten(b.name, f.left-8))
	value := number(b.ratio.Median)
	if full {
		value = b.ratio.String()
	}
	d.text("value", "end", d.width, middle+4, value)
	if b.ratio.Median <= 0 {
		return // no place on a logarithmic axis; the value beside it says so
	}
	one, _ := f.at(1, 0)
	at, _ := f.at(b.ratio.Median, 0)
	d.rect(seriesClass("bar", b.style), one, y, at, y+barHeight)
	if b.ratio.High > 0 {
		low, high := f.end(d, b.ratio.Low, middle), f.end(d, b.ratio.High, middle)
		d.line("whisker", low, middle, high, middle)
	}
	d.mark(b.style, at, middle)
}

// end draws one end of an interval: a stop, or an arrow where the axis does not
// reach that far.
func (f canvas) end(d *drawing, v, y float64) (x float64) {
	x, _ = f.at(v, 0)
	switch {
	case x < f.left:
		d.path("whisker", fmt.Sprintf("M%s %sl-5 4l5 4", pixels(f.left+5), pixels(y-4)))
		return f.left
	case x > f.right:
		d.path("whisker", fmt.Sprintf("M%s %sl5 4l-5 4", pixels(f.right-5), pixels(y-4)))
		return f.right
	}
	d.line("whisker", x, y-4, x, y+4)
	return x
}

// sayRatios is a description of bars: what the table says.
func (b *bars) sayRatios() string {
	var parts []string
	for _, g := range b.groups {
		for _, one := range g.bars {
			parts = append(parts, fmt.Sprintf("%s, %s: %s", g.label, one.name, one.ratio))
		}
	}
	return "Ratio and 95 % interval. " + strings.Join(parts, "; ") + "."
}
