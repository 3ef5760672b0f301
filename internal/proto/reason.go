package proto

// CloseReason says why a connection ended. Monitoring prints its String, which
// tools compare with nats-server's; the numbers are ours and never leave us.
type CloseReason uint8

// The reasons of nats-server 2.15.2, in its order, and one of ours. The zero value is a
// connection that is still open.
const (
	StillOpen CloseReason = iota
	ClientClosed
	AuthenticationTimeout
	AuthenticationViolation
	TLSHandshakeError
	SlowConsumerPendingBytes
	SlowConsumerWriteDeadline
	WriteError
	ReadError
	ParseError
	StaleConnection
	ProtocolViolation
	BadClientProtocolVersion
	WrongPort
	MaxAccountConnectionsExceeded
	MaxConnectionsExceeded
	MaxPayloadExceeded
	MaxControlLineExceeded
	MaxSubscriptionsExceeded
	DuplicateRoute
	RouteRemoved
	ServerShutdown
	AuthenticationExpired
	WrongGateway
	MissingAccount
	Revocation
	InternalClient
	MessageHeaderViolation
	NoRespondersRequiresHeaders
	ClusterNameConflict
	DuplicateRemoteLeafConnection
	DuplicateClientID
	DuplicateServerName
	MinimumVersionRequired
	ClusterNamesIdentical
	Kicked
	ProxyNotTrusted
	ProxyRequired
	InternalError // ours: handling the connection panicked

	closeReasonCount
)

var closeReasonNames = [closeReasonCount]string{
	StillOpen:                     "",
	ClientClosed:                  "Client Closed",
	AuthenticationTimeout:         "Authentication Timeout",
	AuthenticationViolation:       "Authentication Failure",
	TLSHandshakeError:             "TLS Handshake Failure",
	SlowConsumerPendingBytes:      "Slow Consumer (Pending Bytes)",
	SlowConsumerWriteDeadline:     "Slow Consumer (Write Deadline)",
	WriteError:                    "Write Error",
	ReadError:                     "Read Error",
	ParseError:                    "Parse Error",
	StaleConnection:               "Stale Connection",
	ProtocolViolation:             "Protocol Violation",
	BadClientProtocolVersion:      "Bad Client Protocol Version",
	WrongPort:                     "Incorrect Port",
	MaxAccountConnectionsExceeded: "Maximum Account Connections Exceeded",
	MaxConnectionsExceeded:        "Maximum Connections Exceeded",
	MaxPayloadExceeded:            "Maximum Message Payload Exceeded",
	MaxControlLineExceeded:        "Maximum Control Line Exceeded",
	MaxSubscriptionsExceeded:      "Maximum Subscriptions Exceeded",
	DuplicateRoute:                "Duplicate Route",
	RouteRemoved:                  "Route Removed",
	ServerShutdown:                "Server Shutdown",
	AuthenticationExpired:         "Authentication Expired",
	WrongGateway:                  "Wrong Gateway",
	MissingAccount:                "Missing Account",
	Revocation:                    "Credentials Revoked",
	InternalClient:                "Internal Client",
	MessageHeaderViolation:        "Message Header Violation",
	NoRespondersRequiresHeaders:   "No Responders Requires Headers",
	ClusterNameConflict:           "Cluster Name Conflict",
	DuplicateRemoteLeafConnection: "Duplicate Remote LeafNode Connection",
	DuplicateClientID:             "Duplicate Client ID",
	DuplicateServerName:           "Duplicate Server Name",
	MinimumVersionRequired:        "Minimum Version Required",
	ClusterNamesIdentical:         "Cluster Names Identical",
	Kicked:                        "Kicked",
	ProxyNotTrusted:               "Proxy Not Trusted",
	ProxyRequired:                 "Proxy Required",
	InternalError:                 "Internal Error",
}

// String returns nats-server's words for r, "" for StillOpen and "Unknown
// State" for a number that is no reason.
func (r CloseReason) String() string {
	if r >= closeReasonCount {
		return "Unknown State"
	}
	return closeReasonNames[r]
}
