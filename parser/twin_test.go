package parser

import (
	"regexp"
	"strconv"
	"strings"
)

// The naive twin: the grammar once more, with regular expressions over a whole
// stream, too slow to serve and too simple to be wrong in the same way.

var (
	twinWord     = regexp.MustCompile(`(?is)^(pub|hpub|sub|unsub|-err)[ \t]|^(connect|info|ping|pong|\+ok)`)
	twinWordPart = regexp.MustCompile(`(?is)^(p(ub?)?|h(p(ub?)?)?|s(ub?)?|u(n(s(ub?)?)?)?|-(e(rr?)?)?|` +
		`c(o(n(n(ec?)?)?)?)?|i(nf?)?|p(in?|on?)|\+o?)$`)
	twinSize = regexp.MustCompile(`^[0-9]{1,9}$`)
)

func twinBlank(r rune) bool { return r == ' ' || r == '\t' }

// twinOutcome parses a stream that has arrived as a whole.
func twinOutcome(in string) outcome {
	var ops []string
	for in != "" {
		op, rest, kind := twinNext(in)
		if kind != 0 {
			return outcome{strings.Join(ops, "; "), kind, texts[kind], -1}
		}
		if op == "" {
			break
		}
		ops, in = append(ops, op), rest
	}
	return outcome{strings.Join(ops, "; "), 0, "", len(in)}
}

// twinNext returns the first operation as describe writes it and what is behind it; "" when there is none yet.
func twinNext(in string) (op, rest string, kind ErrorKind) {
	plain := ascii(in)
	word := twinWord.FindString(plain)
	if word == "" {
		if twinWordPart.MatchString(plain) || twinWord.MatchString(plain+" ") {
			return "", in, 0
		}
		return "", in, UnknownOperation
	}
	verb := strings.ToUpper(strings.TrimRight(word, " \t"))
	behind := in[len(verb):]
	args := behind
	if verb != "PING" && verb != "PONG" && verb != "+OK" {
		args = strings.TrimLeft(behind, " \t")
	}
	if len(behind)-len(args) > vectorLineMax {
		return "", in, ControlLineTooLong
	}
	line, rest, whole := strings.Cut(args, "\n")
	if line = strings.TrimSuffix(line, "\r"); len(line) > vectorLineMax {
		return "", in, ControlLineTooLong
	}
	if !whole {
		return "", in, 0
	}
	switch verb {
	case "PING", "PONG", "+OK":
		return verb, rest, 0
	case "CONNECT", "INFO", "-ERR":
		if line != "" {
			line = " a=" + line
		}
		return verb + line, rest, 0
	}
	if strings.ContainsRune(line, '\r') {
		return "", in, UnknownOperation
	}
	fields := strings.FieldsFunc(line, twinBlank)
	if verb == "PUB" || verb == "HPUB" {
		return twinPublish(verb, fields, in, rest)
	}
	return twinSubscribe(verb, fields, in, rest)
}

func twinSubscribe(verb string, fields []string, in, rest string) (string, string, ErrorKind) {
	switch count := len(fields); {
	case verb == "SUB" && count == 2:
		return "SUB s=" + fields[0] + " i=" + fields[1], rest, 0
	case verb == "SUB" && count == 3:
		return "SUB s=" + fields[0] + " q=" + fields[1] + " i=" + fields[2], rest, 0
	case verb == "UNSUB" && count == 1:
		return "UNSUB i=" + fields[0], rest, 0
	case verb == "UNSUB" && count == 2:
		op := "UNSUB i=" + fields[0]
		if most, err := strconv.Atoi(fields[1]); err == nil && most > 0 && twinSize.MatchString(fields[1]) {
			op += " m=" + strconv.Itoa(most)
		}
		return op, rest, 0
	}
	return "", in, BadArguments
}

func twinPublish(verb string, fields []string, in, rest string) (string, string, ErrorKind) {
	sizes := 1
	if verb == "HPUB" {
		sizes = 2
	}
	names := len(fields) - sizes
	if names != 1 && names != 2 {
		return "", in, BadArguments
	}
	for _, size := range fields[names:] {
		if !twinSize.MatchString(size) {
			return "", in, BadArguments
		}
	}
	total, _ := strconv.Atoi(fields[len(fields)-1])
	header, _ := strconv.Atoi(fields[names])
	switch {
	case header > total:
		return "", in, BadArguments
	case total > vectorPayloadMax:
		return "", in, PayloadTooLarge
	case len(rest) > total && rest[total] != '\r', len(rest) > total+1 && rest[total+1] != '\n':
		return "", in, UnknownOperation
	case len(rest) < total+2:
		return "", in, 0
	}
	op := verb + " s=" + fields[0]
	if names == 2 {
		op += " r=" + fields[1]
	}
	if verb == "HPUB" && header > 0 {
		op += " h=" + strconv.Itoa(header)
	}
	return op + " p=" + rest[:total], rest[total+2:], 0
}

// ascii has a byte that is in no word for each outside of ASCII, where there are other letters that are an S in capitals.
func ascii(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 0x80 {
			b[i] = 0
		}
	}
	return string(b)
}
