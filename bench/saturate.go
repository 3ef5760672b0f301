package bench

import (
	"context"
	"fmt"
	"slices"
)

// The rate of tasks that run at half of what the reference carries. Everybody has the
// same rate in all rounds of a run: latencies at different rates tell nothing of each other.

// saturations is how often the reference is driven to its end; the median counts.
const saturations = 3

// saturating is the task at full speed, by the generator that is to carry half of it.
func (t task) saturating() task {
	t.load.Rate, t.load.Stamp = 0, true
	t.load.Duration = min(t.load.Duration, figureDuration/2)
	return t
}

// saturate runs the task at full speed against the reference, and makes half of what it
// carried the task's rate.
func (p Plan) saturate(ctx context.Context, c *Comparison, t *task) error {
	i := slices.IndexFunc(c.Contenders, func(who Contender) bool { return who.Name == reference })
	if i < 0 {
		return fmt.Errorf("%s is not among the contenders, and it is half of its rate", reference)
	}
	full := t.saturating()
	var rates []float64
	for range saturations {
		result, err := p.once(ctx, full, c.Contenders[i])
		if err != nil {
			return err
		}
		rate, ok := result.Metric("published_per_second")
		if !ok || rate < 2 {
			return fmt.Errorf("%s published nothing at full speed", reference)
		}
		rates = append(rates, rate)
	}
	t.load.Rate = int(Median(rates) / 2)
	for _, r := range t.rows {
		c.Figure(r.name).Load.Rate = t.load.Rate
	}
	return nil
}
