package logging

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// stamped is what nats-server puts behind the name of a file it puts aside.
var stamped = regexp.MustCompile(`^log\.\d{4}\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d\.\d{9}$`)

// aside returns the texts of the files put aside in dir, oldest first.
func aside(t *testing.T, dir string) (texts []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if stamped.MatchString(e.Name()) {
			b, _ := os.ReadFile(filepath.Join(dir, e.Name()))
			texts = append(texts, string(b))
		}
	}
	return texts
}

// logThrough writes n lines one by one: each is in its file before the next comes.
func logThrough(t *testing.T, l *Logger, name string, n int) {
	t.Helper()
	for i := range n {
		l.Infof("line %d of many", i)
		if err := l.Reopen(name); err != nil {
			t.Fatal(err)
		}
	}
}

// No line is lost or in two files, and each file is begun with a word about the one before.
func TestLargeLogsArePutAside(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "log")
	l := open(t, Options{File: name, SizeLimit: 400})
	logThrough(t, l, name, 100)
	shut(t, l)
	texts := aside(t, dir)
	if len(texts) < 5 {
		t.Fatalf("%d files were put aside", len(texts))
	}
	now, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(texts, "") + string(now)
	for i := range 100 {
		if n := strings.Count(all, fmt.Sprintf("[INF] line %d of many\n", i)); n != 1 {
			t.Errorf("line %d is there %d times", i, n)
		}
	}
	if n := strings.Count(all, `[INF] Rotated log, backup saved as "`+name+"."); n != len(texts) {
		t.Errorf("%d rotations are told of, and %d files are put aside", n, len(texts))
	}
}

// Files of other names stay.
func TestOldLogsArePurged(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "log")
	for _, other := range []string{"log.old", "log.2026", "other.2026.01.02.03.04.05.000000006"} {
		if err := os.WriteFile(filepath.Join(dir, other), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, Options{File: name, SizeLimit: 300, FilesMax: 3})
	logThrough(t, l, name, 60)
	shut(t, l)
	texts := aside(t, dir)
	now, _ := os.ReadFile(name)
	if len(texts) != 2 {
		t.Errorf("%d files are kept beside the one in use, want 2", len(texts))
	}
	if all := strings.Join(texts, "") + string(now); !strings.Contains(all, "line 59 of") || !strings.Contains(all, "[INF] Purged log file") {
		t.Errorf("what is kept is not the newest:\n%s", all)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1+2+3 {
		t.Errorf("files of others have gone: %v", entries)
	}
}

// A file from before counts with what is in it.
func TestALogThatIsTooLargeAlreadyIsPutAside(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(name, []byte(strings.Repeat("x", 500)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{File: name, SizeLimit: 400})
	l.Infof("the first line")
	shut(t, l)
	now, _ := os.ReadFile(name)
	texts := aside(t, filepath.Dir(name))
	if len(texts) != 1 || !strings.HasPrefix(texts[0], "xxx") || strings.Count(texts[0]+string(now), "the first line") != 1 {
		t.Errorf("put aside were %q, and in use is %q", texts, now)
	}
}

// Where the file cannot be put aside lines go on in it.
func TestALogThatCannotRotateGoesOn(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may rename anything: the name of the log is made one that nothing can be renamed from")
	}
	dir := filepath.Join(t.TempDir(), "gone")
	name := filepath.Join(dir, "log")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{File: name, SizeLimit: 100})
	kept, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		l.Infof("a line that is written though the directory is gone")
	}
	shut(t, l)
	b := make([]byte, 4096)
	n, _ := kept.Read(b)
	if text := string(b[:n]); strings.Count(text, "a line that") != 5 || !strings.Contains(text, "[ERR] Unable to rotate the log (rename ") {
		t.Errorf("the file holds:\n%s", text)
	}
}
