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
		o.queued = append(o.queued, fmt.Sprintf("queue %s: %s %s | %s", queue, transcript.Escape([]byte(f.subject)), transcript.Escape([]byte(f.reply)), transcript.Escape(text)))
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

// peerName is the name of a connection in reports: a, b, ...
func peerName(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return fmt.Sprintf("p%d", i)
}
