package invariant

// Broken is what Check panics with: something that always holds does not, so nothing can be
// relied on any more.
type Broken string

// Error says what does not hold.
func (b Broken) Error() string { return "invariant broken: " + string(b) }
