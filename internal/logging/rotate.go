package logging

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Rotation: a log file that has grown beyond its limit gets a name with the time behind, and lines
// go on in a new one. Names and lines are nats-server's (server/log.go, logger/log.go), so that
// what cleans up after it does after us.

// rotation is what the writer knows of it. Writer goroutine only.
type rotation struct {
	limit int64 // bytes, 0: none
	at    int64 // rotate beyond this: limit, or more after a failure
	keep  int   // files kept with the one in use, 0: all
	size  int64 // of the file in use
}

// stampOf is the name of a file put aside at a time.
func stampOf(name string, now time.Time) string {
	return fmt.Sprintf("%s.%s.%09d", name, now.Format("2006.01.02.15.04.05"), now.Nanosecond())
}

// restart begins with a file, which may have lines from before.
func (r *rotation) restart(file *os.File) {
	r.at, r.size = r.limit, 0
	if info, err := file.Stat(); err == nil {
		r.size = info.Size()
	}
}

// rotate puts the file in use aside if it is too large. It returns the lines to be said about it. When a new
// file cannot be had the old one stays in use, and is tried again at twice the size.
func (at *Outlet) rotate() (lines []byte) {
	r := &at.rotation
	if at.file == nil || r.limit == 0 || r.size <= r.at {
		return nil
	}
	name := at.file.Name()
	aside := stampOf(name, time.Now())
	fail := func(err error) []byte {
		r.at *= 2
		return at.style.appendLine(nil, Error, fmt.Appendf(nil, "Unable to rotate the log (%v), will attempt next rotation at size %d", err, r.at))
	}
	if err := os.Rename(name, aside); err != nil {
		return fail(err)
	}
	file, err := openFile(name)
	if err != nil {
		os.Rename(aside, name) // so that who looks for the log finds it
		return fail(err)
	}
	at.file.Close()
	at.out, at.file = file, file
	r.restart(file)
	lines = at.style.appendLine(nil, Info, fmt.Appendf(nil, "Rotated log, backup saved as %q", aside))
	for _, old := range r.surplus(name) {
		if err := os.Remove(old); err != nil {
			lines = at.style.appendLine(lines, Error, fmt.Appendf(nil, "Unable to remove an old log file: %v", err))
			continue
		}
		lines = at.style.appendLine(lines, Info, fmt.Appendf(nil, "Purged log file %q", old))
	}
	return lines
}

// surplus returns the files put aside that are too many, oldest first.
func (r *rotation) surplus(name string) []string {
	if r.keep == 0 {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(name)) // by name, and so by age
	if err != nil {
		return nil
	}
	var aside []string
	for _, e := range entries {
		stamp, ours := strings.CutPrefix(e.Name(), filepath.Base(name)+".")
		if _, err := time.Parse("2006.01.02.15.04.05.999999999", stamp); ours && err == nil && !e.IsDir() {
			aside = append(aside, filepath.Join(filepath.Dir(name), e.Name()))
		}
	}
	return aside[:max(0, len(aside)-(r.keep-1))]
}
