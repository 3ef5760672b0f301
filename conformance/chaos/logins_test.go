package chaos

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	guessedUser     = "known"
	guessedPassword = "0123456789abcdefghijklmnopqrstuv"

	// hashCost is what operators use, and loginApart what medians may be apart in parts of the smallest: three times the
	// five percent that would be good, since machines are not quiet.
	hashCost   = 10
	loginApart = 0.15
)

// guesses are wrong in different ways.
var guesses = []struct{ name, user, password string }{
	{"unknown_user", "nobody", guessedPassword},
	{"wrong_password", guessedUser, "x"},
	{"right_prefix", guessedUser, guessedPassword[:len(guessedPassword)-1] + "x"},
}

// T38: how long a refusal takes does not tell who exists, nor how much of a password is right; in words and as a hash.
func TestHowLongLoginsTake(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte(guessedPassword), hashCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []struct {
		name, password string
		each           int
	}{{"plain", guessedPassword, Scale(100, 10_000)}, {"bcrypt", string(hash), Scale(3, 200)}} {
		settings := beside()
		settings[0].Flags = []string{"-c", usersFile(t, kind.password)}
		if len(settings) > 1 {
			settings[1].Flags = []string{"--user", guessedUser, "--pass", kind.password}
		}
		onEach(t, settings, func(t *testing.T, s Setting) {
			b := Start(t, s)
			took := make([][]time.Duration, len(guesses))
			for range kind.each { // by turns, so that what the machine does else falls on all
				for i, g := range guesses {
					took[i] = append(took[i], refusal(t, b.Address(), g.user, g.password))
				}
			}
			figures, medians := Figures{"kind": kind.name, "each": kind.each}, []float64{}
			for i, g := range guesses {
				slices.Sort(took[i])
				medians = append(medians, float64(took[i][kind.each/2].Nanoseconds())/1e3)
				figures[g.name+"_us"] = medians[i]
			}
			apart := slices.Max(medians)/slices.Min(medians) - 1
			figures["apart"] = apart
			judge(t, s, apart <= loginApart, "%s: medians are %.1f %% apart: %v", kind.name, 100*apart, medians)
			Report(t, "T38", "refusals take as long for who does not exist, a wrong password and a nearly right one", s.Name(), figures)
		})
	}
}

// usersFile is a configuration with a few users.
func usersFile(t *testing.T, password string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "users.conf")
	text := fmt.Sprintf("authorization { timeout: 30, users: [ { user: %s, password: %q }, { user: other, password: %q } ] }\n", guessedUser, password, password)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// refusal is how long a wrong CONNECT waits for its answer.
func refusal(t *testing.T, address, user, password string) time.Duration {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(Patience))
	in := bufio.NewReader(conn)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	connect := fmt.Appendf(nil, "CONNECT {\"user\":%q,\"pass\":%q}\r\n", user, password)
	start := time.Now()
	if _, err := conn.Write(connect); err != nil {
		t.Fatal(err)
	}
	line, err := in.ReadString('\n')
	took := time.Since(start)
	if err != nil || !strings.HasPrefix(line, "-ERR 'Authorization Violation'") {
		t.Fatalf("%s: %q, %v", user, line, err)
	}
	return took
}
