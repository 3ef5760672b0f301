package config

import "time"

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
