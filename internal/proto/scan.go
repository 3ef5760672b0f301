package proto

import "encoding/json"

// What clients send as CONNECT is nearly always one flat object of plain
// values under names spelled as we know them. That is read here without
// allocating; whatever else JSON allows is left to encoding/json.

// Strings gives the shared copy of a string that many connections repeat.
type Strings interface {
	// String returns b as a string.
	String(b []byte) string
}

// UnmarshalShared is Unmarshal with the strings taken from shared.
func (c *Connect) UnmarshalShared(text []byte, shared Strings) error {
	fast := *c
	s := scanner{rest: text}
	if s.object(&fast, shared) {
		*c = fast
		return nil
	}
	return json.Unmarshal(text, c)
}

// scanner reads plain JSON from the front of rest. Its methods report false
// where the text is not as plain as they know it.
type scanner struct{ rest []byte }

// object reads a whole CONNECT.
func (s *scanner) object(c *Connect, shared Strings) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return s.end()
	}
	for {
		key, ok := s.text()
		if !ok || !s.take(':') || !s.field(c, key, shared) {
			return false
		}
		if s.take('}') {
			return s.end()
		}
		if !s.take(',') {
			return false
		}
	}
}

// field reads the value of one known name.
func (s *scanner) field(c *Connect, key []byte, shared Strings) bool {
	switch string(key) {
	case "echo":
		return s.boolean(&c.Echo)
	case "verbose":
		return s.boolean(&c.Verbose)
	case "pedantic":
		return s.boolean(&c.Pedantic)
	case "tls_required":
		return s.boolean(&c.TLSRequired)
	case "headers":
		return s.boolean(&c.Headers)
	case "no_responders":
		return s.boolean(&c.NoResponders)
	case "name":
		return s.string(&c.Name, shared)
	case "lang":
		return s.string(&c.Lang, shared)
	case "version":
		return s.string(&c.Version, shared)
	case "user":
		return s.string(&c.User, shared)
	case "protocol":
		return s.small(&c.Protocol)
	}
	return false
}

func (s *scanner) blanks() {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t' || s.rest[0] == '\r' || s.rest[0] == '\n') {
		s.rest = s.rest[1:]
	}
}

// take reads one byte, and blanks in front of it.
func (s *scanner) take(b byte) bool {
	s.blanks()
	if len(s.rest) == 0 || s.rest[0] != b {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) end() bool {
	s.blanks()
	return len(s.rest) == 0
}

// text reads a string of printable ASCII without escapes.
func (s *scanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	for i, b := range s.rest {
		switch {
		case b == '"':
			text := s.rest[:i]
			s.rest = s.rest[i+1:]
			return text, true
		case b == '\\' || b < ' ' || b > '~':
			return nil, false
		}
	}
	return nil, false
}

func (s *scanner) string(into *string, shared Strings) bool {
	text, ok := s.text()
	if ok {
		*into = shared.String(text)
	}
	return ok
}

func (s *scanner) boolean(into *bool) bool {
	s.blanks()
	for _, word := range []struct {
		text  string
		value bool
	}{{"true", true}, {"false", false}} {
		if len(s.rest) >= len(word.text) && string(s.rest[:len(word.text)]) == word.text {
			*into, s.rest = word.value, s.rest[len(word.text):]
			return true
		}
	}
	return false
}

// small reads a number of one digit.
func (s *scanner) small(into *int) bool {
	s.blanks()
	if len(s.rest) < 2 || s.rest[0] < '0' || s.rest[0] > '9' || s.rest[1] != ',' && s.rest[1] != '}' {
		return false
	}
	*into, s.rest = int(s.rest[0]-'0'), s.rest[1:]
	return true
}
