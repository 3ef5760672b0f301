package config

// NoLimit is the limit of an account where there is none.
const NoLimit = -1

// DefaultSystemAccount is the name of the system account where none is configured.
const DefaultSystemAccount = "$SYS"

// An Account is a subject space of its own. Who lives in it stands in Authorization.Users.
type Account struct {
	Name   string
	NKey   string // public key, A...; nothing is done with it yet
	Limits AccountLimits
	Origin string // file:line of the entry, for messages
}

// AccountLimits are what the sessions of an account may take; each is NoLimit as a rule.
type AccountLimits struct {
	MaxConnections   int // of the account; 0: nobody may connect
	MaxSubscriptions int // of each session
	MaxPayload       int // bytes of a message
	MaxLeafnodes     int // nothing is done with it yet
}

// NoLimits are the limits of an account that has none.
func NoLimits() AccountLimits {
	return AccountLimits{MaxConnections: NoLimit, MaxSubscriptions: NoLimit, MaxPayload: NoLimit, MaxLeafnodes: NoLimit}
}

// System is the name of the system account, empty if there is none.
func (o *Options) System() string {
	switch {
	case o.SystemAccount != "":
		return o.SystemAccount
	case o.NoSystemAccount && !o.hasAccount(DefaultSystemAccount):
		return ""
	}
	return DefaultSystemAccount
}

func (o *Options) hasAccount(name string) bool {
	for i := range o.Accounts {
		if o.Accounts[i].Name == name {
			return true
		}
	}
	return false
}
