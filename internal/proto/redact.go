package proto

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// secretFields are the fields of CONNECT whose values must not reach a log.
var secretFields = []string{"pass", "auth_token", "sig", "nkey", "jwt", "proxy_sig"}

// secretWord is where one of them may begin in what is no JSON, however that is quoted. A name may be written with escapes,
// and is then not looked at.
var secretWord = regexp.MustCompile(`(?i)(?:` + strings.Join(secretFields, "|") + `)["']?\s*:?|\\u`)

const redacted = `"[REDACTED]"`

// Redact returns the JSON of a CONNECT with the values of secrets replaced, for
// a trace. It does not change text. What is no JSON ends where a secret may begin.
func Redact(text []byte) []byte {
	if !json.Valid(text) {
		if at := secretWord.FindIndex(text); at != nil {
			return append(text[:at[1]:at[1]], redacted...)
		}
		return text
	}
	var out []byte
	for {
		n := stringEnd(text)
		if n < 0 {
			return append(out, text...)
		}
		name := text[bytes.IndexByte(text, '"'):n]
		out, text = append(out, text[:n]...), text[n:]
		value, isName := bytes.CutPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte(":"))
		if !isName || !secretName(name) {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(value))
		var whole json.RawMessage
		if d.Decode(&whole) != nil {
			return append(out, ":"+redacted...) // not in JSON that is valid
		}
		out, text = append(out, ":"+redacted...), value[d.InputOffset():]
	}
}

// stringEnd returns where the first string of a text that is JSON ends, or -1.
func stringEnd(text []byte) int {
	at := bytes.IndexByte(text, '"')
	if at < 0 {
		return -1
	}
	for at++; text[at] != '"'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// secretName reports whether encoding/json takes a name for one of a secret's: it unescapes names, and
// looks at no case.
func secretName(quoted []byte) bool {
	var name string
	if json.Unmarshal(quoted, &name) != nil {
		return true // not in JSON that is valid
	}
	for _, secret := range secretFields {
		if strings.EqualFold(name, secret) {
			return true
		}
	}
	return false
}
