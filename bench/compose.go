package bench

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"gnatsd-ev/loop"
)

// Messages that are written one by one, since each has its own stamp or size.
// Without a rate, a check or a mix of sizes the encoded bytes of source.go do.

// composePending is how much a connection may have to write before its
// publisher waits: the rest of what is due stays due.
const composePending = 256 << 10

// composeOverhead is more than any PUB takes beside its words and payload.
const composeOverhead = 64

// A route is where one of a composer's messages goes.
type route struct {
	client  *client
	subject string
	reply   string
	stream  *stream
}

// A composer publishes on its routes in turn: at a pace, or as fast as the
// window and the sockets allow.
type composer struct {
	throttle
	routes []route
	form   *form
	at     int

	pace   *pace // nil for full speed
	beats  *metronome
	held   bool                    // a full socket held messages up; it is not our lag
	unsent int64                   // messages that were due when it was last stopped
	lag    *hdrhistogram.Histogram // of what we sent behind the time it was due
}

// compose makes a composer of the load's form and puts it on the loop of the
// routes' clients. With a rate there is no flow: messages are due, whatever the broker does.
func (r *run) compose(h *host, flow *flow, rate int, routes ...route) *composer {
	c := &composer{throttle: throttle{host: h, flow: flow}, routes: routes, form: r.newForm(rate)}
	if rate > 0 {
		c.flow, c.pace, c.lag = nil, &pace{rate: rate}, newHistogram()
	}
	h.add(c)
	r.composers = append(r.composers, c)
	return c
}

// composed reports whether the load's messages differ from each other.
func (r *run) composed() bool { return r.timed() || r.load.Verify || len(r.load.Mix) > 0 }

// timed reports whether payloads say when they were sent.
func (r *run) timed() bool { return r.rate > 0 || r.load.Stamp }

func (c *composer) clients() []*client {
	var all []*client
	known := make(map[*client]bool)
	for _, r := range c.routes {
		if !known[r.client] {
			known[r.client] = true
			all = append(all, r.client)
		}
	}
	return all
}

func (c *composer) start() {
	begin := monotonic() + int64(beatMin)
	c.host.l.Do(func(*loop.Loop) {
		c.active, c.held = true, false
		if c.pace != nil {
			c.pace.begin(begin)
		}
	})
	if c.pace != nil {
		c.beats = startMetronome(c.host.l, pace{rate: c.pace.rate, start: begin})
	}
}

func (c *composer) stop() uint64 {
	if c.beats != nil {
		c.beats.stop()
		c.beats = nil
		c.host.l.Do(func(*loop.Loop) { // once more for what has just become due, since nobody may have looked
			for c.commit() && !c.held {
			}
			c.unsent = c.pace.overdue(monotonic() - int64(beatMin))
		})
	}
	return c.throttle.stop()
}

// commit sends what is due, or what the window allows. What is more than one
// turn should write goes in the next.
func (c *composer) commit() (more bool) {
	if !c.active {
		return false
	}
	now := monotonic()
	for written := 0; written < chunkBytes; {
		due := now
		if c.pace != nil {
			if due = c.pace.due(); due > now {
				c.held = false
				return false
			}
		} else if !c.allowed(1) {
			return false
		}
		to := &c.routes[c.at]
		if conn := &to.client.conn; conn.Pending() >= composePending {
			c.held = true
			return !conn.Blocked()
		}
		written += c.publish(to, due, now)
		if c.pace != nil {
			c.pace.done()
			if !c.held {
				record(c.lag, now-due)
			}
		}
	}
	return true
}

// publish sends one message and returns its size.
func (c *composer) publish(to *route, due, now int64) int {
	payload := c.form.next(to.stream, due, now)
	l := c.host.l
	tail := to.client.host.fleet.dialect.appendPublish(l.Tail(len(to.subject)+len(to.reply)+len(payload)+composeOverhead), to.subject, to.reply, payload)
	l.Send(&to.client.conn, l.Span(tail))
	c.sent++
	c.at++
	if c.at == len(c.routes) {
		c.at = 0
	}
	return len(tail)
}
