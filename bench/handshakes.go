package bench

import (
	"slices"
	"time"
)

// runHandshakes: messages of a plain client to itself, first alone and then beside clients that
// come and go, under TLS if the run is.
func runHandshakes(r *run) error {
	every := r.rate
	r.rate = 0 // the load's is that of the messages
	w, err := r.messenger()
	if err != nil {
		return err
	}
	defer w.close()
	return r.withFleet(func(f *fleet) error {
		quiet, err := r.messages(w, every)
		if err != nil {
			return err
		}
		c := r.newChurn(f, r.load.ConnRate, r.load.Conns)
		before, err := r.take(f)
		if err != nil {
			return err
		}
		c.start()
		beside, err := r.messages(w, every)
		cycles := c.stop()
		if err == nil {
			err = f.failure()
		}
		if err != nil {
			return err
		}
		after, err := r.take(f)
		if err != nil {
			return err
		}
		r.distribution("quiet", quiet)
		r.distribution("beside", beside)
		r.report("p99_growth", float64(Percentile(beside, 99))/float64(Percentile(quiet, 99)), "")
		r.costs(after.since(before), cycles, "cycle")
		if c.unbegun > 0 {
			r.warn("%d clients were due and could not begin: %d a second are too many here", c.unbegun, r.load.ConnRate)
		}
		return nil
	})
}

// messenger opens a plain connection with a subscription.
func (r *run) messenger() (*wire, error) {
	plain := r.target
	plain.TLS = nil
	w, err := dialWire(plain)
	if err != nil {
		return nil, err
	}
	if err := w.connect(sub(r.subject(0))); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// messages sends messages at a rate and returns how long each took to come back, sorted.
func (r *run) messages(w *wire, rate int) (times []time.Duration, err error) {
	message := appendPub(nil, r.subject(0), "", filler(r.load.Size))
	err = promptly(func() error {
		var err error
		times, err = r.paced(rate, func() error {
			if err := w.write(message); err != nil {
				return err
			}
			return w.await(w.reader.Messages + 1)
		})
		return err
	})
	slices.Sort(times)
	return times, err
}
