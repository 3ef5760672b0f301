package differential

// A script turned into what each side is sent, and when an answer is awaited.

import "slices"

// A plan is a script as the model reads it.
type plan struct {
	steps   []planned
	streams []*stream // by connection
	realm   *realm    // nil where anybody may do anything
	alone   bool      // the script is of the class Alone
	// plain is set if not all connections take headers: then what reaches a
	// queue group is compared without them.
	plain   bool
	reached map[string]int // deviations by id
	repeats map[int]bool   // connections to which nats-server may repeat itself
	// groups leads from queue names to those they cannot be told from: a sid was
	// subscribed with both.
	groups map[string]string
}

// planned is one step.
type planned struct {
	kind  kind
	peer  int
	sends []plannedSend
}

// plannedSend is what one connection writes. It is followed by a PING if it has
// whole operations.
type plannedSend struct {
	peer int
	cut  cut
	ours side
	// theirs is what nats-server gets: the same but for deviations.
	theirs side
	pings  int  // PINGs in the whole operations
	dead   bool // the server must end the connection
	within bool // afterwards the connection is within an operation
	undo   bool // the operation that began in earlier sends is a deviation
}

// A side is the bytes for one kind of server.
type side struct{ own, rest []byte }

// theirsBegun is where the bytes of an unfinished operation stand that
// nats-server is sent.
type theirsBegun []*side

// newPlan reads a script.
func newPlan(s *Script) *plan {
	p := &plan{realm: s.realm(), alone: s.Class == Alone, reached: map[string]int{}, repeats: map[int]bool{}}
	for range s.peers() {
		p.streams = append(p.streams, newStream(s.Class.limits(), p.realm))
	}
	ended := make([]bool, len(p.streams))
	begun := make([]theirsBegun, len(p.streams))
	for i := range s.Steps {
		st := &s.Steps[i]
		if st.kind != kindSend && st.kind != kindVolley {
			if !ended[st.peer] && !p.streams[st.peer].dead {
				p.steps = append(p.steps, planned{kind: st.kind, peer: st.peer})
			}
			ended[st.peer] = true
			continue
		}
		step := planned{kind: st.kind, sends: make([]plannedSend, 0, len(st.sends))}
		if step.kind == kindVolley && !p.volleys(ended) {
			step.kind = kindSend
		}
		for _, sd := range st.sends {
			stream := p.streams[sd.peer]
			if !ended[sd.peer] && !stream.dead && len(sd.data) > 0 {
				step.sends = append(step.sends, p.send(stream, sd))
			}
		}
		for j := range step.sends {
			sd := &step.sends[j]
			p.settle(sd, &begun[sd.peer])
		}
		p.steps = append(p.steps, p.sequential(step)...)
	}
	p.group()
	for _, stream := range p.streams {
		p.plain = p.plain || !stream.opts.Headers
	}
	return p
}

// send plans the bytes of one connection.
func (p *plan) send(stream *stream, sd send) plannedSend {
	before := stream.pings
	f := stream.feed(sd.data)
	for _, id := range f.reached {
		p.reached[id]++
	}
	if slices.Contains(f.reached, deviationPedantic) {
		p.repeats[sd.peer] = true
	}
	ps := plannedSend{
		peer: sd.peer, cut: sd.cut, pings: stream.pings - before, dead: stream.dead, within: len(stream.pending) > 0,
		undo: f.undo,
		ours: side{f.own, f.rest}, theirs: side{f.instead, f.rest},
	}
	if f.hold {
		ps.theirs.rest = nil
	}
	return ps
}

// volleys says whether several connections may publish at once: none is within an
// operation, and nobody counts messages, as it is free which come first.
func (p *plan) volleys(ended []bool) bool {
	for i, s := range p.streams {
		if s.maximum || len(s.pending) > 0 && !s.dead && !ended[i] {
			return false
		}
	}
	return true
}

// settle takes back what nats-server would have got of an operation that turned
// out to be a deviation, and notes what is begun now.
func (p *plan) settle(sd *plannedSend, begun *theirsBegun) {
	if sd.undo {
		for _, s := range *begun {
			s.rest = nil
		}
	}
	if len(sd.ours.own) > 0 {
		*begun = (*begun)[:0]
	}
	if sd.within {
		*begun = append(*begun, &sd.theirs)
	}
}

// sequential returns the step as it is, or as several if it is no volley of
// whole operations.
func (p *plan) sequential(step planned) []planned {
	if len(step.sends) == 0 {
		return nil
	}
	if step.kind == kindVolley {
		for _, sd := range step.sends {
			if sd.within || sd.dead {
				step.kind = kindSend
			}
		}
	}
	if step.kind == kindVolley || len(step.sends) == 1 {
		return []planned{step}
	}
	var all []planned
	for i := range step.sends {
		all = append(all, planned{kind: kindSend, sends: step.sends[i : i+1]})
	}
	return all
}

// published returns all messages of the script.
func (p *plan) published() []message {
	var all []message
	for _, s := range p.streams {
		all = append(all, s.published...)
	}
	return all
}

// group joins the queue names of each sid.
func (p *plan) group() {
	p.groups = map[string]string{}
	for _, s := range p.streams {
		for _, names := range s.queues {
			for _, name := range names {
				p.join(names[0], name)
			}
		}
	}
}

func (p *plan) join(a, b string) {
	a, b = p.groupOf(a), p.groupOf(b)
	p.groups[max(a, b)] = min(a, b)
}

// groupOf returns the name that stands for a queue name.
func (p *plan) groupOf(name string) string {
	for p.groups[name] != "" && p.groups[name] != name {
		name = p.groups[name]
	}
	return name
}

// queueOf returns what stands for the queue names a connection ever used a sid with.
func (p *plan) queueOf(peer int, sid string) (string, bool) {
	names := p.streams[peer].queues[sid]
	if len(names) == 0 {
		return "", false
	}
	return p.groupOf(names[0]), true
}
