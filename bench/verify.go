package bench

import (
	"bytes"
	"fmt"
)

// Verification. Encoded messages carry a stamp in their first bytes: the round
// of the cycle they belong to. A subscriber gets one message of each round, so
// the stamps it sees tell a lost, doubled or reordered one.

const (
	stampBytes   = 4  // decimal digits
	verifyRounds = 64 // in a cycle when subscribers verify
)

// stamp writes the round into the payload if there is room.
func stamp(payload []byte, round int) {
	if len(payload) < stampBytes {
		return
	}
	for i := stampBytes - 1; i >= 0; i-- {
		payload[i] = '0' + byte(round%10)
		round /= 10
	}
}

// A checker is what one subscriber expects. Its loop only.
type checker struct {
	want   []byte // the next payload
	round  int
	rounds int // in a cycle
}

func newChecker(size, rounds int) *checker {
	c := &checker{want: filler(size), rounds: rounds}
	stamp(c.want, 0)
	return c
}

// check compares one payload with the expected one.
func (c *checker) check(payload []byte) error {
	if !bytes.Equal(payload, c.want) {
		return fmt.Errorf("a message is lost, doubled, altered or out of order: got %.60q, want %.60q", payload, c.want)
	}
	c.round = (c.round + 1) % c.rounds
	stamp(c.want, c.round)
	return nil
}

// rounds is how many rounds a cycle of encoded messages has.
func (r *run) rounds() int {
	if r.load.Verify {
		return verifyRounds
	}
	return 1
}

// watch makes subscribers check what they get, if the load says so. It is
// called before they are opened.
func (r *run) watch(subscribers []*client, rounds int) {
	if !r.load.Verify {
		return
	}
	for _, c := range subscribers {
		k := newChecker(r.load.Size, rounds)
		c.reader.Message = func(payload []byte) {
			if err := k.check(payload); err != nil {
				c.host.fleet.fail(err)
			}
		}
	}
}
