package logging

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// While many log, the log moves from a file to another and to what is not a file, and looks otherwise: each line
// comes once, in its order, where lines went when it came, and as lines looked there.
func TestLinesGoWhereTheLogHasSwitchedTo(t *testing.T) {
	const writers, each = 4, 200
	dir := t.TempDir()
	out := new(sink)
	l := open(t, Options{Output: out, Time: true})
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				l.Infof("%d %d", w, i)
			}
		})
	}
	files := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	for i, name := range files {
		at, err := Open(Options{File: name, Time: i == 0})
		if err != nil {
			t.Fatal(err)
		}
		l.Infof("to %s", name)
		if err := l.Switch(at); err != nil {
			t.Fatal(err)
		}
		l.Infof("in %s", name)
	}
	all.Wait()
	shut(t, l)
	texts := []string{out.String()}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	for i, name := range files {
		if !strings.HasSuffix(lastLine(texts[i]), "to "+name) && !strings.Contains(texts[i], "to "+name+"\n") || !strings.Contains(texts[i+1], "in "+name+"\n") {
			t.Errorf("the lines around the switch to %s went elsewhere:\n%s\n%s", name, texts[i], texts[i+1])
		}
	}
	for line := range strings.Lines(texts[2]) {
		if !strings.Contains(line, "] [INF] ") {
			t.Errorf("%s has a line that looks as before: %s", files[1], line)
		}
	}
	whole := strings.Join(texts, "")
	for w := range writers {
		at := 0
		for i := range each {
			next := strings.Index(whole[at:], fmt.Sprintf("[INF] %d %d\n", w, i))
			if next < 0 {
				t.Fatalf("the line %d %d is not behind the one before it", w, i)
			}
			at += next
		}
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

// What cannot be opened changes nothing, and a closed log takes no outlet.
func TestASwitchThatCannotBe(t *testing.T) {
	out := new(sink)
	l := open(t, Options{Output: out})
	if _, err := Open(Options{File: filepath.Join(t.TempDir(), "no", "where")}); err == nil {
		t.Error("a file in no directory is opened")
	}
	shut(t, l)
	at, err := Open(Options{File: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Switch(at); err != errClosed {
		t.Errorf("a closed log switches: %v", err)
	}
	if _, err := at.file.Write([]byte("x")); err == nil {
		t.Error("the outlet was left open")
	}
}
