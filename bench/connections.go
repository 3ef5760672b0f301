package bench

import "time"

// runConn: connections that subscribe once and then say nothing.
func runConn(r *run) error {
	return r.withFleet(func(f *fleet) error {
		clients := newClients(r.load.Conns)
		for i, c := range clients {
			c.hello = sub(r.subject(i))
		}
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
		if r.target.Process == 0 {
			return nil
		}
		r.report("cpu_us_per_conn", float64(p.cpu.Nanoseconds())/1000/n, "us")
		r.report("bytes_per_conn", float64(settled.broker.Resident-before.broker.Resident)/n, "B")
		r.report("bytes_per_conn_at_once", float64(connected.broker.Resident-before.broker.Resident)/n, "B")
		r.report("cpu_us_per_conn_settling", float64((settled.broker.CPU-connected.broker.CPU).Nanoseconds())/1000/n, "us")
		r.report("generator_us_per_conn", float64(p.own.Nanoseconds())/1000/n, "us")
		return nil
	})
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
