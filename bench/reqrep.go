package bench

import (
	"fmt"
	"time"

	"github.com/nats-io/nuid"
)

// runReqrep: a request and its reply. With a rate, requests are due whether the
// reply before has come or not. With a window, so many are on their way, as fast as it
// goes. Without either they go one at a time: with one
// client the requester answers itself; with two they are connections opened one after
// the other; the third case has one opened in between, so that a broker
// that deals connections to two loops has both on one.
func runReqrep(r *run) error {
	if r.rate > 0 || r.load.Window > 0 {
		return r.withFleet(r.requests)
	}
	for _, c := range [...]struct {
		name    string
		clients int
		between int
	}{{"one", 1, 0}, {"two", 2, 0}, {"same_loop", 2, 1}} {
		if r.load.Clients != 0 && r.load.Clients != c.clients {
			continue
		}
		err := promptly(func() error { return r.reqrep(c.name, c.clients == 1, c.between) })
		if err != nil {
			return err
		}
	}
	return nil
}

// requests measures requests at a rate or within a window, between two connections. The
// latency is that of replies, from when the request was due.
func (r *run) requests(f *fleet) error {
	service, inbox := "b."+r.id+".svc", "_INBOX."+nuid.Next()
	stream := r.newStreams(1)[0]
	responder := newClients(1)
	responder[0].hello = sub(service)
	r.watch(responder[0], nil, stream)
	responder[0].reader.Message = func(payload []byte) {
		c := responder[0]
		if c.checker != nil {
			c.checker.check(payload)
		}
		l := c.host.l
		tail := appendPub(l.Tail(len(inbox)+len(payload)+composeOverhead), inbox, "", payload)
		l.Send(&c.conn, l.Span(tail))
	}
	if err := f.open(responder, f.reader); err != nil {
		return err
	}
	requester := newClients(1)
	requester[0].hello = sub(inbox)
	var flow *flow
	if r.rate == 0 {
		flow = newFlow(f.publishers().l, 1, 1, r.load.Window)
		requester[0].meter = &meter{flow: flow}
	}
	r.watch(requester[0], nil, stream)
	if err := f.open(requester, func(int) *host { return f.publishers() }); err != nil {
		return err
	}
	s := r.compose(f.publishers(), flow, r.rate, route{requester[0], service, inbox, stream})
	p, err := r.measured(f, traffic{sources: []source{s}, copies: 2, replied: true})
	if err != nil {
		return err
	}
	r.costs(p, p.published, "trip")
	return nil
}

// A trip is a requester and who answers, on wires.
type trip struct {
	run       *run
	requester *wire
	responder *wire
	service   string
	inbox     string
	requests  *stream
	replies   *stream
	form      *form
	buf       []byte
}

// once is one request and its reply.
func (t *trip) once() error {
	t.buf = appendPub(t.buf[:0], t.service, t.inbox, t.form.next(t.requests, 0, 0))
	if err := t.requester.write(t.buf); err != nil {
		return err
	}
	if err := t.responder.await(t.responder.reader.Messages + 1); err != nil {
		return err
	}
	t.buf = appendPub(t.buf[:0], t.inbox, "", t.form.next(t.replies, 0, 0))
	if err := t.responder.write(t.buf); err != nil {
		return err
	}
	if t.run.load.Verify {
		t.run.tally.due.Add(2)
	}
	return t.requester.await(t.requester.reader.Messages + 1)
}

// open connects both sides, with some connections in between, which it returns.
func (t *trip) open(alone bool, between int) (others []*wire, err error) {
	r := t.run
	hello := sub(t.inbox)
	if alone {
		hello = fmt.Appendf(hello, "SUB %s 2\r\n", t.service)
	}
	if t.requester, err = r.wire(hello); err != nil {
		return nil, err
	}
	t.responder = t.requester
	for range between {
		w, err := r.wire(nil)
		if err != nil {
			return others, err
		}
		others = append(others, w)
	}
	if !alone {
		if t.responder, err = r.wire(sub(t.service)); err != nil {
			return others, err
		}
	}
	if r.load.Verify {
		t.requester.verify(newChecker(&r.tally, nil, []*stream{t.requests, t.replies}), t.form.sizes.max())
		if !alone {
			t.responder.verify(newChecker(&r.tally, nil, []*stream{t.requests}), t.form.sizes.max())
		}
	}
	return others, nil
}

// close ends what open made.
func (t *trip) close(others []*wire) {
	for _, w := range append(others, t.requester) {
		if w != nil {
			w.close()
		}
	}
	if t.responder != nil && t.responder != t.requester {
		t.responder.close()
	}
}

// reqrep measures one case of round trips, one at a time.
func (r *run) reqrep(name string, alone bool, between int) error {
	streams := r.newStreams(2)
	t := &trip{
		run: r, service: "b." + r.id + ".svc", inbox: "_INBOX." + nuid.Next(),
		requests: streams[0], replies: streams[1], form: r.newForm(0),
	}
	others, err := t.open(alone, between)
	defer func() { t.close(others) }()
	if err != nil {
		return err
	}
	before, err := r.take(nil)
	if err != nil {
		return err
	}
	times, err := r.trips(t.once)
	if err != nil {
		return err
	}
	after, err := r.take(nil)
	if err != nil {
		return err
	}
	r.reportTrips(name, after.since(before), times, t.requester.reader.Messages, alone)
	return nil
}

// reportTrips reports one case; count is what the requester got in all.
func (r *run) reportTrips(name string, p phase, times []time.Duration, count uint64, alone bool) {
	r.warnOfCompany(p)
	r.distribution(name, times)
	if alone {
		count /= 2 // replies and requests
	}
	if r.target.Process != 0 {
		r.report(name+"_cpu_us_per_trip", float64(p.cpu.Nanoseconds())/1000/float64(max(count, 1)), "us")
	}
	if r.target.Profile > 0 {
		r.report(name+"_heap_objects_per_delivery", float64(p.objects)/float64(max(2*count, 1)), "")
	}
}
