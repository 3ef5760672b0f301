package config

import (
	"slices"
	"strings"
)

// The parser keeps the last of several values of one key and tells nobody about the others. A list of
// users may be lost that way. So the text is looked through for such keys: by a scanner too simple to be
// trusted with more than a note.

// A scanner goes through the text of a file, key by key.
type scanner struct {
	text   string
	at     int
	blocks []map[string]bool // the keys seen in each block around; nil for lists
}

// repeated notes keys that stand twice in one block of a file.
func (c *complaints) repeated() {
	var names []string
	for name := range c.sources.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := &scanner{text: c.sources.files[name].text, blocks: []map[string]bool{{}}}
		for {
			key, at, ok := s.next()
			if !ok {
				break
			}
			line := 1 + strings.Count(s.text[:at], "\n")
			c.add(place{name, line, at - strings.LastIndexByte(s.text[:at], '\n')}, remarked, "%q stands in this block before: the last one counts, and nothing of the others", key)
		}
	}
}

// next returns the next key that its block has already, and where it stands.
func (s *scanner) next() (key string, at int, ok bool) {
	for s.blank(); s.at < len(s.text); s.blank() {
		seen := s.blocks[len(s.blocks)-1]
		switch s.text[s.at] {
		case '}', ']':
			s.at++
			if len(s.blocks) > 1 {
				s.blocks = s.blocks[:len(s.blocks)-1]
			}
			continue
		case '{', '[':
			s.value()
			continue
		}
		if seen == nil {
			s.value()
			continue
		}
		at = s.at
		key = s.key()
		s.value()
		if key != "" && !strings.EqualFold(key, "include") && seen[key] {
			return key, at, true
		}
		seen[key] = true
	}
	return "", 0, false
}

// blank skips what stands between entries: white space, their ends, comments.
func (s *scanner) blank() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch {
		case strings.HasPrefix(rest, "#"), strings.HasPrefix(rest, "//"):
			s.skip(strings.IndexByte(rest, '\n'))
		case strings.IndexByte(" \t\r\n,;", rest[0]) >= 0:
			s.at++
		default:
			return
		}
	}
}

// key reads a key and the separator behind it.
func (s *scanner) key() string {
	start := s.at
	quote := s.text[s.at]
	if quote == '"' || quote == '\'' {
		s.quoted(quote)
	} else {
		s.skip(strings.IndexAny(s.text[s.at:], " \t\r\n=:{"))
	}
	key := strings.Trim(s.text[start:s.at], `"'`)
	s.skipAll(" \t\r\n")
	if s.at < len(s.text) && (s.text[s.at] == '=' || s.text[s.at] == ':') {
		s.at++
	}
	s.skipAll(" \t")
	return key
}

// value skips a value; of a block or a list only its beginning.
func (s *scanner) value() {
	if s.at >= len(s.text) {
		return
	}
	switch first := s.text[s.at]; first {
	case '{':
		s.at++
		s.blocks = append(s.blocks, map[string]bool{})
	case '[':
		s.at++
		s.blocks = append(s.blocks, nil)
	case '"', '\'':
		s.quoted(first)
	case '(':
		s.skip(strings.Index(s.text[s.at:], "\n)"))
		s.skipAll("\n)")
	default:
		s.skip(strings.IndexAny(s.text[s.at:], " \t\r\n,;]}"))
	}
}

// quoted skips a text in quotes; in double quotes a backslash hides one.
func (s *scanner) quoted(quote byte) {
	for s.at++; s.at < len(s.text) && s.text[s.at] != quote; s.at++ {
		if s.text[s.at] == '\\' && quote == '"' {
			s.at++
		}
	}
	s.at = min(s.at+1, len(s.text))
}

// skip goes on by n bytes; a negative n, what was looked for and not found, is all there are.
func (s *scanner) skip(n int) {
	if n < 0 {
		n = len(s.text) - s.at
	}
	s.at += n
}

// skipAll goes on while there are bytes of a set.
func (s *scanner) skipAll(set string) {
	for s.at < len(s.text) && strings.IndexByte(set, s.text[s.at]) >= 0 {
		s.at++
	}
}
