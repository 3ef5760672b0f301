package broker

import "testing"

// A message to the subject of the one before reaches who has come since, and not who has
// gone, wherever they live.
func TestSameSubjectAgainReachesWhoeverIsThereNow(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		p := r.on(0, "publisher")
		subs := []*client{p}
		for i := range loops {
			subs = append(subs, r.on(i, "subscriber"))
		}
		for _, subject := range []string{"one.more", "one.*", "one.more"} {
			for _, s := range subs {
				p.send(pub("one.more", "before"), "PING")
				p.pong("nobody was there")
				s.send("SUB "+subject+" 1", "PING")
				s.pong("subscribed, and had nothing of before")
				p.send(pub("one.more", "now"))
				s.want("what is published now", `MSG one.more 1  "" "now"`)
				s.send("UNSUB 1", "PING")
				s.pong("gone")
			}
		}
		p.send(pub("one.more", "behind"), "PING")
		p.pong("nobody is there")
		for _, s := range subs {
			s.barrier("nothing of what came behind")
		}
	})
}
