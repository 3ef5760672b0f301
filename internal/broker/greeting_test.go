package broker

import (
	"strings"
	"testing"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
)

// Names in INFO may be of any length.
func TestGreetingOfALongName(t *testing.T) {
	o := config.Default()
	o.Host, o.Port, o.Loops, o.Pin = "127.0.0.1", config.RandomPort, 1, config.PinOff
	name := strings.Repeat("n", 200_000) // longer than a block of output
	b, err := New(o, Identity{ID: "TEST", Name: name, Version: "0"}, logging.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	defer b.Shutdown(0)
	r := &rig{Broker: b, t: t, addr: b.Facts().Listeners[0].String(), loops: 1}
	c := r.raw("a client")
	if f := c.next("the greeting"); f.verb != "INFO" || !strings.Contains(f.text, name) {
		t.Fatalf("greeted with %.80s, want the whole name", f)
	}
	c.send(`CONNECT {"protocol":1,"verbose":false}`, "PING")
	c.pong("connected")
	if f := c.next("the second INFO"); f.verb != "INFO" || !strings.Contains(f.text, name) {
		t.Fatalf("told %.80s, want the whole name", f)
	}
	c.conn.Close()
}
