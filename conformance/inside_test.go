package conformance

import (
	"net"
	"testing"
	"time"

	"gnatsd-ev/internal/broker"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/transcript"
)

// inside is a gnatsd-ev within this process: one whose options no flag can say.
type inside struct{ address string }

func (s inside) Address() string         { return s.address }
func (s inside) Dial() (net.Conn, error) { return net.Dial("tcp", s.address) }

// startInside runs one with a configuration in one line.
func startInside(t testing.TB, loops int, text string) (server, func()) {
	t.Helper()
	o := config.Default()
	o.Host, o.Port, o.Loops, o.Pin, o.MaxConnections = "127.0.0.1", config.RandomPort, loops, config.Off, 1000
	var err error
	if o.Authorization, err = transcript.Authorization(text); err != nil {
		t.Fatal(err)
	}
	b, err := broker.New(o, broker.Identity{ID: "TEST", Name: "test", Version: "0"}, logging.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	return inside{b.Facts().Listeners[0].String()}, func() { b.Shutdown(100 * time.Millisecond) }
}
