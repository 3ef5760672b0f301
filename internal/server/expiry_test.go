package server

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// watched runs an expiry, in time that is made up, and returns what it says: after how many days, and the words.
func watched(t *testing.T, span time.Duration, ends ...time.Duration) (said []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		e := expiry{warn: func(format string, v ...any) {
			said = append(said, fmt.Sprintf("day %v: ", time.Since(began).Hours()/24)+fmt.Sprintf(format, v...))
		}}
		end := time.After(span)
		reload := time.NewTicker(span / time.Duration(len(ends)))
		defer reload.Stop()
		e.watch(began.Add(ends[0]))
		for ends = ends[1:]; ; {
			select {
			case <-e.due:
				e.look()
			case <-reload.C:
				if len(ends) > 0 {
					at := time.Time{}
					if ends[0] > 0 {
						at = began.Add(ends[0])
					}
					e.watch(at)
					ends = ends[1:]
				}
			case <-end:
				return
			}
		}
	})
	return said
}

func TestTheEndOfACertificateIsToldAhead(t *testing.T) {
	const (
		days30 = "The TLS certificate ends in 30 days, on 2000-02-10 00:00:00 UTC: renew it and reload"
		days7  = "The TLS certificate ends in 7 days, on 2000-02-10 00:00:00 UTC: renew it and reload"
		day1   = "The TLS certificate ends in 24 hours, on 2000-02-10 00:00:00 UTC: renew it and reload"
		ended  = "The TLS certificate has ended on 2000-02-10 00:00:00 UTC: clients refuse it; renew it and reload"
	)
	for _, c := range []struct {
		what string
		span time.Duration
		ends []time.Duration // of the certificate at the start, and behind reloads, which come at equal times
		want []string
	}{
		{"all stages, once each", 100 * day, []time.Duration{40 * day}, []string{"day 10: " + days30, "day 33: " + days7, "day 39: " + day1, "day 40: " + ended}},
		{"the same certificate is reloaded", 100 * day, []time.Duration{40 * day, 40 * day, 40 * day, 40 * day, 40 * day}, []string{"day 10: " + days30, "day 33: " + days7, "day 39: " + day1, "day 40: " + ended}},
		{"a new one ends the warnings", 100 * day, []time.Duration{40 * day, 400 * day, 400 * day, 400 * day, 400 * day}, []string{"day 10: " + days30}},
		{"TLS is turned off", 100 * day, []time.Duration{40 * day, 0, 0, 0, 0}, []string{"day 10: " + days30}},
		{"it ends soon at the start", 10 * day, []time.Duration{5*day - time.Hour}, []string{
			"day 0: The TLS certificate ends in 5 days, on 2000-01-05 23:00:00 UTC: renew it and reload",
			"day 3.9583333333333335: The TLS certificate ends in 24 hours, on 2000-01-05 23:00:00 UTC: renew it and reload",
			"day 4.958333333333333: The TLS certificate has ended on 2000-01-05 23:00:00 UTC: clients refuse it; renew it and reload"}},
		{"it has ended", 10 * day, []time.Duration{-day}, []string{"day 0: The TLS certificate has ended on 1999-12-31 00:00:00 UTC: clients refuse it; renew it and reload"}},
		{"there is none", 10 * day, []time.Duration{400 * day}, nil},
	} {
		if got := watched(t, c.span, c.ends...); !slices.Equal(got, c.want) {
			t.Errorf("%s: it says %q, want %q", c.what, got, c.want)
		}
	}
}
