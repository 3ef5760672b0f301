package bench

import "time"

// runConn: connections that subscribe once and then say nothing. They come as
// fast as they can, or at a rate, and stay.
func runConn(r *run) error {
	return r.withFleet(func(f *fleet) error {
		begin := time.Now()
		clients := newClients(r.load.Conns)
		for i, c := range clients {
			c.hello = r.dialect().subscribe(r.subject(i))
		}
		f.openRate = r.load.opening()
		before, err := r.take(f)
		if err != nil {
			return err
		}
		if err := f.open(clients, f.reader); err != nil {
			return err
		}
		connected, err := r.take(f)
		if err != nil {
			return err
		}
		n := float64(r.load.Conns)
		p := connected.since(before)
		r.warnOfCompany(p)
		r.report("conns_per_second", n/p.wall.Seconds(), "1/s")
		if err := f.rest(r.load.Settle); err != nil {
			return err
		}
		settled, err := r.take(f)
		if err != nil {
			return err
		}
		if r.target.Process != 0 {
			r.report("cpu_us_per_conn", float64(p.cpu.Nanoseconds())/1000/n, "us")
			r.report("broker_resident", float64(settled.broker.Resident)/(1<<20), "MB")
			r.report("bytes_per_conn", float64(settled.broker.Resident-before.broker.Resident)/n, "B")
			r.report("bytes_per_conn_at_once", float64(connected.broker.Resident-before.broker.Resident)/n, "B")
			r.report("cpu_us_per_conn_settling", float64((settled.broker.CPU-connected.broker.CPU).Nanoseconds())/1000/n, "us")
			r.report("generator_us_per_conn", float64(p.own.Nanoseconds())/1000/n, "us")
		}
		return r.hold(f, settled, max(r.load.Hold, r.load.Duration-time.Since(begin)))
	})
}

// opening is how many connections a second are opened, 0 for as fast as it goes.
func (load Load) opening() int {
	if load.ConnRate == 0 && load.Ramp > 0 {
		return max(1, int(float64(load.Conns)/load.Ramp.Seconds()))
	}
	return load.ConnRate
}

// hold keeps idle connections for d and reports what they cost meanwhile.
func (r *run) hold(f *fleet, settled sample, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if err := f.rest(d); err != nil {
		return err
	}
	held, err := r.take(f)
	if err != nil || r.target.Process == 0 {
		return err
	}
	p, n := held.since(settled), float64(r.load.Conns)
	r.report("bytes_per_conn_held", r.perConn(held), "B")
	r.report("cpu_us_per_conn_second", float64(p.cpu.Nanoseconds())/1000/n/p.wall.Seconds(), "us")
	return nil
}

// rest lets time pass unless the run fails.
func (f *fleet) rest(d time.Duration) error {
	select {
	case err := <-f.failed:
		return err
	case <-time.After(d):
		return nil
	}
}
