package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shownWidth is how much of a long source line stands under a complaint.
const shownWidth = 120

// A place is where something stands in a file. Lines and columns begin at 1; a
// column counts bytes. Line 0 is the file as a whole.
type place struct {
	file      string
	line, col int
}

func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.col)
}

// short is the place without its column.
func (p place) short() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// A gravity says what follows from a complaint.
type gravity uint8

const (
	wrong    gravity = iota // nothing starts
	warned                  // nats-server warns as well: a start goes on, a test fails
	remarked                // valid but odd, or without effect here: a test says so and passes
)

func (g gravity) String() string { return [...]string{"", "warning: ", "note: "}[g] }

// A complaint is something about a place of the configuration that its author
// should know.
type complaint struct {
	at      place
	gravity gravity
	text    string
}

// complaints are all there is to say about a configuration.
type complaints struct {
	list    []complaint
	sources sources
}

func (c *complaints) add(at place, g gravity, format string, v ...any) {
	c.list = append(c.list, complaint{at, g, fmt.Sprintf(format, v...)})
}

// count says how many there are of a gravity.
func (c *complaints) count(g gravity) int {
	n := 0
	for _, one := range c.list {
		if one.gravity == g {
			n++
		}
	}
	return n
}

// sort puts complaints into the order of the files, main's first, so that the same
// configuration always gets the same answer.
func (c *complaints) sort(main string) {
	slices.SortStableFunc(c.list, func(a, b complaint) int {
		switch {
		case a.at.file == b.at.file && a.at.line == b.at.line:
			return a.at.col - b.at.col
		case a.at.file == b.at.file:
			return a.at.line - b.at.line
		case a.at.file == main:
			return -1
		case b.at.file == main:
			return 1
		}
		return strings.Compare(a.at.file, b.at.file)
	})
}

// line is one of them in one line, as editors and logs read it.
func (c *complaints) line(one complaint) string {
	text := one.gravity.String() + c.sources.scrub(one.text)
	if one.at.file != "" { // else it is about flags
		text = one.at.String() + ": " + text
	}
	return printable(text)
}

// text is everything for a terminal: under each complaint its source line and a
// caret, what is secret hidden.
func (c *complaints) text() string {
	var b strings.Builder
	for _, one := range c.list {
		b.WriteString(c.line(one) + "\n")
		if line, caret, ok := c.sources.line(one.at); ok {
			fmt.Fprintf(&b, "    %s\n    %s^\n", line, caret)
		}
	}
	return b.String()
}

// lines are the complaints for a log, one line each.
func (c *complaints) lines() []string {
	var all []string
	for _, one := range c.list {
		all = append(all, c.line(one))
	}
	return all
}

// sources are the files complaints are about, read when they are needed.
type sources struct {
	files  map[string]*source
	hidden []string // values that must not be shown, wherever they stand
}

// A source is one file and the spans of it that are secret.
type source struct {
	text    string
	keys    []string // further keys whose values are secret
	secrets []span   // ordered; made when first needed
}

// file returns a file's text. What cannot be read twice, a pipe, has none.
func (s *sources) file(name string) *source {
	if f := s.files[name]; f != nil {
		return f
	}
	if s.files == nil {
		s.files = make(map[string]*source)
	}
	f := new(source)
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
		if text, err := os.ReadFile(name); err == nil {
			f.text = string(text)
		}
	}
	s.files[name] = f
	return f
}

// line returns the source line of a place and what stands above the blanks in front
// of its caret. False means there is none to show.
func (s *sources) line(at place) (line, before string, ok bool) {
	f := s.file(at.file)
	start := 0
	for range at.line - 1 {
		n := strings.IndexByte(f.text[start:], '\n')
		if n < 0 {
			return "", "", false
		}
		start += n + 1
	}
	line, _, _ = strings.Cut(f.text[start:], "\n")
	if at.line < 1 || strings.TrimSpace(line) == "" {
		return "", "", false
	}
	line = strings.TrimRight(line, "\r")
	col := min(max(at.col-1, 0), len(line))
	secrets := f.spans(s.hidden)
	head := redact(f.text, start, start+col, secrets)
	tail := redact(f.text, start+col, start+len(line), secrets)
	if utf8.RuneCountInString(head) > shownWidth/2 {
		head = "... " + lastRunes(head, shownWidth/2)
	}
	if runes := []rune(tail); len(runes) > shownWidth/2 {
		tail = string(runes[:shownWidth/2]) + " ..."
	}
	return printable(head + tail), blanks(printable(head)), true
}

// scrub hides secrets of the sources in a text.
func (s *sources) scrub(text string) string {
	for _, f := range s.files {
		for _, sp := range f.spans(s.hidden) {
			words := strings.FieldsFunc(escapedBlanks.Replace(f.text[sp.from:sp.to]), func(r rune) bool { return strings.ContainsRune("\"'$() \t\r\n", r) })
			for _, word := range words {
				if len(word) >= secretMin {
					text = strings.ReplaceAll(text, word, redacted)
				}
			}
		}
	}
	return text
}

// escapedBlanks are what a quoted text has between its words; its value has blanks there.
var escapedBlanks = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t")

// lastRunes returns the last n runes of a text.
func lastRunes(s string, n int) string {
	runes := []rune(s)
	return string(runes[max(len(runes)-n, 0):])
}

// blanks is a text's width in blanks; tabs stay, so that a caret below stands where it should.
func blanks(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, s)
}

// printable replaces what a terminal might obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r != utf8.RuneError && unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
