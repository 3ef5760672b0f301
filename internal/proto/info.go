package proto

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Info is the JSON of INFO as clients see it: the fields of nats-server's Info
// that occur on a client listener, in the order of its wire, and one of ours.
type Info struct {
	ServerID     string `json:"server_id"`
	ServerName   string `json:"server_name"`
	Version      string `json:"version"` // VersionLevel: clients switch features on it
	Proto        int    `json:"proto"`
	GitCommit    string `json:"git_commit,omitempty"`
	GoVersion    string `json:"go"`
	Host         string `json:"host"`
	Port         int    `json:"port"`
	Headers      bool   `json:"headers"`
	AuthRequired bool   `json:"auth_required,omitempty"`
	TLSRequired  bool   `json:"tls_required,omitempty"`
	TLSVerify    bool   `json:"tls_verify,omitempty"`
	TLSAvailable bool   `json:"tls_available,omitempty"`
	MaxPayload   int32  `json:"max_payload"` // bytes; the account's may be lower
	JetStream    bool   `json:"jetstream,omitempty"`

	// These three belong to one connection.
	ClientID uint64 `json:"client_id,omitempty"`
	ClientIP string `json:"client_ip,omitempty"`
	Nonce    string `json:"nonce,omitempty"` // to be signed; first INFO only

	Cluster       string   `json:"cluster,omitempty"`
	Domain        string   `json:"domain,omitempty"`
	ConnectURLs   []string `json:"connect_urls,omitempty"`
	WSConnectURLs []string `json:"ws_connect_urls,omitempty"`
	LameDuckMode  bool     `json:"ldm,omitempty"`

	// Only in the INFO behind the first PONG.
	ConnectInfo     bool   `json:"connect_info,omitempty"`
	RemoteAccount   string `json:"remote_account,omitempty"`
	IsSystemAccount bool   `json:"acc_is_sys,omitempty"`

	JSAPILevel int    `json:"api_lvl,omitempty"`
	XKey       string `json:"xkey,omitempty"`
	// GnatsdEv is our own version; other servers have no such field.
	GnatsdEv string `json:"gnatsd_ev,omitempty"`
}

// Connected is what a client learns once it is authenticated, in the INFO
// behind its first PONG.
type Connected struct {
	MaxPayload    int32  // bytes, of this client's account
	Account       string // name of the account the client lives in
	SystemAccount bool   // that account is the system account
}

// A Greeting is an INFO rendered once for a listener, so that greeting a
// connection is a few copies. It is immutable: any goroutine may use it.
//
//	head     INFO {"server_id":...,"max_payload":
//	         1048576
//	middle   ,"jetstream":true
//	         ,"client_id":5,"client_ip":"127.0.0.1","nonce":"..."
//	lists    ,"cluster":"...","connect_urls":[...],"ldm":true
//	         ,"connect_info":true,"remote_account":"$G"
//	tail     ,"api_lvl":5,"xkey":"..."} CRLF
type Greeting struct {
	head, middle, lists, tail []byte

	maxPayload int32 // bytes, before the account is known
}

// clientFields are the fields of one connection, in the order of the wire.
type clientFields struct {
	id    uint64
	ip    string
	nonce string
}

// NewGreeting renders info. Its fields of one connection (ClientID to Nonce,
// and ConnectInfo to IsSystemAccount) are left out: Append... fill them in.
func NewGreeting(info Info) *Greeting {
	// Keys that open the places to fill in. As keys they occur exactly once:
	// inside a JSON string the quotes would be escaped.
	const payloadKey, clientKey, connectKey = `,"max_payload":`, `,"client_id":1`, `,"connect_info":true`
	maxPayload := info.MaxPayload
	info.MaxPayload = 0
	info.ClientID, info.ClientIP, info.Nonce = 1, "", ""
	info.ConnectInfo, info.RemoteAccount, info.IsSystemAccount = true, "", false

	text, err := json.Marshal(info)
	if err != nil {
		panic("proto: Info cannot be marshalled: " + err.Error()) // strings, numbers and bools always can
	}
	g := &Greeting{maxPayload: maxPayload}
	head, rest, _ := bytes.Cut(text, []byte(payloadKey))
	g.head = append(append([]byte("INFO "), head...), payloadKey...)
	g.middle, rest, _ = bytes.Cut(rest[len("0"):], []byte(clientKey))
	g.lists, rest, _ = bytes.Cut(rest, []byte(connectKey))
	g.tail = append(append([]byte(nil), rest...), " \r\n"...)
	return g
}

// Append appends the INFO line that greets a connection. A zero clientID or an
// empty clientIP leaves the field out.
func (g *Greeting) Append(dst []byte, clientID uint64, clientIP string) []byte {
	return g.AppendNonce(dst, clientID, clientIP, "")
}

// AppendNonce appends the INFO line of a listener that accepts signatures: the
// client signs nonce.
func (g *Greeting) AppendNonce(dst []byte, clientID uint64, clientIP, nonce string) []byte {
	dst = g.appendUpToLists(dst, g.maxPayload, clientFields{clientID, clientIP, nonce})
	dst = append(dst, g.lists...)
	return append(dst, g.tail...)
}

// AppendConnected appends the second INFO line, which follows the first PONG to
// a client of protocol 1.
func (g *Greeting) AppendConnected(dst []byte, clientID uint64, clientIP string, c Connected) []byte {
	dst = g.appendUpToLists(dst, c.MaxPayload, clientFields{id: clientID, ip: clientIP})
	dst = append(dst, g.lists...)
	dst = append(dst, `,"connect_info":true`...)
	if c.Account != "" {
		dst = appendJSONString(append(dst, `,"remote_account":`...), c.Account)
	}
	if c.SystemAccount {
		dst = append(dst, `,"acc_is_sys":true`...)
	}
	return append(dst, g.tail...)
}

func (g *Greeting) appendUpToLists(dst []byte, maxPayload int32, c clientFields) []byte {
	dst = append(dst, g.head...)
	dst = strconv.AppendInt(dst, int64(maxPayload), 10)
	dst = append(dst, g.middle...)
	if c.id != 0 {
		dst = AppendDecimal(append(dst, `,"client_id":`...), c.id)
	}
	if c.ip != "" {
		dst = appendJSONString(append(dst, `,"client_ip":`...), c.ip)
	}
	if c.nonce != "" {
		dst = appendJSONString(append(dst, `,"nonce":`...), c.nonce)
	}
	return dst
}

// appendJSONString appends s as json.Marshal would; addresses, nonces and
// account names hardly ever need its help.
func appendJSONString(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
