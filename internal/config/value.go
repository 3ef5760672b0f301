package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// durationMin is the finest time the timers of the loops can keep.
const durationMin = time.Millisecond

// errNotNumber, errNotDuration and so on say what a value should have looked
// like; they are malformed values, the fault of the command line.
var (
	errNotNumber   = malformed("a whole number is wanted")
	errNotSize     = malformed("a number with an optional suffix is wanted: k m g t (1000s) or kb mb gb tb (1024s)")
	errNotDuration = malformed(`a duration such as 500ms, 10s or 2m is wanted, or whole seconds`)
	errNotBool     = malformed("true or false is wanted")
	errNotAddress  = malformed("host:port is wanted, port 0 to 65535 or -1 for any")
)

// malformed is an error about how a value is written, not about its size.
type malformed string

func (e malformed) Error() string { return string(e) }

// sizeUnits are the suffixes of nats-server's configuration files.
var sizeUnits = map[string]int64{
	"":  1,
	"k": 1e3, "kb": 1 << 10, "ki": 1 << 10, "kib": 1 << 10,
	"m": 1e6, "mb": 1 << 20, "mi": 1 << 20, "mib": 1 << 20,
	"g": 1e9, "gb": 1 << 30, "gi": 1 << 30, "gib": 1 << 30,
	"t": 1e12, "tb": 1 << 40, "ti": 1 << 40, "tib": 1 << 40,
	"p": 1e15, "pb": 1 << 50, "pi": 1 << 50, "pib": 1 << 50,
	"e": 1e18, "eb": 1 << 60, "ei": 1 << 60, "eib": 1 << 60,
}

// parseSize reads a number as nats-server's configuration files write it.
func parseSize(s string) (int64, error) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool { return r != '-' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	unit, ok := sizeUnits[strings.ToLower(strings.TrimSpace(s[end:]))]
	if !ok {
		return 0, errNotSize
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("the number is too big")
	}
	if err != nil {
		return 0, errNotSize
	}
	if n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, errors.New("the number is too big")
	}
	return n * unit, nil
}

// parseSizeIn is parseSize for numbers of least to most. Zero means the
// default, as in nats-server.
func parseSizeIn(s string, least, most, otherwise int64) (int64, error) {
	n, err := parseSize(s)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return otherwise, nil
	case n < least || n > most:
		return 0, fmt.Errorf("allowed is %d to %d, or 0 for the default", least, most)
	}
	return n, nil
}

// parseDuration reads a duration, or whole seconds as old nats-server
// configurations have them. Zero means the default.
func parseDuration(s string, otherwise time.Duration) (time.Duration, error) {
	s = strings.TrimSpace(s)
	d, err := time.ParseDuration(s)
	if err != nil {
		seconds, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, errNotDuration
		}
		if seconds > math.MaxInt64/int64(time.Second) || seconds < math.MinInt64/int64(time.Second) {
			return 0, errors.New("the duration is too long")
		}
		d = time.Duration(seconds) * time.Second
	}
	switch {
	case d == 0:
		return otherwise, nil
	case d < durationMin:
		return 0, fmt.Errorf("allowed is %v or more, or 0 for the default", durationMin)
	}
	return d, nil
}

// parseInt reads a plain number, in any base Go writes.
func parseInt(s string) (int, error) {
	n, err := strconv.ParseInt(s, 0, strconv.IntSize)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("the number is too big")
	}
	if err != nil {
		return 0, errNotNumber
	}
	return int(n), nil
}

// parsePort reads a port; otherwise stands for 0.
func parsePort(s string, otherwise int) (int, error) {
	n, err := parseInt(s)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return otherwise, nil
	case n < RandomPort || n > math.MaxUint16:
		return 0, errors.New("allowed is 1 to 65535, or -1 for any free port")
	}
	return n, nil
}

// parseBool reads a boolean as Go's flags do.
func parseBool(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, errNotBool
	}
	return b, nil
}

// parseText takes a text that will stand in logs and in protocol lines.
func parseText(s string) (string, error) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", malformed("control characters are not allowed")
	}
	return s, nil
}

// parseName takes the name of a server.
func parseName(s string) (string, error) {
	if strings.Contains(s, " ") {
		return "", errors.New("server name cannot contain spaces")
	}
	return parseText(s)
}

// splitAddress reads host:port with a port, or with -1 for any free one.
func splitAddress(s string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, errNotAddress
	}
	port, err = strconv.Atoi(digits)
	if err != nil || port < RandomPort || port > math.MaxUint16 {
		return "", 0, errNotAddress
	}
	return host, port, nil
}

// parseAdvertise takes host[:port] as --client_advertise has it, and returns
// what nats-server makes of it: blanks around both do not count.
func parseAdvertise(s string) (string, error) {
	if s, err := parseText(s); err != nil || s == "" {
		return s, err
	}
	host, port, err := SplitAdvertised(s, DefaultPort)
	if err != nil || host == "" || port < RandomPort || port > math.MaxUint16 {
		return "", malformed("host or host:port is wanted")
	}
	return s, nil
}

// SplitAdvertised reads host[:port]. Without a port, and with 0 or -1, it is
// otherwise: the port that is bound.
func SplitAdvertised(s string, otherwise int) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		// Without a port: the same again with one must work.
		host, digits, err = net.SplitHostPort(s + ":0")
	}
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(strings.TrimSpace(digits))
	if port == 0 || port == RandomPort {
		port = otherwise
	}
	return strings.TrimSpace(host), port, err
}
