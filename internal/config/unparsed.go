package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// nats-server's parser ends at the first mistake and says where in words of its own, for
// some mistakes not at all. This finds the place again.

var (
	inInclude = regexp.MustCompile(`(?s)^error parsing include file '(.*?)', (.*)$`)
	onLine    = regexp.MustCompile(`on line (\d+)`)
	atPlace   = regexp.MustCompile(`^config is invalid \(.*:(\d+):\d+\)$`)
	parseWord = regexp.MustCompile(`(?s)^Parse error on line \d+: '(.*)'$`)
	quotation = regexp.MustCompile(`'([^']+)'`)

	// include is an include statement, as far as it can be told from text: with its name in one of
	// three groups.
	include = regexp.MustCompile(`(?i)(?:^|[\n{;,}])[\s\p{Z}]*include[ \t]+(?:'([^']*)'|"([^"]*)"|([^\s;}'"]+))`)
)

// unparsed complains about a file that does not parse. The complaint is about the file
// with the mistake, which may be an included one.
func (c *complaints) unparsed(file string, err error) {
	text := err.Error()
	for {
		m := inInclude.FindStringSubmatch(text)
		if m == nil {
			break
		}
		name, why := m[1], m[2]
		inner := filepath.Join(filepath.Dir(file), name)
		if strings.HasPrefix(why, "open ") || strings.HasPrefix(why, "read ") {
			c.add(c.sources.find(file, name), wrong, "cannot include %q: %s", name, why)
			return
		}
		file, text = inner, why
	}
	at := place{file, 1, 1}
	if m := onLine.FindStringSubmatch(text); m != nil {
		at.line, _ = strconv.Atoi(m[1])
	} else if m := atPlace.FindStringSubmatch(text); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		text = "a key stands here without a value"
	} else if m := quotation.FindStringSubmatch(text); m != nil {
		at = c.sources.find(file, m[1])
	} else {
		at.line = 0
	}
	if m := parseWord.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	c.add(c.sources.indented(at), wrong, "%s", text)
}

// indented moves a place whose column is not known to the first word of its line. The
// parser tells the end of a file as a line behind the last.
func (s *sources) indented(at place) place {
	lines := strings.Split(s.file(at.file).text, "\n")
	if at.line < 1 || at.col != 1 {
		return at
	}
	for at.line > 1 && (at.line > len(lines) || strings.TrimSpace(lines[at.line-1]) == "") {
		at.line--
	}
	if at.line <= len(lines) {
		line := lines[at.line-1]
		at.col = 1 + len(line) - len(strings.TrimLeft(line, " \t"))
	}
	return at
}

// find returns the first place where a word stands in a file.
func (s *sources) find(file, word string) place {
	before, _, found := strings.Cut(s.file(file).text, word)
	if !found {
		return place{file, 1, 1}
	}
	return place{file, 1 + strings.Count(before, "\n"), len(before) - strings.LastIndexByte(before, '\n')}
}

// circle looks for a file that includes itself, by whatever way: the parser would follow it
// until the stack ends. way are the files that led here.
func (c *complaints) circle(file string, way []string) bool {
	text := c.sources.file(file).text
	for _, m := range include.FindAllStringSubmatchIndex(text, -1) {
		start := 1 + strings.LastIndexByte(text[:m[0]+1], '\n')
		if lead := text[min(start, m[1]):m[1]]; strings.Contains(lead, "#") || strings.Contains(lead, "//") {
			continue // a comment
		}
		for g := 2; g < len(m); g += 2 {
			if m[g] < 0 {
				continue
			}
			next := filepath.Join(filepath.Dir(file), text[m[g]:m[g+1]])
			for _, before := range append(way, file) {
				if filepath.Clean(before) == next {
					c.add(c.sources.find(file, text[m[g]:m[g+1]]), wrong, "a circle: %s", fmt.Sprintf("%s includes %s", strings.Join(append(way, file), " includes "), next))
					return true
				}
			}
			if c.circle(next, append(way[:len(way):len(way)], file)) {
				return true
			}
		}
	}
	return false
}
