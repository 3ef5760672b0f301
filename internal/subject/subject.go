// Package subject holds the rules of NATS subjects: which are valid, which
// have wildcards, and which pattern matches which published subject.
//
// A subject is bytes, cut into tokens at each dot. `*` is a wildcard for one
// token and `>` for one token or more, but only when they are a token alone:
// `foo*` is an ordinary token. The rules are those of nats-server 2.15.2, its
// gaps included, and each function names the one it follows. None of them
// allocates, keeps its argument, or takes a lock; any goroutine may call them.
package subject

const (
	separator = '.'
	anyToken  = '*'
	anyRest   = '>'
)

// Bytes is a subject as it comes: a view into a buffer, or a string.
type Bytes interface{ string | []byte }

// ValidSubscription reports whether s may be subscribed to: no token is empty,
// `>` stands only at the end, and no token holds a blank, tab, line feed, form
// feed or carriage return. Bytes are otherwise free; UTF-8 is not asked for.
//
// It is nats-server's IsValidSubject, used there for configured subjects. A
// SUB is checked less there: its arguments were split at white space before,
// all but the form feed, which a SUB may carry there and not here.
func ValidSubscription[S Bytes](s S) bool {
	start := 0 // of the token s[i] belongs to
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case separator:
			if i == start || isToken(s, start, i, anyRest) {
				return false
			}
			start = i + 1
		case ' ', '\t', '\n', '\f', '\r':
			return false
		}
	}
	return start < len(s)
}

// ValidPublish reports whether s may be published to by a pedantic client: no
// token is empty and none is a wildcard. White space is not looked for. It is
// nats-server's IsValidLiteralSubject.
func ValidPublish[S Bytes](s S) bool {
	for from := 0; ; {
		to := tokenEnd(s, from)
		if to == from || isToken(s, from, to, anyToken) || isToken(s, from, to, anyRest) {
			return false
		}
		if to == len(s) {
			return true
		}
		from = to + 1
	}
}

// IsLiteral reports whether s has no wildcard token, wherever it may stand. It
// does not ask whether s is valid. It is nats-server's subjectIsLiteral.
func IsLiteral[S Bytes](s S) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != anyToken && s[i] != anyRest {
			continue
		}
		if (i == 0 || s[i-1] == separator) && (i+1 == len(s) || s[i+1] == separator) {
			return false
		}
	}
	return true
}

// Tokens returns the count of tokens in s, empty ones included; an empty
// subject has none. It is nats-server's numTokens.
func Tokens[S Bytes](s S) int {
	if len(s) == 0 {
		return 0
	}
	count := 1
	for i := 0; i < len(s); i++ {
		if s[i] == separator {
			count++
		}
	}
	return count
}

// WellFormed reports whether s has at least one token and none is empty. A
// message published to a subject that is not well-formed reaches nobody.
func WellFormed[S Bytes](s S) bool {
	dot := true
	for i := 0; i < len(s); i++ {
		if s[i] != separator {
			dot = false
			continue
		}
		if dot {
			return false
		}
		dot = true
	}
	return !dot
}

// Matches reports whether a message published to literal is delivered to a
// subscription to pattern, which must be a ValidSubscription. In literal every
// byte stands for itself, so `foo.*` as published matches the patterns `foo.*`
// and `foo.>`. A literal that is not WellFormed matches nothing, not even `>`.
//
// It is what nats-server delivers (Sublist.Match). Its matchLiteral, used there
// for the cache, would let `*` match an empty token.
func Matches[P, L Bytes](pattern P, literal L) bool {
	if !WellFormed(literal) {
		return false
	}
	for p, l := 0, 0; ; {
		pEnd, lEnd := tokenEnd(pattern, p), tokenEnd(literal, l)
		if pEnd == len(pattern) && isToken(pattern, p, pEnd, anyRest) {
			return true
		}
		if !isToken(pattern, p, pEnd, anyToken) && string(pattern[p:pEnd]) != string(literal[l:lEnd]) {
			return false
		}
		if pEnd == len(pattern) || lEnd == len(literal) {
			return pEnd == len(pattern) && lEnd == len(literal)
		}
		p, l = pEnd+1, lEnd+1
	}
}

// tokenEnd returns where the token that starts at from ends: at the next dot or
// at the end of s.
func tokenEnd[S Bytes](s S, from int) int {
	for from < len(s) && s[from] != separator {
		from++
	}
	return from
}

func isToken[S Bytes](s S, from, to int, wildcard byte) bool {
	return to-from == 1 && s[from] == wildcard
}
