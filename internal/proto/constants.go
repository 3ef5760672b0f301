package proto

import "time"

// What we say we are.
const (
	// VersionLevel is the "version" of INFO: the nats-server release whose
	// behaviour we follow. Clients switch features on it, so it is not our own.
	VersionLevel = "2.15.2"
	// ProtoLevel is the "proto" of INFO; 1 adds asynchronous INFO and echo.
	ProtoLevel = 1
	// ClientProtocolMax is the highest "protocol" a CONNECT may ask for.
	ClientProtocolMax = 1
	// GlobalAccount is where clients live when no account is configured.
	GlobalAccount = "$G"
	// SystemAccount carries the $SYS subjects unless configured otherwise.
	SystemAccount = "$SYS"
)

// Where we listen when nothing is configured; nats-server's choice.
const (
	// DefaultHost is every interface.
	DefaultHost = "0.0.0.0"
	// DefaultClientPort is the port every client library tries first.
	DefaultClientPort = 4222
	// DefaultLeafPort is where a hub accepts leaf nodes.
	DefaultLeafPort = 7422
	// DefaultMonitorPort is the port monitoring tools expect.
	DefaultMonitorPort = 8222
)

// Sizes in bytes, and counts. All are nats-server's defaults.
const (
	// DefaultMaxControlLine bounds the arguments of one control line.
	DefaultMaxControlLine = 4096
	// DefaultMaxPayload bounds header and body of one message together.
	DefaultMaxPayload = 1 << 20
	// PayloadWarnAt is the configured maximum from which start-up warns: one
	// message that long holds up everybody behind it.
	PayloadWarnAt = 8 << 20
	// SizeMax is the largest size a control line can say: nine digits.
	SizeMax = 999_999_999
	// DefaultMaxPending bounds the bytes waiting for one slow client.
	DefaultMaxPending = 64 << 20
	// DefaultMaxConnections is the limit when none is configured.
	DefaultMaxConnections = 64 << 10
	// DefaultMaxClosedClients is how many closed connections monitoring remembers.
	DefaultMaxClosedClients = 10_000
	// NonceBytes of randomness make a nonce of 15 base64url characters.
	NonceBytes = 11
)

// Times. All are nats-server's defaults.
const (
	// DefaultPingEvery is the time between our PINGs to a quiet peer.
	DefaultPingEvery = 2 * time.Minute
	// DefaultPingsOutMax is how many may stay unanswered before the peer is stale.
	DefaultPingsOutMax = 2
	// FirstPingAfter is the earliest PING after CONNECT; it measures the round trip.
	FirstPingAfter = 2 * time.Second
	// RoundTripEvery is the age at which a measured round trip is measured again.
	RoundTripEvery = time.Hour
	// DefaultWriteDeadline is how long a blocked write may last.
	DefaultWriteDeadline = 10 * time.Second
	// DefaultAuthTimeout is how long a peer may take to send a good CONNECT.
	DefaultAuthTimeout = 2 * time.Second
	// DefaultTLSTimeout is how long a TLS handshake may take.
	DefaultTLSTimeout = 2 * time.Second
	// DefaultLameDuckDuration is the time over which clients are sent away.
	DefaultLameDuckDuration = 2 * time.Minute
	// DefaultLameDuckGrace is the wait between the notice and the first close.
	DefaultLameDuckGrace = 10 * time.Second
	// DefaultLeafReconnect is the pause before a lost uplink is dialled again.
	DefaultLeafReconnect = time.Second
)
