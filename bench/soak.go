package bench

import "slices"

// soakTail is the part of a soak whose memory counts: at its beginning a broker
// fills what it keeps.
const soakTail = 0.8

// soakSlots is how many of the clients that come and go may do so at a time.
const soakSlots = 64

// runSoak: traffic at a rate, and clients that come and go beside it, for a long time.
func runSoak(r *run) error {
	return r.withFleet(func(f *fleet) error {
		subscribers, stream := newClients(r.load.Conns), r.newStreams(1)[0]
		for _, c := range subscribers {
			c.hello = sub(r.subject(0))
			r.watch(c, nil, stream)
		}
		publishers, err := r.openBoth(f, subscribers, 1)
		if err != nil {
			return err
		}
		t := traffic{
			sources: []source{r.publisher(publishers[0], nil, r.subject(0), stream)},
			copies:  uint64(r.load.Conns),
			churn:   r.newChurn(f, r.load.ConnRate, soakSlots),
		}
		p, err := r.measured(f, t)
		if err != nil {
			return err
		}
		r.report("cycles_per_second", float64(p.cycles)/p.wall.Seconds(), "1/s")
		r.costs(p, p.delivered, "delivery")
		r.growth()
		return nil
	})
}

// growth reports the slope of resident memory, and what it was at both ends.
func (r *run) growth() {
	r.stopMonitor()
	all := r.moments.all
	from := int(float64(len(all)) * (1 - soakTail))
	if r.target.Process == 0 || len(all)-from < 3 {
		r.warn("no slope of memory: it takes --pid or --spawn, and some seconds")
		return
	}
	tail := all[from:]
	minutes, megabytes := make([]float64, len(tail)), make([]float64, len(tail))
	for i, m := range tail {
		minutes[i], megabytes[i] = m.At/60, m.ResidentMB
	}
	r.report("resident_first", megabytes[0], "MB")
	r.report("resident_last", megabytes[len(megabytes)-1], "MB")
	r.report("resident_most", slices.Max(megabytes), "MB")
	r.report("resident_slope", TheilSen(minutes, megabytes), "MB/min")
}
