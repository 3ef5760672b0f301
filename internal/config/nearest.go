package config

import "strings"

// nearest returns the known name somebody may have meant by name, or nothing.
// A name in other case, then one that name begins, then one that few letters
// tell apart: two at most, one in short names, for any two single letters are
// "near".
func nearest(name string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		d := distance(name, k)
		switch {
		case strings.EqualFold(name, k):
			d = 0
		case len(name) <= 2 || len(k) <= 2:
			continue
		case strings.HasPrefix(k, name):
			d = 1
		case len(name) <= 4 && d > 1:
			continue
		}
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the letters to insert, drop, change or swap with their
// neighbour to make a from b.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
