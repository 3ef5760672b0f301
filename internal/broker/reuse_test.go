package broker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Descriptors are used again at once; what was meant for the connection that had
// the number before must never reach the next one.

func TestNoForeignMessageOnAReusedDescriptor(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		var opened, delivered atomic.Int64
		var stopping atomic.Bool
		var makers, guests sync.WaitGroup
		for i := range loops {
			p := r.on(i, "publisher")
			makers.Go(func() { talkToGuests(t, p, &opened, &stopping) })
		}
		total := int64(scale(150, 1500, 50_000))
		for range 4 {
			guests.Go(func() {
				for id := opened.Add(1); id < total && !t.Failed(); id = opened.Add(1) {
					n, err := visit(r, id)
					if err != nil {
						t.Errorf("connection %d: %v", id, err)
						return
					}
					delivered.Add(int64(n))
				}
			})
		}
		guests.Wait()
		stopping.Store(true)
		makers.Wait()
		if delivered.Load() < total/4 {
			t.Errorf("%d messages to %d connections: nothing was tested", delivered.Load(), total)
		}
		killAll(r.Broker)
		wantNothingHeld(t, r.Broker)
	})
}

// talkToGuests publishes to the subjects of connections that come and go.
func talkToGuests(t *testing.T, p *client, opened *atomic.Int64, stopping *atomic.Bool) {
	var b []byte
	p.conn.SetDeadline(time.Time{})
	for !stopping.Load() {
		b = b[:0]
		last := opened.Load()
		for n := range int64(40) {
			id := strconv.FormatInt(last-n/5, 10)
			b = append(b, pub("guest."+id, id)+"\r\n"...)
		}
		_, err := p.conn.Write(append(b, "PING\r\n"...))
		if err == nil {
			_, err = p.read()
		}
		if err != nil {
			t.Errorf("publisher: %v", err)
			return
		}
	}
}

// visit opens a connection, takes some messages, and leaves in one of three ways.
func visit(r *rig, id int64) (delivered int, err error) {
	name := strconv.FormatInt(id, 10)
	c, err := r.connect("guest " + name)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	if _, err := c.conn.Write([]byte(quiet + "\r\nSUB guest." + name + " " + name + "\r\nPING\r\n")); err != nil {
		return 0, err
	}
	for rest := 3 + rand.IntN(8); rest > 0; rest-- {
		c.conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
		f, err := c.read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break // leaves before more comes
		}
		if err != nil {
			return delivered, err
		}
		switch {
		case f.verb == "MSG" && (f.subject != "guest."+name || f.sid != name || string(f.payload) != name):
			return delivered, fmt.Errorf("got somebody else's %s", f)
		case f.verb == "MSG":
			delivered++
		case f.verb != "INFO" && f.verb != "PONG":
			return delivered, fmt.Errorf("got %s", f)
		}
	}
	switch id % 3 {
	case 0:
		c.conn.SetLinger(0) // with a reset
	case 1:
		c.conn.Write([]byte("UNSUB " + name + "\r\n"))
	}
	return delivered, nil
}
