package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/conf"
)

// A reader puts what a file says into a draft. It goes on behind mistakes, so that all
// of them are told at once.
type reader struct {
	*complaints
	draft *draft

	users    map[string]place // by name or nkey: of all blocks, and where each stands
	accounts map[string]bool  // by name
	tenants  []tenants        // users of accounts, in the order of the file
}

// token is what nats-server's parser makes of each value. What comes from variables of the
// environment has none.
type token interface {
	Value() any
	Line() int
	IsUsedVariable() bool
	SourceFile() string
	Position() int
}

// An entry is a key and its value, or an element of a list, which has the key of the list.
type entry struct {
	key      string // as it is written
	value    any    // text, int64, float64, bool, time.Time, []any or map[string]any
	at       place  // of the key; of the value in lists
	variable bool   // another value refers to it
}

// A field is a key that a block may have, under all its names.
type field struct {
	names string // with blanks between
	read  func(entry)
}

// readFile reads a configuration file into the draft. The error is for a file that cannot be
// read at all.
func (r *reader) readFile(name string) error {
	if r.circle(name, nil) {
		return nil
	}
	parsed, digest, err := parseFile(name)
	if _, missing := errors.AsType[*fs.PathError](err); missing {
		return err
	}
	if err != nil {
		r.unparsed(name, err)
		return nil
	}
	r.draft.ConfigDigest = digest
	top := entry{at: place{file: name}, value: parsed}
	if r.draft.empty = len(parsed) == 0; r.draft.empty {
		r.add(top.at, warned, "config has no values or is empty")
	}
	r.block(top, r.topFields())
	r.finishAccounts()
	r.finishAuthorization()
	r.repeated()
	return nil
}

// parseFile is nats-server's parser. It panics on some input that is none of its language;
// the file is at fault then, not we.
func parseFile(name string) (parsed map[string]any, digest string, err error) {
	defer func() {
		if bug := recover(); bug != nil {
			err = errors.New("this is no configuration: braces, brackets or quotes do not match")
		}
	}()
	return conf.ParseFileWithChecksDigest(name)
}

// entry makes an entry of a value; around is the place to tell if it has none of its own.
func (r *reader) entry(key string, v any, around place) entry {
	t, ok := v.(token)
	if !ok {
		return entry{key: key, value: v, at: around}
	}
	at := place{t.SourceFile(), t.Line(), t.Position()}
	if at.line == 1 {
		at.col++ // the parser counts columns from 0 on the first line, and from 1 elsewhere
	}
	at.col = max(at.col, 1)
	return entry{key, t.Value(), at, t.IsUsedVariable()}
}

// entries are the keys of a block in the order of the file.
func (r *reader) entries(m map[string]any, around place) []entry {
	var all []entry
	for k, v := range m {
		all = append(all, r.entry(k, v, around))
	}
	slices.SortFunc(all, func(a, b entry) int {
		switch {
		case a.at.file != b.at.file:
			return strings.Compare(a.at.file, b.at.file)
		case a.at.line != b.at.line:
			return a.at.line - b.at.line
		case a.at.col != b.at.col:
			return a.at.col - b.at.col
		}
		return strings.Compare(a.key, b.key)
	})
	return all
}

// block reads a block whose keys are fields. A key only variables refer to is none of them.
func (r *reader) block(e entry, fields []field) {
	m, ok := e.value.(map[string]any)
	if !ok {
		r.mistyped(e, "a block in braces")
		return
	}
	var names []string
	byName := make(map[string]int)
	for i, f := range fields {
		for name := range strings.FieldsSeq(f.names) {
			names, byName[name] = append(names, name), i
		}
	}
	seen := make(map[int]entry)
	for _, e := range r.entries(m, e.at) {
		i, known := byName[strings.ToLower(e.key)]
		first, twice := seen[i]
		switch {
		case !known && e.variable:
		case !known:
			r.unknown(e, names)
		case twice:
			r.add(e.at, wrong, "%q is the same option as %q on line %d: keep one of them", e.key, first.key, first.at.line)
		default:
			seen[i] = e
			fields[i].read(e)
		}
	}
}

// unknown complains about a key nobody knows. Its value may be anything, a password too, unless
// it is clear what was meant.
func (r *reader) unknown(e entry, names []string) {
	hint, near := "", nearest(strings.ToLower(e.key), names)
	if near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	if near == "" || slices.Contains(secretKeys, near) {
		r.sources.file(e.at.file).hide(e.key)
	}
	r.add(e.at, wrong, "unknown field %q%s", e.key, hint)
}

// mistyped complains about a value of another type. What it is instead is shown, unless it
// may be secret.
func (r *reader) mistyped(e entry, want string) {
	r.add(e.at, wrong, "%s is %s, but %s is wanted", e.key, kindOf(e.value), want)
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case int64:
		return "a number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "true or false"
	case time.Time:
		return "a date"
	case []any:
		return "a list"
	}
	return "a block"
}

// text reads a text. What looks like a number or a truth must be quoted.
func (r *reader) text(e entry) string {
	s, ok := e.value.(string)
	if !ok {
		want := "text"
		switch e.value.(type) {
		case int64, float64, bool, time.Time:
			want = "text in quotes"
		}
		r.mistyped(e, want)
	}
	return s
}

// list returns the elements of a list; a single value is a list of one.
func (r *reader) list(e entry) []entry {
	all, ok := e.value.([]any)
	if !ok {
		return []entry{e}
	}
	var out []entry
	for _, v := range all {
		out = append(out, r.entry(e.key, v, e.at))
	}
	return out
}

// plain writes a value of the wanted type as a flag has it. ok is false if it is of
// another type, which was complained about.
func (r *reader) plain(e entry, w want) (s string, ok bool) {
	switch v := e.value.(type) {
	case string:
		if w == wantText || w == wantAddress || w == wantChoice {
			return v, true
		}
		if w == wantDuration {
			_, err := time.ParseDuration(v) // a flag may be whole seconds, a text in a file not
			if err != nil {
				r.add(e.at, wrong, "%s %q: a duration such as 500ms, 10s or 2m is wanted", e.key, v)
			}
			return v, err == nil
		}
	case int64:
		switch w {
		case wantDuration:
			r.add(e.at, warned, "invalid use of field %q: %s should be converted to a duration", e.key, strings.ToLower(e.key))
			return strconv.FormatInt(v, 10), true
		case wantNumber, wantAddress:
			return strconv.FormatInt(v, 10), true
		}
	case bool:
		switch {
		case w == wantTruth:
			return strconv.FormatBool(v), true
		case w == wantChoice: // on and off are truths in this language
			return map[bool]string{true: string(On), false: string(Off)}[v], true
		}
	}
	r.mistyped(e, w.String())
	return "", false
}
