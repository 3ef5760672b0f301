package config

import "strings"

// secretFlags are those whose values are nobody's business. Names are none, but nats-server hides them as well.
var secretFlags = map[string]bool{"user": true, "pass": true, "auth": true}

// HideSecrets returns the arguments of a command line with the values of secret flags replaced.
func HideSecrets(args []string) []string {
	var out []string
	for hidden := false; len(args) > 0; args = args[1:] {
		arg := args[0]
		typed, _, valued := strings.Cut(arg, "=")
		switch {
		case hidden:
			arg, hidden = redacted, false
		case !strings.HasPrefix(arg, "-") || !secretFlags[strings.TrimPrefix(typed[1:], "-")]:
		case valued:
			arg = typed + "=" + redacted
		default:
			hidden = true
		}
		out = append(out, arg)
	}
	return out
}
