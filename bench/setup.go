package bench

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"gnatsd-ev/internal/certificate"
)

// A setup is what brokers of some tasks are configured with, in nats-server's words: who has something to
// protect.
type setup struct {
	tls    bool // clients may speak TLS
	plain  bool // and may as well not
	users  int  // who must log in
	hashed bool // with passwords that are kept as bcrypt
}

const (
	// setupTimeout is how many seconds a handshake, or a login, may take: a busy machine is not to
	// break a run.
	setupTimeout = 20

	setupName     = "user-"
	setupFree     = "free" // who may do all
	setupPassword = "s3cret-of-all"

	// setupHash is that password at cost 4, the least there is.
	setupHash = "$2a$04$.8DG52n1ZU4Wd.WSNEQCcOk7WqQYOVPjzw6HvZF1mntOkQASq7mzm"
)

// setupRules are what a user may do. Subjects of runs are among them.
const setupRules = `permissions { publish: { allow: ["b.>", "orders.*.new", "_INBOX.>"], deny: ["orders.audit.>", "b.*.admin.>"] }, subscribe: ["b.>", "orders.*.done", "_INBOX.>"] }`

// apply configures a contender, with files in a directory.
func (s setup) apply(who *Contender, dir string) {
	var b strings.Builder
	if s.tls {
		authority := certificate.NewAuthority("load tool's authority")
		files := authority.Write(dir, "localhost")
		fmt.Fprintf(&b, "tls { cert_file: %q, key_file: %q, timeout: %d }\nallow_non_tls: %v\n", files.Cert, files.Key, setupTimeout, s.plain)
		// The chain is not verified: what is compared are brokers, and the generator is to be cheap.
		who.tls = &tls.Config{ServerName: "localhost", InsecureSkipVerify: true}
	}
	if s.users > 0 {
		password := setupPassword
		if s.hashed {
			password = setupHash
		}
		fmt.Fprintf(&b, "authorization {\n timeout: %d\n users: [\n", setupTimeout)
		for i := range s.users {
			fmt.Fprintf(&b, "  { user: %q, password: %q, %s }\n", fmt.Sprint(setupName, i), password, setupRules)
		}
		fmt.Fprintf(&b, "  { user: %q, password: %q }\n ]\n}\n", setupFree, password)
		who.free = Login{User: setupFree, Password: setupPassword}
		who.login = Login{User: setupName, Password: setupPassword, Users: s.users}
	}
	who.Config = b.String()
	who.Command = slices.Concat(who.Command, []string{"-c", "{config}"})
}
