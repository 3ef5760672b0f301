package bench

import (
	"fmt"
	"io"
	"time"
)

// What a plan has before it, and how long it will take about.

const (
	// What a run takes beside its phases, about: measured on two processors.
	spawnTime  = 500 * time.Millisecond // start, greet, end
	openTime   = 120 * time.Microsecond // a connection
	insertTime = 3 * time.Microsecond   // a subscription beyond the first of a connection

	// surePart is what must be done before the time it took tells more than the guess.
	surePart = 0.05
)

// An agenda tells how far a plan is.
type agenda struct {
	w      io.Writer
	rounds int
	start  time.Time
	total  time.Duration // guessed
	done   time.Duration // of it
}

// newAgenda guesses how long the plan takes, and says so.
func (p Plan) newAgenda(chosen []task, contenders []Contender) *agenda {
	a := &agenda{w: p.Progress, rounds: p.Rounds, start: time.Now()}
	runs := 0
	for _, t := range chosen {
		if t.how.half {
			a.total += saturations * t.saturating().takes()
		}
		rounds := p.Rounds
		if t.how.rounds > 0 {
			rounds = min(rounds, t.how.rounds)
		}
		for _, who := range contenders {
			if who.runs(t) {
				runs += rounds
				a.total += time.Duration(rounds) * t.takes()
			}
		}
	}
	fmt.Fprintf(a.w, "%d tasks, %d runs in %s: about %s\n", len(chosen), runs, counted(p.Rounds, "round"), roughly(a.total))
	return a
}

// takes is how long one run of the task takes, about.
func (t task) takes() time.Duration {
	load := t.load
	phases := time.Duration(1)
	switch t.scenario {
	case "reqrep":
		if load.Rate == 0 && load.Clients == 0 && !t.how.half {
			phases = 3
		}
	case "subs":
		phases = 2
	}
	subscriptions := max(0, load.Conns*(load.PerConn-1))
	return spawnTime + time.Duration(load.Conns)*openTime + time.Duration(subscriptions)*insertTime +
		phases*(load.Warmup+load.Duration+load.Settle) + load.Hold
}

// left is how long the rest takes, as the past went.
func (a *agenda) left() time.Duration {
	rest := float64(max(0, a.total-a.done))
	if float64(a.done) > surePart*float64(a.total) {
		rest *= float64(time.Since(a.start)) / float64(a.done)
	}
	return time.Duration(rest)
}

// roughly is a duration as exact as a guess is.
func roughly(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

// say prints one line of progress.
func (a *agenda) say(round int, t task, who Contender, result *Result, err error) {
	a.done += t.takes()
	fmt.Fprintf(a.w, "%5.0fs, %s left  round %d/%d  %-12s %-9s", time.Since(a.start).Seconds(), roughly(a.left()), round+1, a.rounds, t.name, who.Name)
	if err != nil {
		fmt.Fprintf(a.w, "  failed: %v\n", err)
		return
	}
	for _, r := range t.rows {
		if v, ok := result.Metric(r.metric); ok {
			fmt.Fprintf(a.w, "  %s %s", r.metric, number(v))
		}
	}
	fmt.Fprintln(a.w)
}

// saturated notes that a task has its rate.
func (a *agenda) saturated(t task) {
	a.done += saturations * t.saturating().takes()
	fmt.Fprintf(a.w, "%5.0fs, %s left  %s: %d messages a second are half of what %s carries\n",
		time.Since(a.start).Seconds(), roughly(a.left()), t.name, t.load.Rate, reference)
}
