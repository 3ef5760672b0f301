package bench

import (
	"fmt"
	"time"
)

// runChurn: clients that connect, subscribe, publish to themselves, get that
// message, and leave.
func runChurn(r *run) error {
	r.rate = 0 // the load's is that of the cycles
	return r.withFleet(func(f *fleet) error {
		c := r.newChurn(f, r.load.Rate, r.load.Conns)
		t := traffic{sources: []source{c}, copies: 1}
		if _, err := r.play(f, t, r.load.Warmup); err != nil {
			return err
		}
		r.measure(f, 0)
		p, err := r.play(f, t, r.load.Duration)
		if err != nil {
			return err
		}
		r.costs(p, p.published, "cycle")
		r.distribute("cycle", r.latencies(f))
		if c.unbegun > 0 {
			r.report("unbegun", float64(c.unbegun), "cycles")
			r.warn("the broker did not keep up: %d cycles were due and could not begin; no time counts them", c.unbegun)
		}
		return nil
	})
}

// A churn is clients that come and go. It is a source: each cycle publishes
// one message, and one is delivered.
type churn struct {
	run   *run
	fleet *fleet
	rate  int           // cycles a second, 0 for as many as go
	slots chan struct{} // holds one item for each cycle on its way

	// By the goroutine between start and stop.
	begun   uint64
	unbegun int64 // cycles that were due when it was last stopped
	quit    chan struct{}
	done    chan struct{}
}

// A cycle is one client's life. Its loop only, once the client is on it.
type cycle struct {
	churn   *churn
	client  client
	due     int64
	dialled int64
	got     bool // its message has come
	asked   bool // a second PING is out: then it leaves, whatever has come
}

// newChurn makes a churn of at most so many clients at a time.
func (r *run) newChurn(f *fleet, rate, clients int) *churn {
	return &churn{run: r, fleet: f, rate: rate, slots: make(chan struct{}, min(clients, greetingsMax))}
}

// clients are none that could be asked: they come and go.
func (c *churn) clients() []*client { return nil }

// start runs a goroutine that ends with stop. A nil churn has nobody come.
func (c *churn) start() {
	if c == nil {
		return
	}
	c.quit, c.done = make(chan struct{}), make(chan struct{})
	go c.drive(c.quit)
}

// stop waits until the last client has left.
func (c *churn) stop() uint64 {
	if c == nil {
		return 0
	}
	if c.quit == nil {
		return c.begun
	}
	close(c.quit)
	<-c.done
	c.quit = nil
	for end := time.Now().Add(answerTime); len(c.slots) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			c.fleet.fail(fmt.Errorf("%d clients have not left after %v", len(c.slots), answerTime))
			break
		}
	}
	return c.begun
}

// drive begins cycles when they are due.
func (c *churn) drive(quit chan struct{}) {
	defer close(c.done)
	p := pace{rate: max(1, c.rate), start: monotonic()}
	if c.rate > 0 {
		defer func() { c.unbegun = p.overdue(monotonic() - int64(napMax)) }()
	}
	for {
		select {
		case <-quit:
			return
		default:
		}
		now := monotonic()
		due := now
		if c.rate > 0 {
			if due = p.due(); due > now {
				nap(time.Duration(due - now))
				continue
			}
			p.done()
		}
		select {
		case <-quit:
			return
		case c.slots <- struct{}{}:
		}
		if err := c.begin(due); err != nil {
			<-c.slots
			c.fleet.fail(err)
			return
		}
	}
}

// begin connects one client.
func (c *churn) begin(due int64) error {
	y := &cycle{churn: c, due: due, dialled: monotonic()}
	i := int(c.begun)
	own := &stream{id: uint32(i)}
	subject := c.run.subject(i) + ".churn" // not one that others of the run use
	payload := c.run.newForm(0).next(own, due, y.dialled)
	y.client.hello = appendPub(sub(subject), subject, "", payload)
	y.client.follower = y
	if c.run.load.Verify {
		y.client.checker = newChecker(&c.run.tally, nil, []*stream{own})
	}
	y.client.reader.Message = y.receive
	fd, err := c.fleet.dial()
	if err != nil {
		return err
	}
	c.begun++
	c.fleet.group.HandTo(c.fleet.reader(i).l, fd, c.fleet.to, &y.client)
	return nil
}

// receive notes the message.
func (y *cycle) receive(payload []byte) {
	y.got = true
	if y.client.checker != nil {
		y.client.checker.check(payload)
	}
}

// ponged leaves once the message has come. A broker answers a PING behind the message; one
// that does not is asked once more.
func (y *cycle) ponged(c *client) {
	if !y.got && !y.asked {
		y.asked = true
		c.send(pingLine)
		return
	}
	if l := c.host.latency; l != nil {
		now := monotonic()
		record(l.corrected, now-y.due)
		record(l.uncorrected, now-y.dialled)
	}
	c.host.l.Close(&c.conn)
}

func (y *cycle) ended(c *client, err error) {
	c.host.fleet.fail(fmt.Errorf("a client that came and went: %w", err))
}

// closed makes room for the next.
func (y *cycle) closed(*client) { <-y.churn.slots }
