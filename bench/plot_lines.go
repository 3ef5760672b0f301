package bench

import (
	"math"
	"strings"
)

// Curves: latency by percentile, what goes on second by second, cost by load.

// A series is one curve.
type series struct {
	name   string
	x, y   []float64
	style  int
	marked bool // each point is a measurement of its own
}

// An axis is a scale with words.
type axis struct {
	scale
	label  string
	format func(float64) string // of ticks
}

// curves are some series over the same axes.
type curves struct {
	name, says string
	x, y       axis
	series     []series
}

func (c *curves) title() string       { return c.name }
func (c *curves) description() string { return c.says }

const (
	curvesHeight = 260.0 // of what curves are drawn in
	swatch       = 34.0  // of a series in the legend, with the gap behind it
)

// A canvas is where the axes lie in a drawing.
type canvas struct {
	left, right, top, bottom float64
	x, y                     scale
}

func (f canvas) at(x, y float64) (px, py float64) {
	return f.left + f.x.at(x)*(f.right-f.left), f.bottom - f.y.at(y)*(f.bottom-f.top)
}

func (c *curves) draw(width float64) *drawing {
	d := &drawing{width: width}
	y := c.legend(d)
	d.text("label", "start", 0, y+12, c.y.label)
	f := canvas{x: c.x.scale, y: c.y.scale, right: width - 22, top: y + 26}
	for _, v := range c.y.ticks() {
		f.left = max(f.left, textWidth(c.y.format(v))+8)
	}
	f.bottom = f.top + curvesHeight
	c.axes(d, f)
	for _, s := range c.series {
		s.draw(d, f)
	}
	d.height = f.bottom + 46
	return d
}

// legend names the series in as many lines as it takes and returns where it ends. A
// single one is named by the title.
func (c *curves) legend(d *drawing) (bottom float64) {
	if len(c.series) < 2 {
		return 0
	}
	x := 0.0
	for _, s := range c.series {
		name := shorten(s.name, d.width-swatch)
		wide := swatch + textWidth(name) + 12
		if x > 0 && x+wide > d.width {
			x, bottom = 0, bottom+lineHeight
		}
		middle := bottom + 8
		d.line(seriesClass("curve", s.style), x, middle, x+swatch-6, middle)
		if s.marked {
			d.mark(s.style, x+(swatch-6)/2, middle)
		}
		d.text("name", "start", x+swatch, middle+4, name)
		x += wide
	}
	return bottom + lineHeight + 6
}

// axes draws both, with their grid.
func (c *curves) axes(d *drawing, f canvas) {
	for _, v := range c.y.ticks() {
		_, y := f.at(c.x.low, v)
		d.line("grid", f.left, y, f.right, y)
		d.text("tick", "end", f.left-6, y+4, c.y.format(v))
	}
	for _, v := range c.x.ticks() {
		x, _ := f.at(v, c.y.low)
		d.line("grid", x, f.top, x, f.bottom)
	}
	c.x.name(d, f, f.bottom+18)
	d.line("axis", f.left, f.bottom, f.right, f.bottom)
	d.text("label", "end", f.right, f.bottom+38, c.x.label)
}

// name writes the ticks of a horizontal axis at a height, as many as have room.
func (a axis) name(d *drawing, f canvas, y float64) {
	end := math.Inf(-1) // of the last text, which the next must not touch
	for _, v := range a.ticks() {
		text := a.format(v)
		half := textWidth(text) / 2
		x := min(f.left+a.at(v)*(f.right-f.left), d.width-half)
		if x-half < end+6 {
			continue
		}
		end = x + half
		d.text("tick", "middle", x, y, text)
	}
}

// draw draws one series. What its axes cannot hold leaves a gap.
func (s series) draw(d *drawing, f canvas) {
	var b strings.Builder
	pen := "M"
	for i := range s.x {
		if !f.x.holds(s.x[i]) || !f.y.holds(s.y[i]) {
			pen = "M"
			continue
		}
		x, y := f.at(s.x[i], s.y[i])
		b.WriteString(pen + pixels(x) + " " + pixels(y))
		pen = "L"
		if s.marked {
			d.mark(s.style, x, y)
		}
	}
	if b.Len() > 0 {
		d.path(seriesClass("curve", s.style), b.String())
	}
}
