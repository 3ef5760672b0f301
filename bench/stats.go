package bench

import (
	"math"
	"slices"
	"time"
)

// Median is the middle of the values, or the mean of the middle two; NaN for none.
// The values stay as they are.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// Percentile is the smallest value that at least p percent (above 0, up to 100)
// of the sorted values do not exceed; 0 for none.
func Percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(i, 1), len(sorted))-1]
}

// TheilSen is the slope of y over x that outliers do not move: the median of the
// slopes between any two points. It is NaN for fewer than two different x.
func TheilSen(x, y []float64) float64 {
	var slopes []float64
	for i := range x {
		for j := i + 1; j < len(x); j++ {
			if x[i] != x[j] {
				slopes = append(slopes, (y[j]-y[i])/(x[j]-x[i]))
			}
		}
	}
	return Median(slopes)
}
