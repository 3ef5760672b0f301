package broker

import (
	"io"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
)

// Clients that understand it are told, whoever stays is closed, what is owed is written, and
// quit ends it.
func TestALameDuckTellsAndCloses(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops, func(o *config.Options) {
			o.LameDuckDuration, o.LameDuckGracePeriod = 200*time.Millisecond, 50*time.Millisecond
		})
		var told, untold []*client
		for i := range 3 * loops {
			c := r.on(i%loops, "of protocol 1", `CONNECT {"verbose":false,"protocol":1}`)
			c.want("behind the first PONG", "INFO*")
			told = append(told, c)
			untold = append(untold, r.on(i%loops, "of protocol 0"))
		}
		left := make(chan bool)
		go func() { left <- r.LameDuck(nil) }()
		for _, c := range told {
			f := c.next("the notice")
			if f.verb != "INFO" || !strings.Contains(f.text, `"ldm":true`) || strings.Contains(f.text, "connect_info") {
				t.Errorf("%s is told %s", c.name, f)
			}
		}
		for _, c := range append(told, untold...) {
			if f, err := c.read(); err != io.EOF {
				t.Errorf("%s gets %s, %v; it should have been closed", c.name, f, err)
			}
		}
		if !<-left {
			t.Error("LameDuck reports that it was cut short")
		}
	})
}

// Who pings first when the notice has gone out learns it from the second INFO.
func TestALateClientLearnsThatItsServerLeaves(t *testing.T) {
	r := start(t, 2, func(o *config.Options) { o.LameDuckDuration, o.LameDuckGracePeriod = time.Hour, time.Hour/2 })
	early := r.dial("early", `CONNECT {"verbose":false,"protocol":1}`)
	early.want("behind the first PONG", "INFO*")
	late := r.raw("late")
	late.next("the greeting")
	quit, left := make(chan struct{}), make(chan bool)
	go func() { left <- r.LameDuck(quit) }()
	early.want("it is told", "INFO*")
	late.send(`CONNECT {"verbose":false,"protocol":1}`, "PING")
	late.want("its PING is answered", "PONG")
	if f := late.next("the second INFO"); !strings.Contains(f.text, `"ldm":true`) || !strings.Contains(f.text, `"connect_info":true`) {
		t.Errorf("the second INFO is %s", f)
	}
	close(quit)
	if <-left {
		t.Error("LameDuck reports that all have left")
	}
}

// Of very many clients some are closed together, and all within the time.
func TestVeryManyClientsAreSentAwayInTime(t *testing.T) {
	r := start(t, 2, func(o *config.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = time.Millisecond+50*time.Microsecond, time.Millisecond
	})
	for range 1000 {
		r.raw("client").next("the greeting")
	}
	if !r.LameDuck(nil) {
		t.Error("LameDuck reports that it was cut short")
	}
	eventually(t, "all are closed", func() bool { return r.sessions.Load() == 0 })
}
