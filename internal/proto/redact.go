package proto

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// secretNames are the fields of CONNECT whose values must not reach a log.
var secretNames = []string{"pass", "auth_token", "sig", "nkey", "jwt", "proxy_sig"}

// secretField is such a field, its name as clients spell it. A value that is cut off, and an object or array where a
// string should be, is hidden to the end of the text.
var secretField = regexp.MustCompile(`(?is)"(` + strings.Join(secretNames, "|") + `)"\s*:\s*("(?:[^"\\]|\\.)*("|$)|[{[].*|[^",}\s]+)`)

// secretValue is what such a value is, from its beginning.
var secretValue = regexp.MustCompile(`(?s)^\s*:\s*("(?:[^"\\]|\\.)*("|$)|[{[].*|[^",}\s]+)`)

// Redact returns the JSON of a CONNECT with the values of secrets replaced, for
// a trace. It does not change text.
func Redact(text []byte) []byte {
	text = secretField.ReplaceAll(text, []byte(`"$1":"[REDACTED]"`))
	if bytes.IndexByte(text, '\\') < 0 && !slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf }) {
		return text
	}
	return redactSpelled(text)
}

// redactSpelled is for names that are written with escapes, or with the two letters outside of ASCII that JSON
// takes for s and k.
func redactSpelled(text []byte) []byte {
	var out []byte
	for {
		at := bytes.IndexByte(text, '"')
		if at < 0 {
			return append(out, text...)
		}
		end := stringEnd(text, at)
		out = append(out, text[:end]...)
		word := text[at:end]
		text = text[end:]
		if value := secretValue.Find(text); value != nil && secret(word) {
			out = append(out, `:"[REDACTED]"`...)
			text = text[len(value):]
		}
	}
}

// stringEnd returns where the string that begins at a place ends: behind its quote, or with the text.
func stringEnd(text []byte, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '"':
			return at + 1
		case '\\':
			at++
		}
	}
	return len(text)
}

// secret reports whether a quoted name is one of secretNames as encoding/json reads names. What it cannot read may
// be one.
func secret(quoted []byte) bool {
	var name string
	if json.Unmarshal(quoted, &name) != nil {
		return true
	}
	return slices.ContainsFunc(secretNames, func(s string) bool { return strings.EqualFold(s, name) })
}
