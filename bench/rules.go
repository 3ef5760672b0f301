package bench

// rulesTurns is how often each side publishes: what changes on the machine meanwhile meets both.
const rulesTurns = 5

// runRules: a user with permissions and one without publish in turns, each to subscribers of its own.
func runRules(r *run) error {
	return r.withFleet(func(f *fleet) error {
		bound, err := r.side(f, r.target.Login.at(0), 0)
		if err != nil {
			return err
		}
		free, err := r.side(f, r.target.Free, r.load.Conns)
		if err != nil {
			return err
		}
		sides := [...]*ruled{{name: "bound", traffic: bound}, {name: "free", traffic: free}}
		for i := range rulesTurns + 1 {
			for _, s := range sides {
				d := r.load.Duration / (2 * rulesTurns)
				if i == 0 {
					d = r.load.Warmup
				}
				p, err := r.play(f, s.traffic, d)
				if err != nil {
					return err
				}
				if i > 0 {
					r.warnOfCompany(p)
					s.cost += p.cpu.Seconds()
					s.published += p.published
				}
			}
		}
		for _, s := range sides {
			r.report("published_"+s.name, float64(s.published), "messages")
			if r.target.Process != 0 {
				r.report("cpu_us_per_publish_"+s.name, 1e6*s.each(), "us")
			}
		}
		if sides[1].cost > 0 {
			r.report("rules_growth", sides[0].each()/sides[1].each(), "")
		}
		return nil
	})
}

// A ruled side is what one user's publishing came to.
type ruled struct {
	name      string
	traffic   traffic
	cost      float64 // seconds of the broker
	published uint64
}

func (s *ruled) each() float64 { return s.cost / float64(max(s.published, 1)) }

// side opens one user's connections: a publisher and subscribers that get a message each in turn. Their subjects are numbered
// from first up.
func (r *run) side(f *fleet, login Login, first int) (traffic, error) {
	n := r.load.Conns
	flow := newFlow(f.publishers().l, n, n, r.load.Window)
	subjects := make([]string, n)
	subscribers, publisher := newClients(n), newClients(1)
	for i, c := range subscribers {
		subjects[i] = r.subject(first + i)
		c.login, c.hello, c.meter = &login, r.dialect().subscribe(subjects[i]), &meter{flow: flow}
	}
	publisher[0].login = &login
	if err := f.open(subscribers, f.reader); err != nil {
		return traffic{}, err
	}
	if err := f.open(publisher, func(int) *host { return f.publishers() }); err != nil {
		return traffic{}, err
	}
	s := newPump(publisher[0], flow, r.encode(subjects, n, r.load.Size, n))
	return traffic{sources: []source{s}, copies: 1}, nil
}
