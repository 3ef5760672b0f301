package config

import (
	"regexp"
	"slices"
	"strings"
)

// What is secret in a configuration is found in its text, not in what was parsed: a
// file that does not parse has secrets too, and its lines are shown.

const (
	// redacted stands for what is secret.
	redacted = "[REDACTED]"

	// secretMin is the shortest secret looked for outside the place where it stands: shorter
	// ones are parts of ordinary words.
	secretMin = 4
)

// secretKeys are the names whose values are hidden, in all blocks nats-server has.
var secretKeys = []string{"pass", "password", "token", "auth_token", "jwt", "seed", "secret", "key", "xkey", "ek",
	"encryption_key", "prev_key", "prev_ek", "prev_encryption_key", "creds", "credentials"}

var (
	// secretURL is a name and password in a URL, secretSeed a private nkey, secretHash a bcrypt hash, secretPEM a
	// private key where the name of its file should be.
	secretURL  = regexp.MustCompile(`://([^\s"'@/]+)@`)
	secretSeed = regexp.MustCompile(`\b(S[A-Z][A-Z2-7]{56})\b`)
	secretHash = regexp.MustCompile(`(\$2[abxy]\$\d\d\$[./A-Za-z0-9]+)`)
	secretPEM  = regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z))`)

	// reference is a value that is the name of a variable.
	reference = regexp.MustCompile(`^["']?\$(\w+)\s*$`)
)

// A span is a part of a text, from a byte to before another.
type span struct{ from, to int }

// valuesOf finds the values of keys: behind a key, quoted or not, come blanks or a
// separator, and then a quoted text, a block, a list, or a word. What follows on the line up to the next
// separator is taken for more of it: somebody may have forgotten to quote.
func valuesOf(keys []string) *regexp.Regexp {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		// Keys may be any bytes, patterns only UTF-8; a dot stands for a byte that is none.
		quoted[i] = strings.ReplaceAll(regexp.QuoteMeta(strings.ToValidUTF8(k, "\uFFFD")), "\uFFFD", ".+?")
	}
	return regexp.MustCompile(`(?is)(?:^|[\s{\[(,;"'])(?:` + strings.Join(quoted, "|") + `)(?:["']?\s*[:=]\s*|["']?\s+|["'])` +
		`((?:"(?:[^"\\]|\\.)*(?:"|\z)|'[^']*(?:'|\z)|\([^)]*(?:\)|\z)|\[[^\]\n]*\]?|\{[^}\n]*\}?|[^\s,;\]}{\[("'][^\s,;\]}]*)(?:[ \t]*[^\s,;\]}#]+)*)`)
}

var knownSecrets = valuesOf(secretKeys)

// spans returns what is secret in the file, in order. hidden are values known to be.
func (f *source) spans(hidden []string) []span {
	if f.secrets != nil || f.text == "" {
		return f.secrets
	}
	finders := []*regexp.Regexp{knownSecrets, secretURL, secretSeed, secretHash, secretPEM}
	keys := slices.Clone(f.keys)
	for _, m := range knownSecrets.FindAllStringSubmatch(f.text, -1) {
		if v := reference.FindStringSubmatch(m[1]); v != nil {
			keys = append(keys, v[1])
		}
	}
	if len(keys) > 0 {
		finders = append(finders, valuesOf(keys))
	}
	all := []span{}
	for _, find := range finders {
		for _, m := range find.FindAllStringSubmatchIndex(f.text, -1) {
			all = append(all, span{m[2], m[3]})
		}
	}
	f.secrets = joined(append(all, places(f.text, hidden)...))
	return f.secrets
}

// places returns where values stand in a text. There may be a password for each of many thousand users, and
// all of them in the text: it is gone through once, not once for each.
func places(text string, values []string) []span {
	type start [secretMin]byte
	lengths := map[start][]int{} // of values that begin so
	known := map[string]bool{}
	for _, v := range values {
		if len(v) < secretMin || known[v] {
			continue
		}
		known[v] = true
		if s := start([]byte(v[:secretMin])); !slices.Contains(lengths[s], len(v)) {
			lengths[s] = append(lengths[s], len(v))
		}
	}
	var all []span
	for at := 0; len(known) > 0 && at+secretMin <= len(text); at++ {
		for _, n := range lengths[start([]byte(text[at:at+secretMin]))] {
			if at+n <= len(text) && known[text[at:at+n]] {
				all = append(all, span{at, at + n})
			}
		}
	}
	return all
}

// hide takes the values of a key in this file for secret: what a mistyped name was meant to
// be, nobody knows.
func (f *source) hide(key string) {
	if key != "" && !slices.Contains(f.keys, key) {
		f.keys, f.secrets = append(f.keys, key), nil
	}
}

// joined orders spans and makes one of those that overlap.
func joined(all []span) []span {
	slices.SortFunc(all, func(a, b span) int { return a.from - b.from })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// redact returns text[from:to] with one word for each secret that begins in it; what
// is left of a secret that began before is nothing.
func redact(text string, from, to int, secrets []span) string {
	var b strings.Builder
	for _, s := range secrets {
		if s.to <= from || s.from >= to {
			continue
		}
		if s.from >= from {
			b.WriteString(text[from:s.from] + redacted)
		}
		from = min(s.to, to)
	}
	b.WriteString(text[from:to])
	return b.String()
}
