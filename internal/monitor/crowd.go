package monitor

import (
	"container/list"
	"net"
	"sync"
)

// A crowd is a listener with a bound on those who are connected. Who comes when it is
// full takes the place of who has been there longest: many that ask nothing cannot keep
// out one that asks and leaves.
type crowd struct {
	net.Listener
	max int

	mu      sync.Mutex // a leaf; guards members
	members list.List  // of *member, oldest first
}

// A member is one connection.
type member struct {
	net.Conn
	crowd *crowd
	place *list.Element
}

func newCrowd(l net.Listener, max int) *crowd { return &crowd{Listener: l, max: max} }

// Accept waits for one more.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	m := &member{Conn: conn, crowd: c}
	c.mu.Lock()
	m.place = c.members.PushBack(m)
	var oldest *member
	if c.members.Len() > c.max {
		oldest = c.members.Front().Value.(*member)
	}
	c.mu.Unlock()
	if oldest != nil {
		oldest.Close()
	}
	return m, nil
}

// Close ends the connection; its place is free.
func (m *member) Close() error {
	m.crowd.mu.Lock()
	m.crowd.members.Remove(m.place) // once: a second time it is on no list
	m.crowd.mu.Unlock()
	return m.Conn.Close()
}
