package bench

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A Login is how every connection of a run introduces itself. The zero value is
// nobody in particular.
type Login struct {
	User     string
	Password string
	Token    string // in place of both

	// Users is how many the connections are, in turn, if it is not 0: the numbers from 0 up go behind User.
	Users int
}

// at is the i-th connection's.
func (g Login) at(i int) Login {
	if g.Users > 0 {
		g.User += strconv.Itoa(i % g.Users)
	}
	return g
}

// connectLine is what a connection says after INFO: the usual line with the login in it.
func (g Login) connectLine() []byte {
	fields := ""
	for _, f := range [...]struct{ name, value string }{{"user", g.User}, {"pass", g.Password}, {"auth_token", g.Token}} {
		if f.value != "" {
			text, _ := json.Marshal(f.value) // a string always can be
			fields += `,"` + f.name + `":` + string(text)
		}
	}
	return []byte(strings.TrimSuffix(connectLine, "}\r\n") + fields + "}\r\n")
}
