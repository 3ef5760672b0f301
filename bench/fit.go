package bench

import (
	"errors"
	"math"
	"slices"
)

// A Line is a straight line through measured points, by least squares.
//
// The errors are 95 % intervals, of Student's t with two degrees of freedom less than there
// are points. They say how far noise may have bent the line. They say nothing of what
// happens beyond the last point: there, that the line stays straight is assumed.
type Line struct {
	Slope     float64 // of y, for each unit of x
	SlopeOff  float64 // the slope is this much more or less
	Intercept float64 // y at 0

	points   int
	mean     float64 // of x
	squares  float64 // of x, about its mean
	residual float64 // standard deviation of y about the line
}

// Fit puts a line through points. Without three of them, two at different x, there is
// no line, or nothing to tell its error from.
func Fit(x, y []float64) (Line, error) {
	n := len(x)
	if n < 3 || slices.Min(x) == slices.Max(x) {
		return Line{}, errors.New("a line with an error takes three points, at two places at least")
	}
	l := Line{points: n}
	meanY := 0.0
	for i := range x {
		l.mean += x[i] / float64(n)
		meanY += y[i] / float64(n)
	}
	product := 0.0
	for i := range x {
		l.squares += (x[i] - l.mean) * (x[i] - l.mean)
		product += (x[i] - l.mean) * (y[i] - meanY)
	}
	l.Slope = product / l.squares
	l.Intercept = meanY - l.Slope*l.mean
	off := 0.0
	for i := range x {
		off += math.Pow(y[i]-l.Intercept-l.Slope*x[i], 2)
	}
	l.residual = math.Sqrt(off / float64(n-2))
	l.SlopeOff = l.reach() * l.residual / math.Sqrt(l.squares)
	return l, nil
}

func (l Line) reach() float64 { return student(float64(l.points - 2)) }

// At is the line at x, and how much more or less it may be there.
func (l Line) At(x float64) (y, off float64) {
	d := x - l.mean
	return l.Intercept + l.Slope*x, l.reach() * l.residual * math.Sqrt(1/float64(l.points)+d*d/l.squares)
}
