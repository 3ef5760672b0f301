// Package lint holds the rules of this repository that no general tool knows,
// as tests: which package may import which, how long files and functions get,
// what the hot path must not call, where goroutines may start, that every
// exported name is documented. Each message names the cure. The tables at the
// head of each file are the rules; change them with a reason, in a commit of
// their own.
package lint
