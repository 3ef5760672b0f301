package config

import (
	"fmt"
	"strings"
)

// helpWidth is the widest a line of the help gets.
const helpWidth = 100

// Help returns the text of --help, made from the tables of flags.
func Help() string {
	var b strings.Builder
	b.WriteString("Usage: gnatsd-ev [options]\n       gnatsd-ev config show [options]     prints the options in force, and where each comes from\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		for _, f := range g.flags {
			fmt.Fprintf(&b, "    %-34s %s\n", f.usage(), f.help)
		}
	}
	b.WriteString(`
A size is a number with k, m, g (1000s) or kb, mb, gb (1024s), a duration is 500ms, 10s, 2m or whole
seconds. One dash or two, underscores or dashes in names: all the same.

Refused with a reason, because they are not supported (yet):
`)
	line := "   "
	for _, r := range refusals {
		for _, name := range r.flags {
			word := " " + dashed(strings.TrimSuffix(name, "="))
			if len(line)+len(word) > helpWidth {
				b.WriteString(line + "\n")
				line = "   "
			}
			line += word
		}
	}
	b.WriteString(line + "\n")
	return b.String()
}

// usage writes a flag's names and its value.
func (f flag) usage() string {
	names := make([]string, len(f.names))
	for i, name := range f.names {
		names[i] = dashed(name)
	}
	text := strings.Join(names, ", ")
	if f.value != "" {
		text += " <" + f.value + ">"
	}
	return text
}
