package loop

// Charge counts n bytes that a connection with a layer costs, besides its input, before it has said who it is: as if they
// were unfinished input of a guarded connection that began now. While all guarded ones cost too much nobody is
// accepted, and the oldest go first. 0 ends it. Home loop only.
func (l *Loop) Charge(c *Conn, n int) {
	v := c.via
	if v == nil || v.charge == nil && n == 0 {
		return
	}
	if v.charge == nil {
		v.charge = &input{}
		l.guarded.begin(v.charge, c, l.now)
	}
	l.counts.owner += n - v.charge.counted
	l.recount(v.charge, n)
	if n == 0 {
		v.charge = nil
	}
}
