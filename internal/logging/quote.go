package logging

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Quote appends b as a quoted string with everything unprintable escaped, as
// %q does. Text that came from the network goes to the log only this way.
func Quote(dst, b []byte) []byte {
	return strconv.AppendQuote(dst, string(b))
}

// Show appends b as it is if every character of it can be printed, and quoted
// if not: the lines read as nats-server's, and none of them can be forged.
func Show(dst, b []byte) []byte {
	for rest := b; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size < 2 || !unicode.IsPrint(r) {
			return Quote(dst, b)
		}
		rest = rest[size:]
	}
	return append(dst, b...)
}

// QuoteMax is Quote for at most max bytes of b; what is cut off is shown by
// three dots before the closing quote, as nats-server traces payloads.
// max <= 0 means no limit.
func QuoteMax(dst, b []byte, max int) []byte {
	if max <= 0 || len(b) <= max {
		return Quote(dst, b)
	}
	dst = Quote(dst, b[:max])
	return append(dst[:len(dst)-1], `..."`...)
}

// appendSafe appends text with control characters escaped as \xNN: line feeds
// would forge lines, escape sequences would steer the reader's terminal. Tabs
// stay.
func appendSafe(dst, text []byte) []byte {
	done := 0
	for i, c := range text {
		if !isControl(text, i) {
			continue
		}
		dst = append(dst, text[done:i]...)
		dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		done = i + 1
	}
	return append(dst, text[done:]...)
}

const hexDigits = "0123456789abcdef"

// isControl says whether text[i] is a C0 control, DEL, or the first byte of a
// C1 control in UTF-8 (0xc2 0x80 to 0xc2 0x9f; U+009B opens an escape sequence).
func isControl(text []byte, i int) bool {
	switch c := text[i]; {
	case c == '\t':
		return false
	case c < 0x20, c == 0x7f:
		return true
	case c == 0xc2:
		return i+1 < len(text) && text[i+1] >= 0x80 && text[i+1] < 0xa0
	}
	return false
}
