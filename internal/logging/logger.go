package logging

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"
)

// Level says how grave a line is.
type Level uint8

// The levels, each with the label nats-server gives it.
const (
	Info  Level = iota // INF: what an operator wants to see in normal life
	Warn               // WRN: odd, but handled
	Error              // ERR: something the operator should look at
	Fatal              // FTL: the process ends because of it
	Debug              // DBG: only with Options.Debug
	Trace              // TRC: only with Options.Trace
)

// labels holds what stands between the time and the text.
var labels = [...]string{Info: "[INF] ", Warn: "[WRN] ", Error: "[ERR] ", Fatal: "[FTL] ", Debug: "[DBG] ", Trace: "[TRC] "}

// colouredLabels is labels for a terminal, in nats-server's colours.
var colouredLabels = [...]string{
	Info:  "[\x1b[32mINF\x1b[0m] ",
	Warn:  "[\x1b[0;93mWRN\x1b[0m] ",
	Error: "[\x1b[31mERR\x1b[0m] ",
	Fatal: "[\x1b[31mFTL\x1b[0m] ",
	Debug: "[\x1b[36mDBG\x1b[0m] ",
	Trace: "[\x1b[33mTRC\x1b[0m] ",
}

// lineKeptMax is the largest line buffer that goes back to the pool: a trace
// of a big payload must not make every later line hold megabytes.
const lineKeptMax = 16 << 10

// Options says where lines go and what stands in them.
type Options struct {
	File   string    // path of the log file, created with mode 0640; empty: Output
	Output io.Writer // used when nothing else is; nil means standard error; never closed

	SizeLimit int64 // bytes of File beyond which it is put aside and begun anew; 0: never
	FilesMax  int   // files kept then, with the one in use; 0: all

	Syslog       bool   // write to the system's log, if File is empty
	RemoteSyslog string // to that of another, udp://host:port; goes before Syslog

	Time  bool // write the time
	UTC   bool // write the time in UTC and not in the local zone
	Debug bool // write Debug lines
	Trace bool // write Trace lines
}

// A Logger writes lines. All methods may be called by any goroutine and none
// of them blocks, but Close and Reopen.
type Logger struct {
	// Fixed by New.
	queue  *queue // nil: nothing is ever written (Discard)
	repeat repeats

	// Written by SetLevels, read everywhere.
	debug atomic.Bool
	trace atomic.Bool

	// Written by Switch, read everywhere.
	style atomic.Pointer[style]
}

// New opens the log and starts its writer goroutine, which ends with Close.
// The error is that of opening the file, or of reaching syslog.
func New(o Options) (*Logger, error) {
	at, err := Open(o)
	if err != nil {
		return nil, err
	}
	l := &Logger{queue: newQueue(at)}
	l.style.Store(&at.style)
	l.SetLevels(o.Debug, o.Trace)
	go l.write() // ends with Close
	return l, nil
}

// Discard returns a logger that writes nothing and has no goroutine; for tests.
func Discard() *Logger {
	return &Logger{}
}

// SetLevels turns Debug and Trace lines on or off, as a reload does.
func (l *Logger) SetLevels(debug, trace bool) {
	l.debug.Store(debug && l.queue != nil)
	l.trace.Store(trace && l.queue != nil)
}

// DebugOn says whether Debug lines are written. One atomic load: ask before
// making the arguments of Debugf on a hot path.
func (l *Logger) DebugOn() bool { return l.debug.Load() }

// TraceOn says whether Trace lines are written. One atomic load: ask before
// making the arguments of Tracef on a hot path.
func (l *Logger) TraceOn() bool { return l.trace.Load() }

// Infof writes an [INF] line; nats-server calls it a notice.
func (l *Logger) Infof(format string, v ...any) { l.logf(Info, format, v) }

// Warnf writes a [WRN] line.
func (l *Logger) Warnf(format string, v ...any) { l.logf(Warn, format, v) }

// Errorf writes an [ERR] line.
func (l *Logger) Errorf(format string, v ...any) { l.logf(Error, format, v) }

// Fatalf writes a [FTL] line. It does not end the process: the caller returns
// its error up to the program, which closes the log and exits.
func (l *Logger) Fatalf(format string, v ...any) { l.logf(Fatal, format, v) }

// Debugf writes a [DBG] line if Debug lines are on.
func (l *Logger) Debugf(format string, v ...any) {
	if l.DebugOn() {
		l.logf(Debug, format, v)
	}
}

// Tracef writes a [TRC] line if Trace lines are on.
func (l *Logger) Tracef(format string, v ...any) {
	if l.TraceOn() {
		l.logf(Trace, format, v)
	}
}

// on says whether lines of this level are written.
func (l *Logger) on(level Level) bool {
	switch {
	case l.queue == nil:
		return false
	case level == Debug:
		return l.DebugOn()
	case level == Trace:
		return l.TraceOn()
	}
	return true
}

// logf formats one line outside of any lock and queues it.
func (l *Logger) logf(level Level, format string, v []any) {
	if l.queue == nil {
		return
	}
	text := bytebufferpool.Get()
	text.B = fmt.Appendf(text.B, format, v...)
	l.line(level, text.B)
	recycle(text)
}

// line puts the head before the text and queues the whole.
func (l *Logger) line(level Level, text []byte) {
	room := queuedBytesMax
	if level == Fatal {
		room += fatalBytesMax
	}
	line := bytebufferpool.Get()
	for taken := false; !taken; { // until lines are made as they go now
		s := l.style.Load()
		line.B = s.appendLine(line.B[:0], level, text)
		taken = l.queue.add(line.B, room, s)
	}
	recycle(line)
}

// recycle gives a line buffer back, unless it grew out of proportion.
func recycle(b *bytebufferpool.ByteBuffer) {
	if cap(b.B) <= lineKeptMax {
		bytebufferpool.Put(b)
	}
}
