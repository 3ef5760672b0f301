package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gnatsd-ev/bench"
)

// reportVariable names a directory for pictures, and makes the test that needs a
// browser run: make report-test.
const reportVariable = "GNATSD_EV_REPORT"

func TestReportsInABrowser(t *testing.T) {
	pictures := os.Getenv(reportVariable)
	if pictures == "" {
		t.Skipf("reports are not opened in a browser: %s names no directory for their pictures; make report-test does", reportVariable)
	}
	b := openBrowser(t)
	dir := t.TempDir()
	for name, make := range map[string]func(*testing.T, string){"scenario": scenarioReport, "compare": comparisonReport, "hostile": hostileReport} {
		file := filepath.Join(dir, name+".html")
		make(t, file)
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int{360, 800, 1600} {
				what := fmt.Sprintf("%s-%s-%d", name, scheme, width)
				complain(t, what, file, b.show(t, file, scheme, width))
				inspect(t, what, b)
				b.keep(t, filepath.Join(pictures, what+".png"), "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true, "clip": b.whole(t, width)})
			}
		}
		walk(t, name, b)
		b.keep(t, filepath.Join(pictures, name+".pdf"), "Page.printToPDF", map[string]any{"printBackground": false})
	}
}

// scenarioReport measures for two seconds.
func scenarioReport(t *testing.T, file string) {
	args := append(strings.Fields("fanout --conns 50 --rate 2000 --warmup 100ms --duration 3s --no-progress --out "+file), start()...)
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, &out, &errs); code != exitOK {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
}

// comparisonReport compares the broker with itself and the floor.
func comparisonReport(t *testing.T, file string) {
	self := os.Args[0]
	code, _, errs := call(t, fmt.Sprintf("compare --contenders ours,nats,floor --ours %s --nats %s --floor %s --variant one=--loops=1 --ratios ours/nats,one/nats,ours/floor --rounds 3 --scale 0.02 --only fan-10,fan-100,last,payload-4k --out %s", self, self, self, file))
	if code != exitOK {
		t.Fatalf("exit status %d: %s", code, errs)
	}
}

// hostileReport compares two runs whose every word wants to be a page of its own.
func hostileReport(t *testing.T, file string) {
	const evil = `"><script>console.error("run")</script><img src="http://192.0.2.1/x" onerror=alert(1)>]]>&amp;`
	c := bench.Comparison{Rounds: 2, Scale: 1, Machine: bench.Machine{Host: evil, Command: []string{evil}},
		Contenders: []bench.Contender{{Name: evil, Version: evil, Command: []string{evil}, Config: evil}},
		Figures: []*bench.Figure{{Name: evil, Label: evil, Unit: evil,
			Values: map[string][]bench.Value{evil: {{Round: 1, Value: 1}, {Round: 2, Value: 2}}}}},
	}
	stored := filepath.Join(t.TempDir(), "evil.json")
	text, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(stored, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, fmt.Sprintf("compare --out %s %s %s", file, stored, stored)); code != exitOK {
		t.Fatalf("exit status %d: %s", code, errs)
	}
}

// complain fails the test for what a report must not do.
func complain(t *testing.T, what, file string, told []message) {
	t.Helper()
	for _, m := range told {
		switch m.Method {
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
			t.Errorf("%s: the page said something: %s", what, m.Params)
		case "Network.requestWillBeSent":
			var p struct{ Request struct{ URL string } }
			if err := json.Unmarshal(m.Params, &p); err != nil || p.Request.URL != "file://"+file && !strings.HasPrefix(p.Request.URL, "data:") {
				t.Errorf("%s: the page asked for %s, %v", what, p.Request.URL, err)
			}
		}
	}
}

// crowded is JavaScript that lists what of the page cannot be read: texts of plots that are
// cut off or written over one another, and whatever makes the page scroll sideways.
const crowded = `(() => {
	const bad = [];
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) bad.push("the page is " + root.scrollWidth + " wide in a window of " + root.clientWidth);
	const plots = [...document.querySelectorAll("svg.plot")].filter(p => p.getBoundingClientRect().width > 0);
	if (plots.length == 0) bad.push("there is no plot");
	for (const p of plots) {
		const box = p.getBoundingClientRect();
		const texts = [...p.querySelectorAll("text")].map(e => [e.textContent, e.getBoundingClientRect()]);
		texts.forEach(([text, r], i) => {
			if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1) bad.push("cut off: " + text);
			for (const [other, o] of texts.slice(i + 1))
				if (r.left < o.right && o.left < r.right && r.top + 3 < o.bottom && o.top + 3 < r.bottom) bad.push("over one another: " + text + " | " + other);
		});
		const named = p.getAttribute("aria-labelledby").split(" ").every(id => document.querySelectorAll("#" + id).length == 1 && document.getElementById(id).textContent);
		if (p.getAttribute("role") != "img" || !named) bad.push("a plot has no words for it");
	}
	return bad;
})()`

// inspect fails the test for what cannot be read.
func inspect(t *testing.T, what string, b *browser) {
	t.Helper()
	var bad []string
	b.evaluate(t, crowded, &bad)
	if len(bad) > 0 {
		t.Errorf("%s: %s", what, strings.Join(bad, "\n\t"))
	}
}

// walk goes through the page by keyboard: the way past the navigation is first, and
// tables that scroll can be reached.
func walk(t *testing.T, what string, b *browser) {
	t.Helper()
	var stops []string
	for range 12 {
		for _, kind := range []string{"rawKeyDown", "keyUp"} {
			b.must(t, "Input.dispatchKeyEvent", map[string]any{"type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}, nil)
		}
		var at string
		b.evaluate(t, "document.activeElement.className", &at)
		stops = append(stops, at)
	}
	if all := strings.Join(stops, " "); stops[0] != "skip" || !strings.Contains(all, "scroll") {
		t.Errorf("%s: the keyboard reaches %q", what, all)
	}
}

// whole is the page's rectangle, up to a length that a picture can have.
func (b *browser) whole(t *testing.T, width int) map[string]any {
	t.Helper()
	var height int
	b.evaluate(t, "Math.min(document.documentElement.scrollHeight, 6000)", &height)
	return map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
}
