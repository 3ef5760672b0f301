package bench

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// evil is a text that a broker, a file or a command line may hold.
const evil = `"><script>alert('x')</script><img src=//192.0.2.1 onerror=y>]]>&quot;`

// pageOf writes a report to a file and reads it.
func pageOf(t *testing.T, v interface{ WriteFile(string) error }) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "made", "report.html")
	if err := v.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, string(text))
	return string(text)
}

// sound checks what holds for every report: plots are well-formed and named, nothing runs,
// nothing is asked for, and no number is broken.
func sound(t *testing.T, text string) {
	t.Helper()
	for _, bad := range []string{"<script", "<img", "<iframe", "@import", "url(", "NaN", "Inf", "ZgotmplZ"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	plots := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(text, -1)
	for _, p := range plots {
		for d := xml.NewDecoder(strings.NewReader(p)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("a plot is no XML: %v: %s", err, p)
			}
		}
		if !strings.Contains(p, `role="img"`) || !strings.Contains(p, "<title id=") || !strings.Contains(p, "<desc id=") {
			t.Errorf("a plot has no words: %.200s", p)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if ids[m[1]] {
			t.Errorf("two elements have the id %s", m[1])
		}
		ids[m[1]] = true
	}
}

// someLatencies is a distribution of a few thousand values, with some that waited.
func someLatencies() Distribution {
	d := Distribution{Name: "latency", corrected: newHistogram(), uncorrected: newHistogram()}
	for i := range int64(5000) {
		record(d.corrected, 50_000+i*i)
		record(d.uncorrected, 50_000+i)
	}
	return d
}

func TestReportOfAScenario(t *testing.T) {
	r := &run{result: &Result{Scenario: "fanout", Load: Load{Conns: 12345, Rate: 10}, Broker: Broker{Name: evil, Version: evil}, Warnings: []string{evil}, Notes: []string{evil}}}
	r.distribute("latency", someLatencies())
	r.report("cpu_us_per_delivery", 1.25, "us")
	for i := range 200 {
		r.result.Moments = append(r.result.Moments, Moment{At: float64(i + 1), Deliveries: 1e6 + float64(i), ResidentMB: 12, CPUs: 0.5})
	}
	r.result.Failure = evil
	machine := Machine{Host: evil, System: "Linux 9", Go: "go9", Date: time.Unix(0, 0), Command: []string{"bench", evil}}
	text := pageOf(t, &Report{Machine: machine, Result: r.result})
	for _, want := range []string{
		"Linux 9", "go9", "1 warning:", "12,345", "10 a second", "99.9 %", "corrected", "uncorrected", "one moment in 4",
		"Deliveries a second over time", "resident memory over time", "Processors the broker used", "cpu_us_per_delivery", "Failed", "&lt;script&gt;",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the report", want)
		}
	}
}

// What a run does not know leaves no empty plot behind.
func TestReportOfLittle(t *testing.T) {
	text := pageOf(t, &Report{Result: &Result{Scenario: "conn", Moments: []Moment{{At: 1}}, Distributions: []Distribution{{Name: "empty", corrected: newHistogram()}}}})
	if strings.Contains(text, "resident memory over time") || !strings.Contains(text, "Deliveries a second") {
		t.Error("memory nobody has read is plotted, or deliveries are not")
	}
	text = pageOf(t, &Report{Result: &Result{Scenario: "mixed", Stages: []*Result{
		{Scenario: "conn", Metrics: []Metric{{"connect", 1, "us"}}, Warnings: []string{"slow"}}, {Scenario: "fanout", Metrics: []Metric{{"last", 2, "us"}}}}}})
	for _, want := range []string{"conn (2 of 3): All metrics", "fanout (3 of 3): All metrics", "conn (2 of 3): slow"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the report of stages", want)
		}
	}
}

// compared is a comparison with ratios of every kind: usual, without an interval, negative,
// missing.
func compared() *Comparison {
	c := &Comparison{Rounds: 2, Scale: 0.5, Contenders: []Contender{{Name: "ours", Version: evil, Config: "a\nb"}, {Name: evil, Command: []string{"x", "a b"}}},
		Pairs: []Pair{{"ours", evil}, {evil, "ours"}}, Warnings: []string{evil}}
	for i, conns := range []int{10, 1000} {
		c.Figures = append(c.Figures, &Figure{Name: fmt.Sprintf("fan-%d", conns), Label: evil, Unit: "us", Load: Load{Conns: conns},
			Values: map[string][]Value{"ours": {{1, 0.01}, {2, 0.02}}, evil: {{1, 10 + float64(i)}, {2, 1e9}}}})
	}
	c.Figures = append(c.Figures,
		&Figure{Name: "fan-none", Load: Load{Conns: 5}, Values: map[string][]Value{"ours": {{1, 1}}}},
		&Figure{Name: "below", Values: map[string][]Value{"ours": {{1, -1}, {2, -2}}, evil: {{1, 3}, {2, 4}}}})
	for _, fig := range c.Figures {
		fig.compare(c.Pairs)
	}
	return c
}

func TestReportOfAComparison(t *testing.T) {
	text := pageOf(t, compared())
	for _, want := range []string{"Ratios by row", "Cost as load grows", "Medians", "contender ours", "1.00 (1 of 2)", "&#39;a b&#39;", "2 alternating rounds", "[fan-10]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the report", want)
		}
	}
	for _, want := range []string{"literal subscriptions", "wildcard subscriptions", "What is to hold"} {
		if strings.Contains(text, want) {
			t.Errorf("there is nothing of %q in the run, and the report has it", want)
		}
	}
	c := compared()
	for _, n := range []int{10, 1000} {
		c.Figures = append(c.Figures, &Figure{Name: fmt.Sprintf("wild-%d", n), Load: Load{Conns: 10, PerConn: n / 10}, Values: map[string][]Value{"ours": {{1, 0.5}, {2, 0.6}}}})
	}
	c.Musts = judged(t).Musts
	text = pageOf(t, c)
	for _, want := range []string{"CPU per publish by number of wildcard subscriptions", "What is to hold", "<td>not met</td>", "<td>ours &lt;= 1024</td>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the report", want)
		}
	}
	c = compared()
	c.Figures, c.Quick = c.Figures[:1], true
	if text := pageOf(t, c); strings.Contains(text, "Cost as load grows") || !strings.Contains(text, "A quick look") {
		t.Error("one point is a curve, or a quick look is not called one")
	}
}

func TestReportOfTwoRuns(t *testing.T) {
	text := pageOf(t, Differences(compared(), compared(), evil))
	for _, want := range []string{"Two runs side by side", "the older run", "the newer run", "new/old"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the report", want)
		}
	}
	if text := pageOf(t, &Changes{}); !strings.Contains(text, "no row and contender in common") {
		t.Error("two runs without anything in common leave no word")
	}
}

func TestEndingsOfFiles(t *testing.T) {
	for _, name := range []string{"a.json", "b/a.html", "a.csv", "a.hgrm"} {
		if err := CheckFile(name, ReportFiles); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"a.csv", "a", "a.htm"} {
		if err := compared().WriteFile(filepath.Join(t.TempDir(), name)); err == nil {
			t.Errorf("a comparison was written to %s", name)
		}
	}
}

func TestCommandsAreShownWithoutSecrets(t *testing.T) {
	for arg, want := range map[string]string{
		"nats://u:pa=s@h:1,nats://tok@h2": "nats://xxxxx@h:1,nats://xxxxx@h2", "--url=tok@h": "xxxxx@h", "--url": "--url", "a b": "a b",
	} {
		if got := withoutSecrets([]string{arg})[0]; got != want {
			t.Errorf("%s is shown as %s, want %s", arg, got, want)
		}
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, k := range []struct {
		s    scale
		want string
	}{
		{linearScale(0, 3.2), "[0 1 2 3 4]"}, {linearScale(), "[0 0.2 0.4 0.6000000000000001 0.8 1]"}, {linearScale(100), "[0 20 40 60 80 100]"},
		{logarithmicScale(0.07, 3), "[0.05 0.1 0.2 0.5 1 2 5]"}, {logarithmicScale(1), "[0.5 1 2]"}, {logarithmicScale(), "[0.5 1 2]"},
		{logarithmicScale(1, 1e4), "[1 10 100 1000 10000]"},
	} {
		if got := fmt.Sprint(k.s.ticks()); got != k.want {
			t.Errorf("%+v has ticks %s, want %s", k.s, got, k.want)
		}
		if k.s.at(k.s.low) != 0 || math.Abs(k.s.at(k.s.high)-1) > 1e-9 {
			t.Errorf("%+v does not map its ends to 0 and 1", k.s)
		}
	}
	for v, want := range map[float64]string{0: "0", 0.05: "0.05", 1234567: "1,234,567", 999: "999", -1000: "-1,000", 1e-7: "1e-07", 0.30000000000000004: "0.3"} {
		if got := plain(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestNinesAreWrittenAsPercentiles(t *testing.T) {
	for x, want := range map[float64]string{1: "0 %", 2: "50 %", 5: "80 %", 10: "90 %", 50: "98 %", 1000: "99.9 %", 1e6: "99.9999 %", 1e9: "99.9999999 %"} {
		if got := nines(x); got != want {
			t.Errorf("%v is written %s, want %s", x, got, want)
		}
	}
}

// Text has a contrast of 4.5 to the ground behind it, and what is drawn one of 3, in light and
// in dark.
func TestColoursCanBeRead(t *testing.T) {
	parts := strings.SplitN(pageText, "prefers-color-scheme: dark", 2)
	for i, part := range parts {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--(\w+): #(\w{6});`).FindAllStringSubmatch(part, -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		if len(colours) != 14 {
			t.Fatalf("part %d has %d colours", i, len(colours))
		}
		for _, pair := range [][2]string{{"ink", "ground"}, {"muted", "ground"}, {"link", "ground"}, {"ink", "panel"}, {"ink", "warning"}, {"ink", "failure"}} {
			if c := contrast(colours[pair[0]], colours[pair[1]]); c < 4.5 {
				t.Errorf("part %d: %s on %s has a contrast of %.2f", i, pair[0], pair[1], c)
			}
		}
		for s := range seriesStyles {
			if c := contrast(colours["s"+strconv.Itoa(s)], colours["ground"]); c < 3 {
				t.Errorf("part %d: series %d has a contrast of %.2f", i, s, c)
			}
		}
	}
}

// contrast is that of two luminances, as WCAG defines it.
func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestTextsOfPlotsAreCutToTheirRoom(t *testing.T) {
	for _, lines := range [][]string{wrap("one two three", textWidth("one two")), wrap("", 50), wrap(strings.Repeat("x", 100), 70)} {
		for _, line := range lines {
			if textWidth(line) > 100 {
				t.Errorf("%q is too wide", line)
			}
		}
	}
	if got := shorten("abcdefghij", textWidth("abcde")); got != "abcd…" {
		t.Errorf("shortened to %q", got)
	}
	if !strings.Contains(string(render(compared().bars(), plotNarrow, "narrow", "a")), "whisker") {
		t.Error("a ratio with an interval has no whisker")
	}
}
