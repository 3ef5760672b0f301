package transcript

// Bytes as text and back: the escapes of a transcript.

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// repeatMin is the shortest run of one byte that is written as {b*N}: below
// it the run itself is easier to read.
const repeatMin = 64

// expandedMax bounds what one line may expand to, so that a typing error in
// a repeat count fails instead of eating the machine's memory.
const expandedMax = 64 << 20

var repeated = regexp.MustCompile(`^\{([^{}*"]+)\*([0-9]+)\}`)

// unescape turns the text of a transcript into the bytes it stands for.
func unescape(text string) ([]byte, error) {
	var out []byte
	for len(text) > 0 {
		if m := repeated.FindStringSubmatch(text); m != nil {
			unit, err := unescape(m[1])
			if err != nil {
				return nil, err
			}
			n, err := strconv.Atoi(m[2])
			if err != nil || n > expandedMax/len(unit) {
				return nil, fmt.Errorf("%s is more than %d bytes", m[0], expandedMax)
			}
			out = append(out, bytes.Repeat(unit, n)...)
			text = text[len(m[0]):]
			continue
		}
		if text[0] != '\\' {
			out = append(out, text[0])
			text = text[1:]
			continue
		}
		b, n, err := unescapeOne(text)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
		text = text[n:]
	}
	return out, nil
}

// unescapeOne reads the escape that text starts with and says how long it is.
func unescapeOne(text string) (b byte, length int, err error) {
	if len(text) < 2 {
		return 0, 0, fmt.Errorf(`a lone \ at the end of the line; write \\`)
	}
	switch text[1] {
	case 'r':
		return '\r', 2, nil
	case 'n':
		return '\n', 2, nil
	case 't':
		return '\t', 2, nil
	case '0':
		return 0, 2, nil
	case '\\':
		return '\\', 2, nil
	case 'x':
		if len(text) >= 4 {
			if v, err := strconv.ParseUint(text[2:4], 16, 8); err == nil {
				return byte(v), 4, nil
			}
		}
		return 0, 0, fmt.Errorf(`\x needs two hexadecimal digits`)
	}
	return 0, 0, fmt.Errorf(`unknown escape \%c; there are \r \n \t \0 \\ \xHH`, text[1])
}

// escape is the inverse of unescape, with long runs of one byte folded.
func escape(data []byte) string {
	var out strings.Builder
	for at := 0; at < len(data); {
		run := 1
		for at+run < len(data) && data[at+run] == data[at] {
			run++
		}
		unit := escapeOne(data[at])
		foldable := !strings.ContainsAny(unit, `{}*"`)
		if run >= repeatMin && foldable {
			fmt.Fprintf(&out, "{%s*%d}", unit, run)
			at += run
			continue
		}
		out.WriteString(unit)
		at++
	}
	return out.String()
}

func escapeOne(b byte) string {
	switch b {
	case '\r':
		return `\r`
	case '\n':
		return `\n`
	case '\t':
		return `\t`
	case 0:
		return `\0`
	case '\\':
		return `\\`
	}
	if b < ' ' || b > '~' {
		return fmt.Sprintf(`\x%02x`, b)
	}
	return string(b)
}

// splitPayload cuts a line of a transcript at its " | ".
func splitPayload(text string) (line, payload string, has bool) {
	if line, payload, has = strings.Cut(text, " | "); has {
		return line, payload, true
	}
	if line, has = strings.CutSuffix(text, " |"); has {
		return line, "", true
	}
	return text, "", false
}

// Escape returns bytes as they are written in a transcript.
func Escape(data []byte) string { return escape(data) }
