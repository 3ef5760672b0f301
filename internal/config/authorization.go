package config

import (
	"errors"
	"time"
)

// Authorization is who may come in and what they may do: the block of that name, or the
// flags --user, --pass and --auth. It is plain values, checked where they were read. A
// password or token that looks like a bcrypt hash is one.
type Authorization struct {
	Required   bool          // the block or a flag was given: nobody comes in without proof, but as NoAuthUser
	Timeout    time.Duration // from the greeting until a client must have proved who it is
	User       string        // the only user; empty: none
	Password   string        // of User
	Token      string        // what clients without a name prove; empty: none
	Users      []User        // several users, with or instead of nkeys
	NoAuthUser string        // who clients without proof are; empty: nobody
	Nameless   bool          // no block, and only the system account has users: clients without proof live in the global one
}

// A User is somebody who may come in, by name and password or by nkey.
type User struct {
	Name            string
	Password        string
	NKey            string       // public key, U...; then Name and Password are empty
	Account         string       // empty: the global account
	Permissions     *Permissions // nil: everything
	ConnectionTypes []string     // STANDARD, WEBSOCKET ... in capitals; empty: all
	Origin          string       // file:line of the entry, for messages
}

// Permissions are what a user may publish and subscribe to.
type Permissions struct {
	Publish   Subjects
	Subscribe Subjects   // entries may name a queue behind a space
	Responses *Responses // nil: replies need no permission beyond Publish, and get none
}

// Subjects are patterns that are allowed and denied; a denial wins.
type Subjects struct {
	Allow []string // nil: all, empty but not nil: none
	Deny  []string
}

// Responses allow a user to publish to the reply subjects of messages it was delivered.
type Responses struct {
	Max     int           // replies to each; negative: any number
	Expires time.Duration // after the delivery; negative: never
}

// setSecret takes the value of --user, --pass and --auth, which no error shows. nats-server takes an empty
// one, as of a variable that is not set, for none, and starts open.
func setSecret(to *string, s string) error {
	if s == "" {
		return errors.New("must not be empty: the broker would start open to all")
	}
	*to = s
	return nil
}

// require has clients prove who they are if a flag asks for that.
func (a *Authorization) require() {
	a.Required = a.Required || a.User != "" || a.Password != "" || a.Token != ""
}

// check finds what would lock everybody out, or in nats-server let everybody in.
func (a *Authorization) check() error {
	if a.Password != "" && a.User == "" && a.Token == "" && len(a.Users) == 0 {
		return misfit{"authorization", "--pass needs --user: nobody could connect, and with nats-server everybody"}
	}
	return nil
}
