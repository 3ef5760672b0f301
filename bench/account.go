package bench

// What a phase is reported as, and what makes it doubtful.

const (
	busyShare   = 0.9  // of one processor: more is a loop, or a broker, at its end
	othersShare = 0.25 // of one processor: more of it used by others spoils a figure
)

// warnOfCompany warns if a phase had to share the machine.
func (r *run) warnOfCompany(p phase) {
	if r.target.Process != 0 && p.others > othersShare {
		r.warn("the machine is not ours: other processes used %.2f processors", p.others)
	}
}

// loops reports what a broker that can tells of its loops and its collector.
func (r *run) loops(p phase) {
	if p.varz == nil {
		return
	}
	r.report("collections", float64(p.varz.Collections), "")
	r.report("collector_share", 100*p.varz.CollectorShare, "%")
	r.report("loop_lag_max", microseconds(p.varz.LongestLag.Nanoseconds())/1000, "ms")
	if p.varz.Collections == 0 {
		r.warn("the collector did not run meanwhile, so its share is not known")
	}
}

// costs reports what a phase cost for each of n units of work.
func (r *run) costs(p phase, n uint64, unit string) {
	if n == 0 {
		r.warn("nothing was done, so nothing has a cost")
		return
	}
	r.warnOfCompany(p)
	seconds := p.wall.Seconds()
	r.report(unit+"s_per_second", float64(n)/seconds, "1/s")
	if r.target.Process != 0 {
		r.report("cpu_us_per_"+unit, float64(p.cpu.Nanoseconds())/1000/float64(n), "us")
		r.report("broker_cpus", p.cpu.Seconds()/seconds, "processors")
		r.report("broker_switches_per_"+unit, float64(p.switches)/float64(n), "")
		if p.calls > 0 {
			r.report("broker_rw_calls_per_"+unit, float64(p.calls)/float64(n), "")
		}
		r.report("broker_resident", float64(p.resident)/(1<<20), "MB")
		if p.members > 0 {
			r.report("broker_resident_per_conn", float64(p.resident-r.idle.Resident)/float64(p.members), "B")
		}
		r.report("generator_cpus", p.own.Seconds()/seconds, "processors")
	}
	if r.target.Profile > 0 {
		r.report("heap_objects_per_"+unit, float64(p.objects)/float64(n), "")
	}
	r.loops(p)
	busiest := 0.0
	for _, t := range p.loops {
		busiest = max(busiest, t.Seconds()/seconds)
	}
	r.report("generator_busiest_loop", busiest, "processors")
	if r.rate > 0 && busiest > busyShare {
		r.warn("latencies are the generator's as well: its busiest loop took %.2f of a processor", busiest)
	} else if r.target.Process != 0 && busiest > busyShare && p.cpu.Seconds()/seconds < busyShare {
		r.warn("the generator is the bottleneck: its busiest loop took %.2f of a processor, the broker %.2f", busiest, p.cpu.Seconds()/seconds)
	}
}
