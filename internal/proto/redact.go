package proto

import "regexp"

// secretField is a field of CONNECT whose value must not reach a log. A value
// that is cut off or not a string is hidden to the end of the text.
var secretField = regexp.MustCompile(`(?i)"(pass|auth_token|sig|nkey|jwt|proxy_sig)"\s*:\s*("(?:[^"\\]|\\.)*("|$)|[^",}\s]+)`)

// Redact returns the JSON of a CONNECT with the values of secrets replaced, for
// a trace. It does not change text.
func Redact(text []byte) []byte {
	return secretField.ReplaceAll(text, []byte(`"$1":"[REDACTED]"`))
}
