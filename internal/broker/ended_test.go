//go:build invariants

package broker

import (
	"testing"
	"time"

	"gnatsd-ev/loop"
)

// What is posted to a loop that has ended is opened by nobody: its payloads are given back
// and count no more as being on their way.
func TestParcelsForALoopThatHasEndedGiveTheirPayloadsBack(t *testing.T) {
	r := start(t, 2)
	r.Shutdown(time.Second)
	before := loop.SharedCount()
	sh := r.shards[0]
	held := sh.loop.Held()
	m := &message{account: r.global, subject: []byte("a"), payload: make([]byte, sharedMin)}
	m.share(sh.loop)
	sh.parcelFor(1).add(m, nil, 1, false)
	m.release(sh.loop)
	if n := loop.SharedCount() - before; n != 1 {
		t.Fatalf("%d payloads are on their way, not 1", n)
	}
	sh.Post()
	if n := loop.SharedCount() - before; n != 0 {
		t.Errorf("%d payloads were not given back", n)
	}
	if n := sh.loop.Held() - held; n != 0 {
		t.Errorf("%d bytes still count in the budget", n)
	}
	if n := sh.inFlight[1].Load(); n != 0 {
		t.Errorf("%d bytes are still on their way", n)
	}
}
