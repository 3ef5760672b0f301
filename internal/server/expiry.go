package server

import (
	"fmt"
	"time"
)

const day = 24 * time.Hour

// expiryStages are how long before the end of the certificate somebody is warned, longest first.
var expiryStages = [...]time.Duration{30 * day, 7 * day, day, 0}

// expiryPatience is how long the end is not looked at: the clock may be set, and does not go on while the machine
// sleeps.
const expiryPatience = day / 2

// An expiry warns before the certificate of clients' connections ends. Only the goroutine of Run touches it.
type expiry struct {
	warn  func(format string, v ...any)
	ends  time.Time // zero: there is none
	stage int       // of expiryStages that were warned of
	timer *time.Timer
	due   <-chan time.Time // then look; nil while there is nothing to look at
}

// watch looks after a certificate from now on, unless it does already.
func (e *expiry) watch(ends time.Time) {
	if e.ends.Equal(ends) {
		return
	}
	if e.timer != nil {
		e.timer.Stop()
	}
	e.ends, e.stage, e.due = ends, 0, nil
	if !ends.IsZero() {
		e.look()
	}
}

// look warns once in each stage, and sets the timer for the next.
func (e *expiry) look() {
	left := time.Until(e.ends)
	stage := e.stage
	for stage < len(expiryStages) && left <= expiryStages[stage] {
		stage++
	}
	switch {
	case stage == e.stage:
	case left <= 0:
		e.warn("The TLS certificate has ended on %s: clients refuse it; renew it and reload", e.date())
	default:
		e.warn("The TLS certificate ends in %s, on %s: renew it and reload", e.inWords(left), e.date())
	}
	e.stage, e.due = stage, nil
	if stage < len(expiryStages) {
		e.timer = time.NewTimer(min(left-expiryStages[stage], expiryPatience))
		e.due = e.timer.C
	}
}

func (e *expiry) date() string { return e.ends.UTC().Format("2006-01-02 15:04:05 MST") }

// inWords rounds up: who reads it should not be late.
func (e *expiry) inWords(left time.Duration) string {
	if left > 2*day {
		return fmt.Sprintf("%d days", (left+day-1)/day)
	}
	return fmt.Sprintf("%d hours", (left+time.Hour-1)/time.Hour)
}
