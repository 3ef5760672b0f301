package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gnatsd-ev/bench"
)

// quickly is a comparison of one row that takes about a second: our broker beside itself.
func quickly(flags string) string {
	return fmt.Sprintf("compare --contenders ours,nats --ours %s --nats %s --rounds 2 --scale 0.02 --only fan-10 --ratios ours/nats %s", os.Args[0], os.Args[0], flags)
}

// spoilt is a broker that says its version and then does not serve.
func spoilt(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "spoilt")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n[ \"$1\" = --version ] && echo spoilt 1.0 && exit\necho no room here\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMistakesInComparisons(t *testing.T) {
	self := os.Args[0]
	for flags, want := range map[string]string{
		"--nonsense":         "not defined",
		"--out a.txt":        "none of .json, .html, .md",
		"--out a.csv":        "none of .json, .html, .md",
		"--rounds 0":         "less than 1",
		"--rounds many":      "invalid value",
		"--scale 0":          "not above 0",
		"--only nothing":     `no task "nothing"`,
		"--only subs":        `no task "subs"`, // of figures alone
		"--contenders kafka": `no broker "kafka"`,
		"--contenders nats --nats /nowhere/at/all": "none of them is installed",
		"--base redis":             `no contender "redis"`,
		"--ratios ours":            "two contenders with a slash",
		"--variant x":              "NAME=FLAGS",
		"--variant nats=--loops=1": "NAME=FLAGS",
		"--variant a/b=--loops=1":  "NAME=FLAGS",
		"--variant a@x=--loops=1":  `--variant a: no task "x"`,
		"--fail-if burst":          "there is no comparison",
		"--fail-if burst.ours>x":   "is no number",
		"--fail-if nothing.ours>1": `no row "nothing"`,
		"--fail-if burst.redis>1":  `no contender "redis"`,
		"a b c":                    "there are more",
	} {
		command := "compare --contenders ours,nats --ours " + self + " --nats " + self + " " + flags
		if code, _, errs := call(t, command); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit status %d, %q; want %d and %q", flags, code, errs, exitUsage, want)
		}
	}
	if code, _, errs := call(t, "compare -h"); code != exitOK || !strings.Contains(errs, "RUN.json") {
		t.Errorf("-h: exit status %d, %s", code, errs)
	}
}

// One run is made, then judged, stored, shown again and set beside itself.
func TestComparisonsAreJudgedAndStored(t *testing.T) {
	stored := filepath.Join(t.TempDir(), "made", "run.json")
	page := strings.TrimSuffix(stored, "json") + "html"
	code, out, errs := call(t, quickly("--fail-if fan-10.ours/nats>1000 --fail-if fan-10.ours<0 --json --out "+stored+","+page))
	if code != exitOK || !strings.Contains(out, "| fan-10 ") || !strings.Contains(out, `"figures"`) {
		t.Fatalf("exit status %d: %s%s", code, out, errs)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "<svg") {
		t.Errorf("the report: %v, %d bytes", err, len(text))
	}
	again := filepath.Join(t.TempDir(), "again.html")
	for _, k := range []struct {
		command string
		code    int
		want    string // in what is said, on either side
	}{
		{"compare --out " + again + " " + stored, exitOK, "| fan-10 "},
		{"compare --fail-if fan-10.ours>0 " + stored, exitFailed, "1 of 1 limits failed"},
		{"compare --fail-if fan-10.ours<0 " + stored, exitOK, ""},
		{"compare --fail-if burst.ours>0 " + stored, exitUsage, `no row "burst"`},
		{"compare --fail-if fan-10.redis>0 " + stored, exitUsage, `no contender "redis"`},
		{"compare " + stored + " " + stored, exitOK, "the same beside nats"},
		{"compare --base ours " + stored + " " + stored, exitOK, "the same beside ours"},
		{"compare --out " + again + " " + stored + " " + stored, exitOK, "| nats "},
		{"compare --fail-if fan-10.ours/old>1 " + stored + " " + stored, exitOK, ""},
		{"compare --fail-if fan-10.ours/old>=1 --fail-if fan-10.nats/old<1 " + stored + " " + stored, exitFailed, "1 of 2 limits failed"},
		{"compare --fail-if fan-10.ours/nats>1 " + stored + " " + stored, exitUsage, "CONTENDER/old"},
		{"compare --fail-if burst.ours/old>1 " + stored + " " + stored, exitUsage, `no row "burst"`},
		{"compare /nowhere/at/all " + stored, exitFailed, "no such file"},
		{"compare " + page, exitFailed, "not a stored comparison"},
		{"compare " + stored + " " + page, exitFailed, "not a stored comparison"},
	} {
		if code, out, errs := call(t, k.command); code != k.code || !strings.Contains(out+errs, k.want) {
			t.Errorf("%s: exit status %d, want %d; %q is not in %s%s", k.command, code, k.code, k.want, out, errs)
		}
	}
	if _, err := os.Stat(again); err != nil {
		t.Error(err)
	}
}

// A broker that does not serve leaves its rows empty with a warning, and breaks every limit
// on them: a gate must not open because nothing was measured.
func TestSpoiltContenders(t *testing.T) {
	code, out, errs := call(t, quickly("--rounds 1 --nats "+spoilt(t)))
	if code != exitOK || !strings.Contains(out, "fan-10, nats, round 1 FAILED") || !strings.Contains(out, "no room here") || !strings.Contains(errs, "failed: ") {
		t.Errorf("exit status %d: %s%s", code, out, errs)
	}
	code, _, errs = call(t, quickly("--rounds 1 --fail-if fan-10.ours/nats>1000 --nats "+spoilt(t)))
	if code != exitFailed || !strings.Contains(errs, "has no value") {
		t.Errorf("exit status %d: %s", code, errs)
	}
}

func TestAContenderThatIsMissingIsLeftOut(t *testing.T) {
	code, out, errs := call(t, quickly("--rounds 1 --nats /nowhere/at/all"))
	if code != exitOK || !strings.Contains(errs, "nats is left out") || strings.Contains(out, "ours/nats") {
		t.Errorf("exit status %d: %s%s", code, out, errs)
	}
}

// A task at half of a rate finds the rate first, which is then everybody's; the variants that are
// compared by default take no part.
func TestHalfOfARate(t *testing.T) {
	code, out, errs := call(t, strings.Replace(quickly("--rounds 1 --json"), "--only fan-10", "--only p99-reqrep", 1))
	if code != exitOK || strings.Count(errs, "latency_p99 ") != 2 || !strings.Contains(errs, "half of what nats carries") {
		t.Fatalf("exit status %d: %s%s", code, out, errs)
	}
	var run bench.Comparison
	if _, text, ok := strings.Cut(out, "\n{"); !ok {
		t.Fatalf("no JSON in %s", out)
	} else if err := json.NewDecoder(strings.NewReader("{" + text)).Decode(&run); err != nil {
		t.Fatal(err)
	}
	fig := run.Figure("p99-reqrep")
	if fig.Load.Rate < 1 || fig.RateOf != "nats" || len(fig.Values["ours"]) != 1 || len(fig.Values["one"]) != 0 {
		t.Errorf("%+v", fig)
	}
	if len(run.Musts) != 1 || run.Musts[0].Value == nil {
		t.Errorf("what is to hold: %+v", run.Musts)
	}
	code, out, errs = call(t, "compare --contenders ours --ours "+os.Args[0]+" --rounds 1 --scale 0.02 --only p99-reqrep")
	if code != exitOK || !strings.Contains(out, "nats is not among the contenders") {
		t.Errorf("without nats: exit status %d: %s%s", code, out, errs)
	}
}

// Every task runs against the broker, with little load.
func TestEveryTaskRuns(t *testing.T) {
	code, out, errs := call(t, "compare --contenders ours --ours "+os.Args[0]+" --quick --scale 0.02 --only after,churn,match-1000,wild-1000")
	if code != exitOK || strings.Contains(out, "FAILED") || strings.Contains(out, "| - ") {
		t.Errorf("exit status %d: %s%s", code, out, errs)
	}
}

func TestVariantsAndBases(t *testing.T) {
	code, out, errs := call(t, quickly("--rounds 1 --variant one=--loops=1 --base nats"))
	if code != exitOK || !strings.Contains(out, "ours/nats") || !strings.Contains(out, "one/nats") || !strings.Contains(out, "{port} --loops=1)") {
		t.Errorf("exit status %d: %s%s", code, out, errs)
	}
}
