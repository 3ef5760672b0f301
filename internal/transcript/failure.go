package transcript

// How a difference is told: the transcript up to it, and why it matters.

import (
	"fmt"
	"strings"
)

// failure is the report of the difference err at the step with index at; an
// index after the last step is the end of the script.
func (p *player) failure(at int, err error) error {
	var out strings.Builder
	s := p.script
	line := len(s.lines)
	reason := ""
	if at < len(s.steps) {
		line = s.steps[at].at + 1
		reason = s.steps[at].reason
	}
	fmt.Fprintf(&out, "%s.wire:%d (%s): %v\n", s.Name, line, p.mode, err)
	if reason != "" {
		fmt.Fprintf(&out, "reason: %s\n", reason)
	}
	for n, text := range s.lines[:min(line, len(s.lines))] {
		mark := "  "
		if n+1 == line && at < len(s.steps) {
			mark = "->"
		}
		fmt.Fprintf(&out, "%s %4d  %s\n", mark, n+1, text)
	}
	for _, peer := range p.order {
		for _, f := range peer.queued {
			fmt.Fprintf(&out, "then %s got  %s\n", peer.name, f)
		}
	}
	return fmt.Errorf("%s", strings.TrimRight(out.String(), "\n"))
}
