package transcript

// The recorder: a player that writes down what arrives instead of judging it.

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	quietTime  = 60 * time.Millisecond // without a frame for so long, nothing more is coming
	recordWait = 2 * time.Second       // for a frame the file already expects
)

// Record plays the sends of a script against the server behind dial and
// returns the file with its expectations as that server met them. A line the
// server still meets stays as it is, with its masks; one it does not meet is
// replaced, and what came unexpected is added, at the next run of
// expectations, sync, close or end of the file. A run may be a single "?".
func Record(ctx context.Context, dial Dial, script *Script) ([]byte, error) {
	r := &recorder{player: newPlayer(ctx, dial, script, Whole()), lines: append([]string(nil), script.lines...)}
	defer r.releaseAll()
	for i := 0; i < len(script.steps); {
		next, err := r.step(i)
		if err != nil {
			return nil, r.failure(i, err)
		}
		i = next
	}
	extra := strings.Join(r.drain(), "\n")
	return []byte(r.text(extra)), nil
}

type recorder struct {
	*player
	lines []string // the file; an entry may become several lines or, as dropped, none
}

// dropped marks a line of the file that goes away.
const dropped = "\x00"

func (r *recorder) step(i int) (next int, err error) {
	st := &r.script.steps[i]
	switch st.verb {
	case verbExpect:
		return r.block(i)
	case verbSync, verbClose, verbReset:
		r.before(st.at, r.drain())
	}
	if st.verb != verbSync {
		return r.player.step(i)
	}
	for _, name := range st.peers {
		peer, err := r.peer(name)
		if err != nil {
			return i, err
		}
		if err := r.syncRecorded(peer, st.at); err != nil {
			return i, err
		}
	}
	return i + 1, nil
}

// syncRecorded is sync that writes down what comes before the PONG.
func (r *recorder) syncRecorded(peer *peer, at int) error {
	if err := peer.write([]byte("PING\r\n"), r.mode); err != nil {
		return err
	}
	for {
		f, ok := r.take(peer)
		if !ok {
			return fmt.Errorf("%s: no PONG", peer.name)
		}
		if f.line == "PONG" {
			return nil
		}
		r.before(at, []string{recordedLine(peer, f)})
		if f.ended {
			return fmt.Errorf("%s: got %s instead of PONG", peer.name, f)
		}
	}
}

// block records a run of expectations.
func (r *recorder) block(i int) (next int, err error) {
	for next = i; next < len(r.script.steps) && r.script.steps[next].verb == verbExpect; {
		st := &r.script.steps[next]
		peer, err := r.peer(st.peers[0])
		if err != nil {
			return next, err
		}
		end := r.groupEnd(next)
		r.keepMet(peer, next, end)
		next = end
	}
	last := r.script.steps[next-1].at
	extra := r.drain()
	if len(extra) > 0 && r.lines[last] != dropped {
		extra = append([]string{r.lines[last]}, extra...)
	}
	if len(extra) > 0 {
		r.lines[last] = strings.Join(extra, "\n")
	}
	return next, nil
}

// keepMet keeps the lines of one group that the server meets.
func (r *recorder) keepMet(peer *peer, from, to int) {
	open := make(map[int]bool)
	for at := from; at < to; at++ {
		open[at] = r.script.steps[at].want.kind != expectFill
	}
	for range to - from {
		f, ok := r.look(peer, recordWait)
		if !ok {
			break
		}
		for at := from; at < to; at++ {
			if open[at] && r.script.steps[at].want.meets(f) {
				open[at] = false
				peer.queued = peer.queued[1:]
				peer.ended = f.ended
				break
			}
		}
	}
	for at := from; at < to; at++ {
		if open[at] || r.script.steps[at].want.kind == expectFill {
			r.lines[r.script.steps[at].at] = dropped
		}
	}
}

// drain takes what has arrived for anybody until nothing more comes.
func (r *recorder) drain() (lines []string) {
	for again := true; again; {
		again = false
		for _, peer := range r.order {
			for {
				f, ok := r.look(peer, quietTime)
				if !ok {
					break
				}
				peer.queued = peer.queued[1:]
				peer.ended = f.ended
				again = again || !f.ended
				if !peer.released {
					lines = append(lines, recordedLine(peer, f))
				}
			}
		}
	}
	return lines
}

// before puts lines above the line with index at.
func (r *recorder) before(at int, lines []string) {
	if len(lines) > 0 {
		r.lines[at] = strings.Join(lines, "\n") + "\n" + r.lines[at]
	}
}

// text is the file as recorded, with extra at its end.
func (r *recorder) text(extra string) string {
	var out strings.Builder
	for _, line := range append(r.lines, extra) {
		if line == dropped || line == "" && out.Len() == 0 {
			continue
		}
		out.WriteString(line + "\n")
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// recordedLine is the line that expects f. Of an INFO only those fields are
// kept that do not change from server to server.
func recordedLine(peer *peer, f frame) string {
	var info struct {
		Proto       int    `json:"proto"`
		Headers     bool   `json:"headers"`
		MaxPayload  int    `json:"max_payload"`
		ConnectInfo bool   `json:"connect_info"`
		Account     string `json:"remote_account"`
	}
	text, ok := strings.CutPrefix(f.line, "INFO ")
	if !ok || json.Unmarshal([]byte(text), &info) != nil {
		return peer.name + "< " + f.String()
	}
	if info.ConnectInfo {
		return fmt.Sprintf(`%s< INFO {"connect_info":true,"remote_account":%q}`, peer.name, info.Account)
	}
	return fmt.Sprintf(`%s< INFO {"proto":%d,"headers":%v,"max_payload":%d}`, peer.name, info.Proto, info.Headers, info.MaxPayload)
}
