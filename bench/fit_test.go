package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The example of a textbook: slope 61.272, its standard error 1.776 (heights and masses of 15 women).
func TestFitOfKnownPoints(t *testing.T) {
	height := []float64{1.47, 1.50, 1.52, 1.55, 1.57, 1.60, 1.63, 1.65, 1.68, 1.70, 1.73, 1.75, 1.78, 1.80, 1.83}
	mass := []float64{52.21, 53.12, 54.48, 55.84, 57.20, 58.57, 59.93, 61.29, 63.11, 64.47, 66.28, 68.10, 69.92, 72.19, 74.46}
	l, err := Fit(height, mass)
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want, within float64) {
		t.Helper()
		if math.Abs(got-want) > within {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("slope", l.Slope, 61.272, 0.001)
	near("intercept", l.Intercept, -39.062, 0.001)
	near("error of the slope", l.SlopeOff, 1.7759*2.160, 0.001)
	_, off := l.At(0)
	near("error of the intercept", off, 2.9380*2.160, 0.001)
}

// Its 95 % interval holds the truth about 95 times of 100, at the far end as well.
func TestFitIsRightAsOftenAsItSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const trials = 2000
	slopes, ends := 0, 0
	for range trials {
		x := []float64{5000, 10000, 15000, 19000}
		y := make([]float64, len(x))
		for i := range y {
			y[i] = 1e7 + 700*x[i] + 2e5*rng.NormFloat64()
		}
		l, err := Fit(x, y)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(l.Slope-700) <= l.SlopeOff {
			slopes++
		}
		if end, off := l.At(1e6); math.Abs(end-1e7-7e8) <= off {
			ends++
		}
	}
	for what, held := range map[string]int{"slope": slopes, "extrapolation": ends} {
		if share := float64(held) / trials; share < 0.93 || share > 0.97 {
			t.Errorf("the interval of the %s holds the truth in %.3f of all trials", what, share)
		}
	}
}

func TestNoFitOfTooLittle(t *testing.T) {
	for _, x := range [][]float64{nil, {1}, {1, 2}, {3, 3, 3}} {
		if l, err := Fit(x, make([]float64, len(x))); err == nil {
			t.Errorf("the line through %v is %+v", x, l)
		}
	}
}
