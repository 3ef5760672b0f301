package differential

// A script as a wire transcript, with what nats-server answered.

import (
	"fmt"
	"slices"
	"strings"

	"gnatsd-ev/internal/transcript"
)

// Wire returns the script as a transcript, recorded from what nats-server
// answered when it was judged.
func (s *Script) Wire(theirs []log) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Seed %d.\n", s.Seed)
	options := s.options()
	for _, name := range transcript.OptionNames() {
		if value, ok := options[name]; ok {
			fmt.Fprintf(&out, "! %s %s\n", name, value)
		}
	}
	w := &wire{out: &out, got: make([][]frame, len(theirs)), logs: theirs, pongs: make([]int, len(theirs)), open: make([]bool, len(theirs))}
	for i := range theirs {
		w.got[i] = slices.Concat(theirs[i].parts...)
	}
	out.WriteString("# This is what nats-server answers.\n")
	p := newPlan(s)
	for i := range p.steps {
		w.step(&p.steps[i])
	}
	for i := range w.got {
		if !w.open[i] {
			continue
		}
		if n := len(w.got[i]); n > 0 && theirs[i].end == endOpen {
			w.got[i] = w.got[i][:n-1] // the player ends with a PING of its own
		}
		if s := p.streams[i]; len(s.pending) > 0 && !s.dead {
			fmt.Fprintf(&out, "half-close %s\n", peerName(i))
		}
		w.rest(i)
	}
	return out.String()
}

// printable is bytes of a script as a transcript has them.
func printable(data []byte) string { return transcript.Escape(marked(data, printedMark)) }

type wire struct {
	out   *strings.Builder
	logs  []log
	got   [][]frame // not yet written
	pongs []int     // to write before the next step
	open  []bool
}

func (w *wire) step(st *planned) {
	if st.kind == kindVolley {
		w.sync()
		defer w.sync()
	}
	for i := range st.sends {
		sd := &st.sends[i]
		name := peerName(sd.peer)
		if !w.open[sd.peer] {
			w.open[sd.peer] = true
			w.got[sd.peer] = w.got[sd.peer][min(1, len(w.got[sd.peer])):] // the greeting is skipped
		}
		if len(sd.ours.own) > 0 {
			own := printable(sd.ours.own)
			w.pongs[sd.peer] = sd.pings
			if !sd.dead {
				own += `PING\r\n`
				w.pongs[sd.peer]++
			}
			fmt.Fprintf(w.out, "%s>> %s\n", name, own)
		}
	}
	for i := range st.sends {
		sd := &st.sends[i]
		if sd.dead {
			w.rest(sd.peer)
			w.pause()
		} else {
			w.until(sd.peer)
		}
		if len(sd.ours.rest) > 0 {
			fmt.Fprintf(w.out, "%s>> %s\n", peerName(sd.peer), printable(sd.ours.rest))
		}
	}
	switch st.kind {
	case kindHalfClose:
		fmt.Fprintf(w.out, "half-close %s\n", peerName(st.peer))
		w.rest(st.peer)
		w.pause()
	case kindClose, kindReset:
		fmt.Fprintf(w.out, "%s %s\n", map[kind]string{kindClose: "close", kindReset: "reset"}[st.kind], peerName(st.peer))
		w.open[st.peer] = false
		w.pause()
	}
}

// sync writes the PINGs around a volley.
func (w *wire) sync() {
	for i, log := range w.logs {
		if w.open[i] && log.end != endUnused {
			fmt.Fprintf(w.out, "%s> PING\n", peerName(i))
			w.pongs[i] = 1
			w.until(i)
		}
	}
}

// pause stands for the wait until what is left of a connection is gone.
func (w *wire) pause() { w.out.WriteString("sleep 50ms\n") }

// until writes what a connection got up to the PONGs that are due.
func (w *wire) until(peer int) {
	for w.pongs[peer] > 0 && len(w.got[peer]) > 0 {
		w.frame(peer)
	}
}

// frame writes the next frame of a connection.
func (w *wire) frame(peer int) {
	f := w.got[peer][0]
	w.got[peer] = w.got[peer][1:]
	if f.verb == "PONG" {
		w.pongs[peer]--
	}
	text := printable([]byte(f.line))
	switch {
	case f.subject != "" && len(f.payload) == 0:
		text += " |"
	case f.subject != "":
		text += " | " + printable(f.payload)
	}
	if f.verb == "INFO" {
		text = `INFO {"connect_info":true}`
	}
	fmt.Fprintf(w.out, "%s< %s\n", peerName(peer), text)
}

// rest writes all a connection still got.
func (w *wire) rest(peer int) {
	for len(w.got[peer]) > 0 {
		w.frame(peer)
	}
	if w.logs[peer].end == endClosed {
		fmt.Fprintf(w.out, "%s< closed\n", peerName(peer))
	}
	w.open[peer] = false
}
