package proto

import "encoding/json"

// Connect is what a client says of itself in CONNECT: nats-server's ClientOpts
// as far as it concerns clients. Make it with NewConnect.
//
// Name, Lang and Version are the same few strings on a hundred thousand
// connections: whoever keeps a Connect should replace them by interned ones.
type Connect struct {
	Echo         bool   `json:"echo"`
	Verbose      bool   `json:"verbose"`
	Pedantic     bool   `json:"pedantic"`
	TLSRequired  bool   `json:"tls_required"`
	Nkey         string `json:"nkey,omitempty"`
	JWT          string `json:"jwt,omitempty"`
	Sig          string `json:"sig,omitempty"`
	Token        string `json:"auth_token,omitempty"`
	User         string `json:"user,omitempty"`
	Pass         string `json:"pass,omitempty"`
	Name         string `json:"name"`
	Lang         string `json:"lang"`
	Version      string `json:"version"`
	Protocol     int    `json:"protocol"`
	Account      string `json:"account,omitempty"`
	NewAccount   bool   `json:"new_account,omitempty"`
	Headers      bool   `json:"headers,omitempty"`
	NoResponders bool   `json:"no_responders,omitempty"`
	ProxySig     string `json:"proxy_sig,omitempty"`
}

// NewConnect returns what holds for a client that never sent CONNECT.
func NewConnect() Connect { return Connect{Echo: true, Verbose: true, Pedantic: true} }

// Unmarshal lays the fields present in text over c; the absent keep their
// value, as a second CONNECT requires, and unknown ones are ignored. After an
// error c may hold half of the new fields: the connection has to end, and
// nats-server ends it without a word.
func (c *Connect) Unmarshal(text []byte) error { return json.Unmarshal(text, c) }

// NamesAccount reports whether the client asks for an account by name, which
// must be answered with ErrAuthorization: it once crossed accounts (CVE-2022-24450).
func (c *Connect) NamesAccount() bool { return c.NewAccount || c.Account != "" }
