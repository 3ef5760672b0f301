package config

import (
	"slices"
	"testing"
)

// A command line is shown without its secrets, however they were given (CVE-2026-33247).
func TestHideSecrets(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{[]string{"gnatsd-ev", "--pass", "canary", "-p", "4222"}, []string{"gnatsd-ev", "--pass", redacted, "-p", "4222"}},
		{[]string{"x", "-pass=canary", "--auth=canary=x", "--user=u"}, []string{"x", "-pass=" + redacted, "--auth=" + redacted, "--user=" + redacted}},
		{[]string{"x", "-auth", "canary", "-auth", "-p", "--pass"}, []string{"x", "-auth", redacted, "-auth", redacted, "--pass"}},
		{[]string{"x", "-", "--", "", "passive", "--pass_x", "y"}, []string{"x", "-", "--", "", "passive", "--pass_x", "y"}},
	} {
		if got := HideSecrets(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}
