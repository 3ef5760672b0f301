package differential

// What a play came to, in a form in which equal means equal.

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gnatsd-ev/internal/transcript"
)

// An outcome is what all connections of a script got, without what the protocol
// leaves free.
type outcome struct {
	peers  [][]string // lines of each connection, the last says how it ended
	queued []string   // what reached queue groups, whoever got it
	infos  int        // INFOs with fields that differ by the row info
	inbox  int        // 503s that any of several inboxes may get
}

// maskedInfo are the fields of INFO that say which server this is, which
// connection, and when.
var maskedInfo = []string{"server_id", "server_name", "git_commit", "go", "host", "port", "nonce"}

// differentInfo are the fields that the row info of docs/compatibility.md names.
var differentInfo = []string{"xkey", "api_lvl", "client_id", "gnatsd_ev"}

// newOutcome makes an outcome of what connections got.
func newOutcome(p *plan, logs []log) outcome {
	var o outcome
	for i := range logs {
		var lines []string
		for k, frames := range logs[i].parts {
			plain := o.takeQueued(p, i, frames)
			if k%2 == 1 {
				sortVolley(plain)
			} else {
				sortSameMessage(plain)
			}
			for j := range plain {
				o.maskInbox(p, i, &plain[j])
				lines = append(lines, o.text(&plain[j]))
			}
		}
		o.peers = append(o.peers, append(lines, logs[i].end))
	}
	slices.Sort(o.queued)
	return o
}

// maskInbox hides which of several subscriptions that match a reply gets the 503.
func (o *outcome) maskInbox(p *plan, peer int, f *frame) {
	if !f.noResponders() {
		return
	}
	sids := p.streams[peer].inboxesOf(f.subject)
	if len(sids) > 1 && slices.Contains(sids, f.sid) {
		o.inbox++
		f.line = fmt.Sprintf("HMSG %s <%s> %d", f.subject, strings.Join(sids, "|"), f.header)
	}
}

// takeQueued moves what came through queue groups to o.queued, and returns the
// others.
func (o *outcome) takeQueued(p *plan, peer int, frames []frame) []frame {
	rest := make([]frame, 0, len(frames))
	for _, f := range frames {
		queue, queued := p.queueOf(peer, f.sid)
		if !queued || f.verb != "MSG" && f.verb != "HMSG" || f.noResponders() {
			rest = append(rest, f)
			continue
		}
		text := f.payload
		if p.plain {
			text = f.body()
		}
		o.queued = append(o.queued, fmt.Sprintf("queue %s: %q %q %q", queue, f.subject, f.reply, text))
	}
	return rest
}

// sortSameMessage sorts runs of one message: which subscription of a connection
// gets it first is free.
func sortSameMessage(frames []frame) {
	for from := 0; from < len(frames); {
		to := from + 1
		for frames[from].subject != "" && to < len(frames) && sameMessage(&frames[from], &frames[to]) {
			to++
		}
		slices.SortStableFunc(frames[from:to], func(a, b frame) int { return cmp.Compare(a.line, b.line) })
		from = to
	}
}

func sameMessage(a, b *frame) bool {
	return a.subject == b.subject && a.reply == b.reply && string(a.payload) == string(b.payload)
}

// sortVolley brings together what one publisher's messages are to one subscription,
// in their order; the server's other words come first, in theirs.
func sortVolley(frames []frame) {
	slices.SortStableFunc(frames, func(a, b frame) int {
		return cmp.Or(cmp.Compare(a.sid, b.sid), cmp.Compare(publisher(&a), publisher(&b)))
	})
}

// publisher is the mark that payloads of a volley begin with.
func publisher(f *frame) string {
	mark, _, _ := strings.Cut(string(f.body()), ":")
	return mark
}

// text is the frame as a line of a wire transcript, with masks.
func (o *outcome) text(f *frame) string {
	if f.verb == "INFO" {
		return o.info(f)
	}
	line := transcript.Escape([]byte(f.line))
	if f.subject == "" {
		return line
	}
	if len(f.payload) == 0 {
		return line + " |"
	}
	return line + " | " + transcript.Escape(f.payload)
}

func (o *outcome) info(f *frame) string {
	var fields map[string]any
	_ = json.Unmarshal([]byte(f.line[len("INFO"):]), &fields) // readFrame has seen that it is JSON
	for _, name := range maskedInfo {
		delete(fields, name)
	}
	for _, name := range differentInfo {
		if fields[name] != nil {
			o.infos++
		}
		delete(fields, name)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return f.line
	}
	return "INFO " + string(text)
}

// A comparison is what came of comparing two outcomes.
type comparison struct {
	equal bool
	where string // of the first difference
}

// compare says whether ours is what nats-server's outcome allows.
func compare(p *plan, theirs, ours *outcome) comparison {
	var c comparison
	for i := range theirs.peers {
		t, o := theirs.peers[i], ours.peers[i]
		if p.repeats[i] {
			t = withoutRepeats(t, o)
		}
		if slices.Equal(t, o) {
			continue
		}
		c.where = fmt.Sprintf("connection %s\n%s", peerName(i), firstDifference(t, o))
		return c
	}
	if !slices.Equal(theirs.queued, ours.queued) {
		c.where = "what reached queue groups\n" + firstDifference(theirs.queued, ours.queued)
		return c
	}
	c.equal = true
	return c
}

// repeated is what nats-server may say again by the row pedantic.
const repeated = "-ERR 'Invalid Publish Subject'"

// withoutRepeats returns theirs without those repeats that ours does not have.
func withoutRepeats(theirs, ours []string) []string {
	var kept []string
	for i, line := range theirs {
		at := len(kept)
		if i > 0 && line == repeated && theirs[i-1] == repeated && (at >= len(ours) || ours[at] != repeated) {
			continue
		}
		kept = append(kept, line)
	}
	return kept
}

// firstDifference shows where two lists of lines part.
func firstDifference(theirs, ours []string) string {
	at := 0
	for at < len(theirs) && at < len(ours) && theirs[at] == ours[at] {
		at++
	}
	var out strings.Builder
	for _, line := range theirs[max(0, at-2):at] {
		fmt.Fprintf(&out, "  both         %s\n", line)
	}
	for _, line := range theirs[at:min(len(theirs), at+4)] {
		fmt.Fprintf(&out, "  nats-server  %s\n", line)
	}
	for _, line := range ours[at:min(len(ours), at+4)] {
		fmt.Fprintf(&out, "  gnatsd-ev    %s\n", line)
	}
	return out.String()
}

// peerName is the name of a connection in reports: a, b, ...
func peerName(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return fmt.Sprintf("p%d", i)
}

// faults returns what is wrong with what a gnatsd-ev sent, whatever
// nats-server did: it must be the protocol, and nothing that nobody published.
func faults(p *plan, logs []log) string {
	said := make(map[string]bool)
	asked := make(map[string]bool)
	for _, m := range p.published() {
		said[messageKey(m.subject, m.reply, m.header, m.payload)] = true
		said[messageKey(m.subject, m.reply, 0, m.payload[m.header:])] = true // to clients without headers
		asked[m.reply] = true
	}
	for i := range logs {
		if logs[i].fault != "" {
			return fmt.Sprintf("connection %s: %s", peerName(i), logs[i].fault)
		}
		for _, part := range logs[i].parts {
			for _, f := range part {
				if f.subject == "" || said[messageKey(f.subject, f.reply, f.header, f.payload)] || f.noResponders() && asked[f.subject] {
					continue
				}
				return fmt.Sprintf("connection %s got what nobody published: %s %q", peerName(i), f.line, f.payload)
			}
		}
	}
	return ""
}

func messageKey(subject, reply string, header int, payload []byte) string {
	return fmt.Sprintf("%s\n%s\n%d\n%s", subject, reply, header, payload)
}
