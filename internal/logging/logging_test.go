package logging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sink is a log's destination that can be read while it is written.
type sink struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	fail error // returned, with nothing written, while set
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	return s.buf.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func open(t *testing.T, o Options) *Logger {
	t.Helper()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func shut(t *testing.T, l *Logger) {
	t.Helper()
	if err := l.Close(5 * time.Second); err != nil {
		t.Fatal("close:", err)
	}
}

func TestLineFormat(t *testing.T) {
	pid := fmt.Sprintf("[%d] ", os.Getpid())
	stamp := `\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} `
	for _, c := range []struct {
		name string
		o    Options
		log  func(*Logger)
		want string // a regular expression for the whole output
	}{
		{"info", Options{Time: true}, func(l *Logger) { l.Infof("a %d", 1) }, stamp + `\[INF\] a 1\n`},
		{"warn", Options{Time: true}, func(l *Logger) { l.Warnf("a") }, stamp + `\[WRN\] a\n`},
		{"error", Options{Time: true}, func(l *Logger) { l.Errorf("a") }, stamp + `\[ERR\] a\n`},
		{"fatal", Options{Time: true}, func(l *Logger) { l.Fatalf("a") }, stamp + `\[FTL\] a\n`},
		{"debug", Options{Time: true, Debug: true}, func(l *Logger) { l.Debugf("a") }, stamp + `\[DBG\] a\n`},
		{"trace", Options{Time: true, Trace: true}, func(l *Logger) { l.Tracef("a") }, stamp + `\[TRC\] a\n`},
		{"no time", Options{}, func(l *Logger) { l.Infof("a") }, `\[INF\] a\n`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := new(sink)
			c.o.Output = out
			l := open(t, c.o)
			c.log(l)
			shut(t, l)
			got := out.String()
			want := "^" + regexp.QuoteMeta(pid) + c.want + "$"
			if !regexp.MustCompile(want).MatchString(got) {
				t.Fatalf("got %q, want %s", got, want)
			}
		})
	}
}

func TestControlCharactersAreEscaped(t *testing.T) {
	got := string(appendSafe([]byte("> "), []byte("a\r\nb\x1b[2J\tc\u009b\u00a0\x7fé\xc2")))
	if want := `> a\x0d\x0ab\x1b[2J` + "\tc" + `\xc2` + "\x9b\u00a0" + `\x7fé` + "\xc2"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestColours(t *testing.T) {
	l := &style{labels: &colouredLabels}
	if got := string(l.appendLine(nil, Warn, []byte("a"))); got != "[\x1b[0;93mWRN\x1b[0m] a\n" {
		t.Fatalf("got %q", got)
	}
}

func TestTimeZone(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	time.Local = time.FixedZone("far", 11*3600)
	at := func(utc bool) time.Time {
		line := (&style{labels: &labels, time: true, utc: utc}).appendLine(nil, Info, nil)
		when, err := time.Parse("2006/01/02 15:04:05.000000", string(line[:26]))
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	if d := at(false).Sub(at(true)).Round(time.Minute); d != 11*time.Hour {
		t.Fatalf("local time is %v ahead of UTC, want 11h", d)
	}
}

func TestLevelsOff(t *testing.T) {
	out := new(sink)
	l := open(t, Options{Output: out})
	if l.DebugOn() || l.TraceOn() {
		t.Fatal("debug and trace must be off")
	}
	l.Debugf("no")
	l.Tracef("no")
	l.Limited(Debug, "k", "no")
	l.SetLevels(true, true)
	if !l.DebugOn() || !l.TraceOn() {
		t.Fatal("debug and trace must be on")
	}
	l.Debugf("yes")
	shut(t, l)
	if got := out.String(); strings.Contains(got, "no") || !strings.Contains(got, "yes") {
		t.Fatalf("got %q", got)
	}
}

func TestDiscard(t *testing.T) {
	l := Discard()
	l.SetLevels(true, true)
	if l.DebugOn() || l.TraceOn() {
		t.Fatal("a discarded trace must not be made")
	}
	l.Infof("a")
	l.Limited(Warn, "k", "a")
	if err := l.Reopen("x"); !errors.Is(err, errNotFile) {
		t.Fatal(err)
	}
	shut(t, l)
}

// A pipe nobody reads takes 64 KB; everything after that must cost the caller
// nothing but the lines.
func TestFullPipeBlocksNobody(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{Output: w})
	const lines = 40_000
	var worst time.Duration
	for i := range lines {
		begin := time.Now()
		l.Infof("line %d of many, long enough to fill the pipe and the queue soon", i)
		worst = max(worst, time.Since(begin))
	}
	if worst > time.Second {
		t.Errorf("a caller waited %v", worst)
	}
	if err := l.Close(50 * time.Millisecond); !errors.Is(err, errBlocked) {
		t.Fatalf("close of a blocked log: %v", err)
	}
	// Now somebody reads: every line is there or counted.
	read := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		read <- string(all)
	}()
	shut(t, l)
	w.Close()
	all := <-read
	_, told, _ := strings.Cut(all, "[WRN] ")
	var dropped int
	if _, err := fmt.Sscanf(told, "%d log lines were dropped", &dropped); err != nil {
		t.Fatal("no line says how many were dropped:", err)
	}
	if written := strings.Count(all, "[INF]"); written+dropped != lines || written < 1000 {
		t.Fatalf("%d written and %d dropped of %d", written, dropped, lines)
	}
}

func TestFatalLineFindsRoom(t *testing.T) {
	r, w := io.Pipe()
	l := open(t, Options{Output: w})
	for range 40_000 {
		l.Infof("a line long enough to fill the queue soon, or a little later than that")
	}
	l.Fatalf("the end")
	go l.Close(5 * time.Second)
	go func() { <-l.queue.done; w.Close() }()
	if all, _ := io.ReadAll(r); !bytes.Contains(all, []byte("[FTL] the end")) {
		t.Fatal("the fatal line was dropped")
	}
}

func TestFailedWritesAreCounted(t *testing.T) {
	out := &sink{fail: errors.New("disk full")}
	l := open(t, Options{Output: out})
	l.Infof("a")
	l.Infof("b")
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		l.queue.mu.Lock()
		n := l.queue.dropped
		l.queue.mu.Unlock()
		if n == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lines counted, want 2", n)
		}
	}
	out.mu.Lock()
	out.fail = nil
	out.mu.Unlock()
	l.Infof("c")
	shut(t, l)
	if got := out.String(); !strings.Contains(got, "2 log lines were dropped") || !strings.Contains(got, "] c\n") {
		t.Fatalf("got %q", got)
	}
}

func TestFileModeAndReopen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.log")
	l := open(t, Options{File: name})
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	l.Infof("before")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(name); err != nil {
		t.Fatal(err)
	}
	l.Infof("after")
	shut(t, l)
	for file, want := range map[string]string{name + ".1": "before", name: "after"} {
		b, err := os.ReadFile(file)
		if err != nil || !strings.HasSuffix(string(b), want+"\n") || strings.Count(string(b), "\n") != 1 {
			t.Errorf("%s: %q, %v", file, b, err)
		}
	}
	if err := l.Reopen(name); !errors.Is(err, errClosed) {
		t.Fatal("reopen of a closed log:", err)
	}
	if err := l.Reopen(filepath.Join(name, "no", "such")); err == nil {
		t.Fatal("a file that cannot be opened must be an error")
	}
	if _, err := New(Options{File: filepath.Join(name, "x")}); err == nil {
		t.Fatal("a file that cannot be opened must be an error")
	}
}

func TestLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := new(sink)
		l := open(t, Options{Output: out})
		defer shut(t, l)
		said := func(want ...string) {
			t.Helper()
			synctest.Wait()
			got := out.String()
			if strings.Count(got, "\n") != len(want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			for i, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
				if i < len(want) && !strings.HasSuffix(line, "] "+want[i]) {
					t.Fatalf("line %d is %q, want %q", i, line, want[i])
				}
			}
		}
		time.Sleep(500 * time.Millisecond) // the sweep is now out of step with the lines
		for range 38 {
			l.Limited(Warn, "full", "no room for %d", 7)
		}
		l.Limited(Warn, "other", "other")
		said("no room for 7", "other")
		time.Sleep(1600 * time.Millisecond)
		said("no room for 7", "other", "no room for 7 (37 similar suppressed)")
		l.Limited(Warn, "full", "no room for %d", 8) // the line with the count began a new second
		said("no room for 7", "other", "no room for 7 (37 similar suppressed)")
		time.Sleep(3 * time.Second)
		l.Limited(Warn, "full", "no room for %d", 9)
		said("no room for 7", "other", "no room for 7 (37 similar suppressed)", "no room for 7 (1 similar suppressed)", "no room for 9")
	})
}

func TestLimitedCountSurvivesClose(t *testing.T) {
	out := new(sink)
	l := open(t, Options{Output: out})
	for range 3 {
		l.Limited(Error, "k", "bad")
	}
	shut(t, l)
	if got := out.String(); !strings.Contains(got, "[ERR] bad (2 similar suppressed)\n") {
		t.Fatalf("got %q", got)
	}
}

func TestLimitedKeysAreBounded(t *testing.T) {
	out := new(sink)
	l := open(t, Options{Output: out})
	for i := range repeatKeysMax + 100 {
		l.Limited(Warn, fmt.Sprint(i), "a")
	}
	l.repeat.mu.Lock()
	keys := len(l.repeat.seen)
	l.repeat.mu.Unlock()
	shut(t, l)
	if keys > repeatKeysMax+1 {
		t.Fatalf("%d keys remembered", keys)
	}
	if got := out.String(); !strings.Contains(got, "(99 similar suppressed)") {
		t.Fatal("lines beyond the bound must be counted")
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"hello", 0, `"hello"`},
		{"hello", 5, `"hello"`},
		{"hello", 4, `"hell..."`},
		{"a\r\n\"\x00é\xff", 0, `"a\r\n\"\x00é\xff"`},
		{"", 3, `""`},
	} {
		if got := string(QuoteMax([]byte("x "), []byte(c.in), c.max)); got != "x "+c.want {
			t.Errorf("%q cut at %d: got %s, want x %s", c.in, c.max, got, c.want)
		}
	}
	if got := string(Quote(nil, []byte("a\n"))); got != `"a\n"` {
		t.Errorf("got %s", got)
	}
}

// Many callers, one writer: no line is torn and none is lost.
func TestConcurrentLinesStayWhole(t *testing.T) {
	out := new(sink)
	l := open(t, Options{Output: out})
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := range 200 {
				l.Infof("caller %d line %d end", c, i)
			}
		})
	}
	callers.Wait()
	shut(t, l)
	whole := regexp.MustCompile(`(?m)^\[\d+\] \[INF\] caller \d line \d+ end$`)
	if n := len(whole.FindAllString(out.String(), -1)); n != 1600 {
		t.Fatalf("%d whole lines, want 1600", n)
	}
}

func BenchmarkInfof(b *testing.B) {
	l, err := New(Options{Output: io.Discard, Time: true})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close(time.Second)
	b.ReportAllocs()
	for i := range b.N {
		l.Infof("client %d connected", i)
	}
}

func TestShowQuotesWhatCannotBePrinted(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "foo.*.>": "foo.*.>", `{"a":"b c"}`: `{"a":"b c"}`, "grüße": "grüße",
		"a\nb": `"a\nb"`, "\x1b[2J": `"\x1b[2J"`, "\xff": `"\xff"`, "a\u0085": `"a\u0085"`, "\u202ex": `"\u202ex"`, "\ufffd": "\ufffd",
	} {
		if got := string(Show(nil, []byte(in))); got != want {
			t.Errorf("Show(%q) = %s, want %s", in, got, want)
		}
	}
}
