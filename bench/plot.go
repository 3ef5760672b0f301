package bench

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What all plots of a report share: a drawing, scales, ticks.
//
// A plot is SVG inside the page, without a script: it needs nothing but a browser of
// the last ten years, prints sharply, and its text can be read aloud, searched
// and copied. Colours are classes of the page's style, so that dark mode and
// paper get their own. A plot is drawn twice, wide and narrow, and the style shows
// the one that fits: one drawing scaled down to a telephone has unreadable text.

const (
	plotWide   = 760.0 // pixels at full size
	plotNarrow = 328.0 // a telephone's 360 less the page's margins

	// glyph is how wide a character of a plot's text is at most on average. Nobody can
	// measure text here, and the browser chooses the font.
	glyph = 7.4

	lineHeight = 17.0

	// seriesStyles is how many colours and dashes the page's style has; further
	// series begin again.
	seriesStyles = 6
)

// A sketch is a plot that can be drawn at any width.
type sketch interface {
	title() string
	description() string // what somebody who cannot see it wants to know
	draw(width float64) *drawing
}

// A drawing is SVG in the making.
type drawing struct {
	b             strings.Builder
	width, height float64
}

// render draws a sketch as one SVG element; id must be its own in the page.
func render(s sketch, width float64, class, id string) template.HTML {
	d := s.draw(width)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="plot %s" role="img" aria-labelledby="%s-t %s-d" viewBox="0 0 %s %s" width="%s" height="%s">`,
		class, id, id, pixels(d.width), pixels(d.height), pixels(d.width), pixels(d.height))
	fmt.Fprintf(&b, `<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`,
		id, html.EscapeString(s.title()), id, html.EscapeString(s.description()))
	b.WriteString(d.b.String())
	b.WriteString("</svg>")
	return template.HTML(b.String()) // every text in it was escaped where it was written
}

// pixels writes a coordinate: a tenth of a pixel is enough.
func pixels(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// line draws a straight line.
func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&d.b, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, pixels(x1), pixels(y1), pixels(x2), pixels(y2))
}

// rect draws a rectangle between two heights and any two abscissas.
func (d *drawing) rect(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&d.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, pixels(min(x1, x2)), pixels(y1), pixels(math.Abs(x2-x1)), pixels(y2-y1))
}

// path draws a path in the language of SVG.
func (d *drawing) path(class, path string) {
	fmt.Fprintf(&d.b, `<path class="%s" d="%s"/>`, class, path)
}

// text writes a line of text; anchor is start, middle or end.
func (d *drawing) text(class, anchor string, x, y float64, text string) {
	fmt.Fprintf(&d.b, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`, class, anchor, pixels(x), pixels(y), html.EscapeString(text))
}

// mark draws the mark of a series: a shape for each, for eyes that do not tell the colours
// apart.
func (d *drawing) mark(style int, x, y float64) {
	shapes := [seriesStyles]string{
		"m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "m-3.5-3.5h7v7h-7z", "m0-4.5l4.5 8h-9z",
		"m0-5l5 5l-5 5l-5-5z", "m0 4.5l4.5-8h-9z", "m-4-1.5h2.5v-2.5h3v2.5h2.5v3h-2.5v2.5h-3v-2.5h-2.5z",
	}
	d.path(seriesClass("mark", style), "M"+pixels(x)+" "+pixels(y)+shapes[style%seriesStyles])
}

// seriesClass is the class of a series' part.
func seriesClass(part string, style int) string {
	return part + " s" + strconv.Itoa(style%seriesStyles)
}

// textWidth is about how wide a text will be.
func textWidth(text string) float64 { return glyph * float64(utf8.RuneCountInString(text)) }

// shorten cuts a text that is too wide.
func shorten(text string, width float64) string {
	runes := []rune(text)
	if keep := int(width/glyph) - 1; len(runes) > keep+1 && keep > 0 {
		return string(runes[:keep]) + "…"
	}
	return text
}

// wrap breaks a text at blanks into lines of that width; a longer word is cut.
func wrap(text string, width float64) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		word = shorten(word, width)
		if line != "" && textWidth(line+" "+word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// A scale maps values to 0..1.
type scale struct {
	low, high   float64 // not equal
	logarithmic bool    // low is above 0
}

// at is where a value lies; outside 0..1 if it is outside the scale.
func (s scale) at(v float64) float64 {
	if s.logarithmic {
		return math.Log(v/s.low) / math.Log(s.high/s.low)
	}
	return (v - s.low) / (s.high - s.low)
}

// holds reports whether a value can be drawn.
func (s scale) holds(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (!s.logarithmic || v > 0)
}

// logarithmicScale holds the values, from a round number to a round number.
func logarithmicScale(values ...float64) scale {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		low, high = 1, 1
	}
	s := scale{roundLog(low, false), roundLog(high, true), true}
	if s.low == s.high {
		s.low, s.high = roundLog(s.low*0.9, false), roundLog(s.high*1.1, true)
	}
	return s
}

// roundSteps are the round numbers of a decade.
var roundSteps = [...]float64{1, 2, 5, 10}

// roundLog is the round number at or beyond v: 0.1, 0.2, 0.5, 1, 2, 5, 10...
func roundLog(v float64, up bool) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	const slack = 1e-9 // of what powers of ten are off
	at := decade
	for _, r := range roundSteps {
		if r*decade >= v*(1-slack) {
			if up || r*decade <= v*(1+slack) {
				at = r * decade
			}
			break
		}
		at = r * decade
	}
	return at
}

// linearScale begins at 0, since half a curve's height shall be half of it.
func linearScale(values ...float64) scale {
	high := 0.0
	for _, v := range values {
		if !math.IsInf(v, 0) {
			high = max(high, v)
		}
	}
	if high == 0 {
		high = 1
	}
	step := tickStep(high)
	return scale{0, math.Ceil(high/step-1e-9) * step, false}
}

// ticksWanted is about how many ticks an axis has.
const ticksWanted = 5

// tickStep is the round distance of ticks up to high.
func tickStep(high float64) float64 { return roundLog(high/ticksWanted, true) }

// ticks are the values an axis names.
func (s scale) ticks() []float64 {
	var at []float64
	if !s.logarithmic {
		step := tickStep(s.high)
		for i := 0; float64(i)*step <= s.high*(1+1e-9); i++ {
			at = append(at, float64(i)*step)
		}
		return at
	}
	decades := math.Log10(s.high / s.low)
	multiples := roundSteps[:3]
	if decades > 2.5 {
		multiples = roundSteps[:1]
	}
	every := max(1, int(math.Ceil(decades/9)))
	for e := int(math.Floor(math.Log10(s.low) + 1e-9)); e <= int(math.Ceil(math.Log10(s.high))); e++ {
		for _, m := range multiples {
			v := m * math.Pow(10, float64(e))
			if e%every == 0 && v >= s.low*(1-1e-9) && v <= s.high*(1+1e-9) {
				at = append(at, v)
			}
		}
	}
	return at
}

// plain writes a tick without an exponent and with thousands apart.
func plain(v float64) string {
	text := strconv.FormatFloat(v, 'g', 6, 64)
	if a := math.Abs(v); a >= 1 && a < 1e15 || a >= 1e-6 {
		text = strconv.FormatFloat(math.Round(v*1e9)/1e9, 'f', -1, 64)
	}
	whole, rest, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-' && !strings.Contains(text, "e"); i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		return whole + "." + rest
	}
	return whole
}

// elapsed writes microseconds in the unit that suits.
func elapsed(us float64) string {
	switch {
	case us >= 1e6:
		return plain(us/1e6) + " s"
	case us >= 1e3:
		return plain(us/1e3) + " ms"
	}
	return plain(us) + " us"
}
