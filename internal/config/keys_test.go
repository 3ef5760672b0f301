package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const (
	compatibility = "../../docs/compatibility.md"
	tableBegins   = "<!-- options: made by go test ./internal/config -update -->\n"
	tableEnds     = "<!-- /options -->\n"
)

// optionTable is what docs/compatibility.md says about the keys of the file.
func optionTable() string {
	var b strings.Builder
	b.WriteString("| option | flags | here |\n|---|---|---|\n")
	quoted := func(names, block string) string {
		var all []string
		for name := range strings.FieldsSeq(names) {
			all = append(all, "`"+block+name+"`")
		}
		return strings.Join(all, " ")
	}
	row := func(names, flags, here string) { fmt.Fprintf(&b, "| %s | %s | %s |\n", names, flags, here) }
	flags := func(k key) string {
		var all []string
		for name := range strings.FieldsSeq(k.flags) {
			all = append(all, "`"+dashed(name)+"`")
		}
		return strings.Join(all, " ")
	}
	for _, k := range keys {
		row(quoted(k.names, ""), flags(k), "applied")
	}
	for _, k := range eventLoopKeys {
		row(quoted(k.names, eventLoops+"."), flags(k), "applied; nats-server has no such option")
	}
	row(quoted(tlsBlock, ""), "`--tls`", "applied")
	for _, k := range tlsKeys {
		row(quoted(k.names, tlsBlock+"."), flags(k), "applied")
	}
	for _, k := range refusedTLSKeys {
		row(quoted(k.names, tlsBlock+"."), "", "refused: "+k.why+"; "+k.cure)
	}
	row(quoted("authorization", ""), "`--user` `--pass` `--auth`", "applied")
	row(quoted("no_auth_user", ""), "", "applied")
	row(quoted("accounts", ""), "", "applied")
	for _, k := range refusedAccountKeys {
		row(quoted(k.names, "accounts.NAME."), "", "refused: "+k.why+"; "+k.cure)
	}
	row(quoted("system_account system", ""), "", "applied; it offers no services yet")
	row(quoted("no_system_account no_system no_sys_acc", ""), "", "applied")
	for _, k := range refusedKeys {
		row(quoted(k.names, ""), "", "refused: "+k.why+"; "+k.cure)
	}
	for _, k := range idleKeys {
		row(quoted(k.names, ""), "", "no effect, and a note says so: "+k.why)
	}
	return b.String()
}

func TestOptionsAreDocumented(t *testing.T) {
	bytes, err := os.ReadFile(compatibility)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(bytes), tableBegins)
	got, after, ended := strings.Cut(rest, tableEnds)
	if !found || !ended {
		t.Fatalf("%s has no table of options", compatibility)
	}
	want := optionTable()
	if *update {
		if err := os.WriteFile(compatibility, []byte(before+tableBegins+want+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s is not what the tables of keys say: run go test ./internal/config -update", compatibility)
	}
}

// No name stands in two tables, each flag named in one exists, and each key has a way to be set.
func TestTablesOfKeys(t *testing.T) {
	seen := map[string]bool{"authorization": true, "no_auth_user": true, eventLoops: true, tlsBlock: true, accountsBlock: true,
		"system_account": true, "system": true, "no_system_account": true, "no_system": true, "no_sys_acc": true}
	once := func(names string) {
		for name := range strings.FieldsSeq(names) {
			if seen[name] || name != strings.ToLower(name) {
				t.Errorf("%s stands in two tables, or in capitals", name)
			}
			seen[name] = true
		}
	}
	for _, k := range keys {
		once(k.names)
	}
	for _, k := range refusedKeys {
		once(k.names)
	}
	for _, k := range idleKeys {
		once(k.names)
	}
	for _, k := range refusedTLSKeys {
		once(k.names)
	}
	for name := range nothing {
		if !seen[name] && name != "proxy_required" {
			t.Errorf("%s is not known", name)
		}
	}
	for _, k := range slices.Concat(keys, eventLoopKeys, tlsKeys) {
		for name := range strings.FieldsSeq(k.flags) {
			if f, known := byName[name]; !known || f.names[len(f.names)-1] != name {
				t.Errorf("%s: there is no flag %s", k.names, name)
			}
		}
		if k.setter() == nil && k.names != "certs certificates" { // pairs in a list
			t.Errorf("%s cannot be set", k.names)
		}
	}
}

// Every flag that sets an option has its key, so that config show knows where a value came from.
func TestFlagsHaveKeys(t *testing.T) {
	for _, g := range groups {
		for _, f := range g.flags {
			switch name := f.names[len(f.names)-1]; name {
			case "config", "t", "help", "help_tls", "version", "signal": // about the reading itself
			default:
				d := newDraft()
				d.flagged(f, "-x")
				if len(d.origins) == 0 {
					t.Errorf("%s sets no key", name)
				}
			}
		}
	}
}
