package differential

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// deviationIDs are all rows of docs/compatibility.md that scripts may come to.
func deviationIDs() []string {
	ids := []string{deviationInfo, deviationInbox, deviationPassed}
	for _, d := range deviations {
		ids = append(ids, d.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Whatever may differ is a row of the document, with its reason.
func TestDeviationsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(text), "\n## ") // what differs is the first table, and options are the next
	row := regexp.MustCompile(`(?m)^\| ([a-z-]+) \|(.*)\|$`)
	reasons := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(table, -1) {
		cells := strings.Split(m[2], " | ")
		if len(cells) != 4 {
			t.Errorf("the row %s has %d cells behind its id, want 4", m[1], len(cells))
		}
		reasons[m[1]] = strings.TrimSpace(cells[len(cells)-1])
	}
	if len(reasons) < 20 {
		t.Fatalf("only %d rows found", len(reasons))
	}
	for _, id := range deviationIDs() {
		if reasons[id] == "" {
			t.Errorf("docs/compatibility.md has no row %s with a reason", id)
		}
	}
}

// A deviation is what its row says and nothing near it.
func TestDeviationsAreNarrow(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string // ids, with blanks between
	}{
		{"HM", "hm"}, {"H", ""}, {"HPUB a 0 0\r\n\r\n", ""}, {"MSG", ""},
		{"SUB" + strings.Repeat(" ", 513), "blanks"}, {"SUB" + strings.Repeat(" ", 512), ""}, {"PING" + strings.Repeat("x", 513), "blanks"},
		{"PING" + strings.Repeat("x", 512), ""}, {"SUB a 1" + strings.Repeat(" ", 600), ""},
		{"SUB \n", "lf-ends"}, {"SUB\n", ""}, {"SUB \r\n", ""}, {"CONNECT\n", "lf-ends"}, {"PING \n", ""},
		{"SUB a\rb 1\r\n", "bare-cr"}, {"SUB a 1\r\r\n", "bare-cr"}, {"SUB a\rb 1", ""}, {"SUB a 1\r\n", ""}, {"PING\r\r\n", ""}, {"INFO {}\r\r\n", "bare-cr"},
		{"SUB a\f 1\r\n", "form-feed"}, {"SUB a q\f 1\r\n", ""}, {"PUB a\f 0\r\n\r\n", ""}, {"SUB a\f _sys_ 1\r\n", ""},
		{`CONNECT {"import":5}` + "\n", "connect-fields"}, {`CONNECT {"name":5}` + "\n", ""}, {`CONNECT {"import":5,"name":5}` + "\n", ""}, {`INFO {"ip":5}` + "\n", "connect-fields"},
		{"-ERR x\r\nPING\r\n", "err-rest"}, {"-ERR x\r\n", ""},
		{"PUB a 01\r\nx\r\n", "zeros"}, {"PUB a 01\r\nxx\r\n", ""}, {"PUB a 0\r\n\r\n", ""}, {"HPUB a 00 0\r\n\r\n", "zeros"},
		{"PUB a. 0\r\n\r\n", "pedantic"}, {"PUB a. 0\r\n", ""}, {"PUB a. 1\r\nxx\r\n", "pedantic"}, {"PUB a. 01\r\nx\r\n", "zeros pedantic"}, {"SUB a. 1\r\n", ""},
	} {
		s := newStream(Limited.limits(), nil)
		s.opts.Headers = true
		if got := strings.Join(s.feed([]byte(c.in)).reached, " "); got != c.want {
			t.Errorf("%.40q: %q, want %q", c.in, got, c.want)
		}
	}
}

// What a deviation is replaced by is undone where it began in an earlier send.
func TestDeviationsAcrossSends(t *testing.T) {
	p := newPlan(steps(Ordinary, cut{}, "a PING\r\nSUB a", "a \rb", "a  1\r\nPING\r\n"))
	if len(p.steps) != 3 || p.reached["bare-cr"] != 1 {
		t.Fatalf("%d steps, reached %v", len(p.steps), p.reached)
	}
	for i, want := range []string{"PING\r\n", ""} {
		sd := p.steps[i].sends[0]
		if string(sd.theirs.own) != want || len(sd.theirs.rest) > 0 || len(sd.ours.rest) == 0 {
			t.Errorf("step %d: nats-server gets %q and %q, want %q", i, sd.theirs.own, sd.theirs.rest, want)
		}
	}
	if last := p.steps[2].sends[0]; !last.dead || string(last.ours.own) != " 1\r\nPING\r\n" || string(last.theirs.own) != "X" {
		t.Errorf("the last step is %+v", last)
	}
}

// passedTries is how often a script is played that comes to passed-on where its
// connections live on different loops, which is likely.
const passedTries = 40

// The row passed-on is reached where it can be, and only there.
func TestPassedOn(t *testing.T) {
	s := set(Ordinary)
	defer s.Close()
	connect := `CONNECT {"verbose":false,"headers":true,"no_responders":true}` + "\r\n"
	request := "PUB " + mark + ".a " + mark + ".b 1\r\nx\r\n"
	script := steps(Ordinary, cut{}, "a "+connect+"SUB "+mark+".a 1\r\nUNSUB 1 1\r\n", "b "+connect+"SUB "+mark+".b 1\r\n", "b "+request+request)
	for range passedTries {
		v, err := s.Judge(script)
		if err != nil {
			t.Fatal(err)
		}
		if v.Difference != "" {
			t.Fatalf("%s: %s", v.Name, v.Difference)
		}
		if v.Reached[deviationPassed] > 0 {
			return
		}
	}
	t.Errorf("not reached in %d tries", passedTries)
}

// What passed-on allows is that a 503 comes late, or that a late member is given the message instead.
func TestPassedOnIsNarrow(t *testing.T) {
	const late = `HMSG r 1 40 40 | NATS/1.0 503\r\nNats-Subject: a\r\n\r\n`
	counted := newPlan(steps(Ordinary, cut{}, "a SUB a 1\r\nUNSUB 1 1\r\n"))
	again := newPlan(steps(Ordinary, cut{}, "a CONNECT {}\r\nSUB a 1\r\nUNSUB 1 1\r\nCONNECT {}\r\n"))
	plain := newPlan(steps(Ordinary, cut{}, "a SUB a 1\r\n"))
	got := func(lines ...string) *outcome { return &outcome{peers: [][]string{lines}} }
	taken := got("PONG", "open")
	taken.queued = []string{"queue q: a r | x"}
	other := got("PONG", "open")
	other.queued = []string{"queue q: b r | x"}
	for name, c := range map[string]struct {
		plan         *plan
		theirs, ours *outcome
		want         bool
	}{
		"late":             {counted, got(late, "PONG", "open"), got("PONG", late, "open"), true},
		"without maximum":  {plain, got(late, "PONG", "open"), got("PONG", late, "open"), false},
		"listens by then":  {counted, got("PONG", "open"), got("PONG", late, "open"), true},
		"listens, and got": {counted, got("MSG a 1 r 1 | x", "PONG", "open"), got("MSG a 1 r 1 | x", "PONG", late, "open"), false},
		"closed":           {counted, got(late, "PONG", "closed"), got("PONG", "closed"), true},
		"never":            {counted, got(late, "PONG", "open"), got("PONG", "open"), false},
		"inbox dropped":    {again, got(late, "PONG", "open"), got("PONG", "open"), true},
		"dropped, other":   {again, got(late, "PONG", "open"), got("+OK", "open"), false},
		"twice":            {counted, got(late, "PONG", "open"), got("PONG", late, late, "open"), false},
		"other frames":     {counted, got(late, "PONG", "+OK", "open"), got("+OK", "PONG", late, "open"), false},
		"taken":            {counted, got(late, "PONG", "open"), taken, true},
		"another is taken": {counted, got(late, "PONG", "open"), other, false},
		"lost":             {counted, taken, got("PONG", "open"), false},
	} {
		if passedOn(c.plan, c.theirs, c.ours) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}
