package logging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/syslog"
	"net/url"
	"syscall"
)

// syslogTag is the program's name in the system's log.
const syslogTag = "gnatsd-ev"

// openSyslog opens the log of this system, or of the one at address: udp://host:port, tcp://host:port,
// unix:///path.
func openSyslog(address string) (io.Writer, error) {
	network, at := "", ""
	if address != "" {
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("address of the remote syslog: %w", err)
		}
		switch u.Scheme {
		case "udp", "tcp":
			network, at = u.Scheme, u.Host
		case "unix":
			network, at = u.Scheme, u.Path
		default:
			return nil, fmt.Errorf("address of the remote syslog %q: udp://host:port, tcp://host:port or unix:///path is wanted", address)
		}
	}
	const priority = syslog.LOG_DAEMON | syslog.LOG_NOTICE
	w, err := syslog.Dial(network, at, priority, syslogTag)
	if errors.Is(err, syscall.EPROTOTYPE) { // most systems' sockets are of datagrams
		w, err = syslog.Dial("unixgram", at, priority, syslogTag)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to syslog: %w", err)
	}
	return &sysWriter{w}, nil
}

// A sysWriter takes lines with their level as first byte; the system adds time and process.
type sysWriter struct{ w *syslog.Writer }

func (s *sysWriter) close() { s.w.Close() }

// Write sends each line by its level, as nats-server's SysLogger does.
func (s *sysWriter) Write(lines []byte) (n int, err error) {
	for n < len(lines) {
		end := n + bytes.IndexByte(lines[n:], '\n')
		if err := s.send(Level(lines[n]), string(lines[n+1:end])); err != nil {
			return n, err
		}
		n = end + 1
	}
	return n, nil
}

func (s *sysWriter) send(level Level, text string) error {
	switch level {
	case Warn:
		return s.w.Warning(text)
	case Error:
		return s.w.Err(text)
	case Fatal:
		return s.w.Crit(text)
	case Debug:
		return s.w.Debug(text)
	}
	return s.w.Notice(text)
}
