package logging

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// An Outlet is where lines go, and how they look there. It belongs to the writer goroutine of the
// log that is given it.
type Outlet struct {
	style style
	out   io.Writer
	file  *os.File // out if it is ours to close, else nil
	rotation
}

// A style is how lines look. It never changes.
type style struct {
	pid    string
	time   bool
	utc    bool
	syslog bool // lines are their level and their text: the system says the rest
	labels *[len(labels)]string
}

// Open opens where the options say that lines go. The error is that of opening the file, or of reaching
// syslog.
func Open(o Options) (*Outlet, error) {
	at := &Outlet{out: o.Output, style: style{
		pid: "[" + strconv.Itoa(os.Getpid()) + "] ", time: o.Time, utc: o.UTC, labels: &labels,
	}}
	if at.out == nil {
		at.out = os.Stderr
	}
	switch {
	case o.File != "":
		f, err := openFile(o.File)
		if err != nil {
			return nil, fmt.Errorf("opening the log file: %w", err)
		}
		at.out, at.file = f, f
		at.rotation = rotation{limit: o.SizeLimit, keep: o.FilesMax}
		at.restart(f)
	case o.Syslog || o.RemoteSyslog != "":
		w, err := openSyslog(o.RemoteSyslog)
		if err != nil {
			return nil, err
		}
		at.out, at.style.syslog = w, true
	case os.Getenv("NO_COLOR") == "" && isTerminal(at.out):
		at.style.labels = &colouredLabels
	}
	return at, nil
}

// Close gives up an outlet that no log was given, or that it has left.
func (at *Outlet) Close() {
	switch w := at.out.(type) {
	case *sysWriter:
		w.close()
	case *os.File:
		if at.file != nil {
			w.Close()
		}
	}
}

// Switch has lines go elsewhere: those from before still go where they went. It waits for the writer, at most
// switchWait; on an error the writer is blocked, or the log closed, and lines will go there when it is not.
func (l *Logger) Switch(at *Outlet) error {
	q := l.queue
	if q == nil {
		at.Close()
		return errClosed
	}
	return q.turn(&turn{outlet: at}, func() {
		q.style = &at.style
		l.style.Store(q.style)
	})
}

// isTerminal says whether out is a character device, nats-server's rule for colours.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// appendLine appends one whole line, with its line feed.
func (s *style) appendLine(dst []byte, level Level, text []byte) []byte {
	if s.syslog {
		return append(appendSafe(append(dst, byte(level)), text), '\n')
	}
	dst = append(dst, s.pid...)
	if s.time {
		now := time.Now()
		if s.utc {
			now = now.UTC()
		}
		dst = now.AppendFormat(dst, "2006/01/02 15:04:05.000000 ")
	}
	dst = append(dst, s.labels[level]...)
	dst = appendSafe(dst, text)
	return append(dst, '\n')
}
