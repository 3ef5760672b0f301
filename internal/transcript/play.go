package transcript

// The player. Runs on the caller's goroutine; each peer adds one that reads.

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// patienceMax is how long a peer waits for what a script expects. It is spent
// only by failures.
const patienceMax = 5 * time.Second

// Dial opens one connection to the server under test.
type Dial func() (net.Conn, error)

// Play plays a script against the server behind dial and returns nil if the
// server answered as written. The error of a server that answered otherwise
// is the transcript up to the first difference, with its reason. All
// connections are closed when Play returns.
func Play(ctx context.Context, dial Dial, script *Script, mode Mode) error {
	p := newPlayer(ctx, dial, script, mode)
	defer p.releaseAll()
	for i := 0; i < len(script.steps); {
		next, err := p.step(i)
		if err != nil {
			return p.failure(i, err)
		}
		i = next
	}
	if err := p.finish(); err != nil {
		return p.failure(len(script.steps), err)
	}
	return nil
}

// A player is the state of one play.
type player struct {
	ctx    context.Context
	dial   Dial
	script *Script
	mode   Mode
	pings  bool // the script expects the server's PINGs itself
	peers  map[string]*peer
	order  []*peer // by first step
}

func newPlayer(ctx context.Context, dial Dial, script *Script, mode Mode) *player {
	_, pings := script.Options["ping_interval"]
	return &player{ctx: ctx, dial: dial, script: script, mode: mode, pings: pings, peers: map[string]*peer{}}
}

func (p *player) releaseAll() {
	for _, peer := range p.order {
		peer.release(false)
	}
}

// step performs the step at i and those that belong to it, and returns the
// index of the one after.
func (p *player) step(i int) (next int, err error) {
	st := &p.script.steps[i]
	switch st.verb {
	case verbSleep:
		return i + 1, p.sleep(st.pause)
	case verbSend:
		return p.send(i)
	case verbExpect:
		return p.expect(i)
	}
	for _, name := range st.peers {
		peer, err := p.peer(name)
		if err != nil {
			return i, err
		}
		switch st.verb {
		case verbSync:
			err = p.sync(peer)
		case verbHalfClose:
			err = peer.halfClose()
		case verbClose, verbReset:
			peer.release(st.verb == verbReset)
		}
		if err != nil {
			return i, err
		}
	}
	return i + 1, nil
}

// peer returns the peer of this name, connecting it first if it is new.
func (p *player) peer(name string) (*peer, error) {
	if known := p.peers[name]; known != nil {
		return known, nil
	}
	conn, err := p.dial()
	if err != nil {
		return nil, fmt.Errorf("%s: cannot connect: %w", name, err)
	}
	fresh := newPeer(name, conn)
	p.peers[name] = fresh
	p.order = append(p.order, fresh)
	if p.script.greets(name) {
		return fresh, nil
	}
	f, ok := p.take(fresh)
	if !ok || !strings.HasPrefix(f.line, "INFO {") {
		return nil, fmt.Errorf("%s: greeted with %q instead of an INFO", name, f)
	}
	return fresh, nil
}

func (p *player) sleep(pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// send writes the step at i together with the sends of the same peer that
// follow it, so that the mode cuts across operations.
func (p *player) send(i int) (next int, err error) {
	name := p.script.steps[i].peers[0]
	peer, err := p.peer(name)
	if err != nil {
		return i, err
	}
	var data []byte
	for next = i; next < len(p.script.steps); next++ {
		st := &p.script.steps[next]
		if st.verb != verbSend || st.peers[0] != name {
			break
		}
		data = append(data, st.data...)
	}
	return next, peer.write(data, p.mode)
}

// sync is the barrier: all that the peer sent so far was handled, and all the
// script expects of it has arrived.
func (p *player) sync(peer *peer) error {
	if err := peer.write([]byte("PING\r\n"), p.mode); err != nil {
		return err
	}
	f, ok := p.look(peer, patienceMax)
	if !ok {
		return fmt.Errorf("%s: no PONG", peer.name)
	}
	if f.line != "PONG" {
		return fmt.Errorf("%s: got an unexpected\n  %s\nbefore the PONG", peer.name, f)
	}
	peer.queued = peer.queued[1:]
	return nil
}

// expect meets the expectation at i, and with it the whole group if it is
// one whose order is free.
func (p *player) expect(i int) (next int, err error) {
	st := &p.script.steps[i]
	peer, err := p.peer(st.peers[0])
	if err != nil {
		return i, err
	}
	if st.want.kind == expectFill {
		return i, fmt.Errorf("a ? is for the recorder to fill in")
	}
	next = p.groupEnd(i)
	open := make([]int, 0, next-i)
	for at := i; at < next; at++ {
		open = append(open, at)
	}
	for len(open) > 0 {
		f, ok := p.take(peer)
		if !ok {
			return open[0], fmt.Errorf("%s: got nothing in %v", peer.name, patienceMax)
		}
		hit := p.meeting(open, f)
		if hit < 0 {
			return open[0], fmt.Errorf("%s: got\n  %s", peer.name, f)
		}
		peer.ended = f.ended
		open = append(open[:hit], open[hit+1:]...)
	}
	return next, nil
}

// meeting returns the index in open of the first expectation that f meets, or
// -1.
func (p *player) meeting(open []int, f frame) int {
	for n, at := range open {
		if p.script.steps[at].want.meets(f) {
			return n
		}
	}
	return -1
}

// groupEnd returns the index after the last step of the group at i.
func (p *player) groupEnd(i int) int {
	first := &p.script.steps[i]
	end := i + 1
	for first.want.anyOrder && end < len(p.script.steps) {
		st := &p.script.steps[end]
		if st.verb != verbExpect || !st.want.anyOrder || st.peers[0] != first.peers[0] {
			break
		}
		end++
	}
	return end
}

// finish has every connected peer answer one more PING.
func (p *player) finish() error {
	for _, peer := range p.order {
		if peer.ended || peer.released {
			continue
		}
		if peer.halfClosed {
			if f, ok := p.look(peer, patienceMax); !ok || f.line != closedLine {
				return fmt.Errorf("%s: got %q instead of closed after its half-close", peer.name, f)
			}
			continue
		}
		if err := p.sync(peer); err != nil {
			return fmt.Errorf("at the end of the script: %w", err)
		}
	}
	return nil
}

// take removes and returns the next frame a script may look at.
func (p *player) take(peer *peer) (frame, bool) {
	f, ok := p.look(peer, patienceMax)
	if ok {
		peer.queued = peer.queued[1:]
	}
	return f, ok
}

// look returns the next frame a script may look at: not a PING of the
// server's own, unless the script has set their interval.
func (p *player) look(peer *peer, patience time.Duration) (frame, bool) {
	for {
		f, ok := peer.peek(p.ctx, patience)
		if !ok || f.line != "PING" || p.pings {
			return f, ok
		}
		peer.queued = peer.queued[1:]
	}
}
