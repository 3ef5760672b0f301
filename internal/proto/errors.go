package proto

import "strconv"

// A PeerError is a mistake of the peer, or a limit it ran into, that it is told
// about as -ERR 'Text'. Fatal means that the connection ends after it.
type PeerError struct {
	Text  string
	Fatal bool
}

// Error returns the text without the -ERR around it.
func (e PeerError) Error() string { return e.Text }

// Append appends the whole -ERR line.
func (e PeerError) Append(dst []byte) []byte { return AppendErr(dst, e.Text) }

// AppendErr appends -ERR 'text' and CRLF. Text that came from a peer must have
// been quoted before, as the functions of this file do: nothing is escaped here.
func AppendErr(dst []byte, text string) []byte {
	dst = append(dst, "-ERR '"...)
	dst = append(dst, text...)
	return append(dst, "'\r\n"...)
}

// What clients are told. Client libraries compare these texts in lower case:
// they are nats-server's to the letter.
var (
	// ErrUnknownOperation answers bytes that are no operation.
	ErrUnknownOperation = PeerError{"Unknown Protocol Operation", true}
	// ErrControlLine answers a control line that is too long.
	ErrControlLine = PeerError{"maximum control line exceeded", true}
	// ErrPayload answers a PUB whose announced size is too large.
	ErrPayload = PeerError{"Maximum Payload Violation", true}

	// ErrAuthorization answers every failed authentication and a first
	// operation that is not CONNECT where CONNECT is required.
	ErrAuthorization = PeerError{"Authorization Violation", true}
	// ErrAuthTimeout ends a connection that sent no CONNECT in time.
	ErrAuthTimeout = PeerError{"Authentication Timeout", true}
	// ErrUserExpired ends a connection whose user expired.
	ErrUserExpired = PeerError{"User Authentication Expired", true}
	// ErrAccountExpired ends a connection whose account expired.
	ErrAccountExpired = PeerError{"Account Authentication Expired", true}
	// ErrUserRevoked ends a connection whose user was revoked.
	ErrUserRevoked = PeerError{"User Authentication Revoked", true}
	// ErrAccountRegistration ends a connection whose account cannot be used.
	ErrAccountRegistration = PeerError{"Failed Account Registration", true}

	// ErrClientProtocol answers a CONNECT protocol other than 0 and 1.
	ErrClientProtocol = PeerError{"invalid client protocol", true}
	// ErrNoRespondersHeaders answers no_responders without headers.
	ErrNoRespondersHeaders = PeerError{"no responders requires headers support", true}
	// ErrTLSRequired ends a connection whose TLS handshake took too long.
	ErrTLSRequired = PeerError{"Secure Connection - TLS Required", true}
	// ErrThrottled refuses a connection over the TLS connection rate.
	ErrThrottled = PeerError{"Connection throttling is active. Please try again later.", true}

	// ErrConnections refuses a connection over max_connections.
	ErrConnections = PeerError{"maximum connections exceeded", true}
	// ErrAccountConnections refuses one over the account's limit.
	ErrAccountConnections = PeerError{"maximum account active connections exceeded", true}
	// ErrSubscriptions refuses a SUB over a limit; the connection stays.
	ErrSubscriptions = PeerError{"maximum subscriptions exceeded", false}
	// ErrUnfinished ends a connection whose unfinished operation takes memory that all need.
	// nats-server has no such word.
	ErrUnfinished = PeerError{"maximum unfinished input exceeded", true}
	// ErrStale ends a connection that did not answer our PINGs.
	ErrStale = PeerError{"Stale Connection", true}

	// ErrSubject answers a SUB with an empty token or a > that is not last.
	ErrSubject = PeerError{"Invalid Subject", false}
	// ErrPublishSubject warns a pedantic publisher; the message is still routed.
	ErrPublishSubject = PeerError{"Invalid Publish Subject", false}
)

// What leaf nodes and peers at the wrong port are told.
var (
	// ErrLeafClusterName ends a leaf whose cluster is called like ours.
	ErrLeafClusterName = PeerError{"remote leafnode has same cluster name", true}
	// ErrLeafDuplicate ends the older of two leaf connections of one server.
	ErrLeafDuplicate = PeerError{"Duplicate Remote LeafNode Connection", true}
	// ErrLeafClusterSpaces refuses a cluster name that contains spaces.
	ErrLeafClusterSpaces = PeerError{"cluster name cannot contain spaces", true}
	// ErrLeafStale ends a leaf that did not answer our PINGs.
	ErrLeafStale = PeerError{"Stale Leaf Node Connection - Closing", true}
	// ErrLeafSubscription answers an LS+ that cannot be stored; the leaf stays.
	ErrLeafSubscription = PeerError{"Invalid Subscription", false}
	// ErrWrongPortLeaf answers a client at the leaf port.
	ErrWrongPortLeaf = PeerError{"attempted to connect to leaf node port", true}
	// ErrWrongPortRoute answers a client at the route port.
	ErrWrongPortRoute = PeerError{"attempted to connect to route port", true}
	// ErrWrongPortGateway answers a client or route at the gateway port.
	ErrWrongPortGateway = PeerError{"attempted to connect to gateway port", true}
)

// bytestring is text of the protocol, as views (bytes) or as kept (string).
type bytestring interface{ ~string | ~[]byte }

// PublishViolation is for a PUB that subject permissions or a reserved prefix forbid.
func PublishViolation[S bytestring](subject S) PeerError {
	return violation("Permissions Violation for Publish to ", string(subject), "")
}

// ReplyViolation is for a PUB with a reply subject that only servers may use.
func ReplyViolation[S bytestring](reply S) PeerError {
	return violation("Permissions Violation for Publish with Reply of ", string(reply), "")
}

// SubscribeViolation is for a SUB that permissions forbid. An empty queue means none.
func SubscribeViolation[S, Q bytestring](subject S, queue Q) PeerError {
	return violation("Permissions Violation for Subscription to ", string(subject), usingQueue(string(queue)))
}

// SubscriptionRevoked is for a subscription that new permissions took away.
func SubscriptionRevoked[S, Q, I bytestring](subject S, queue Q, sid I) PeerError {
	return violation("Permissions Violation for Subscription to ", string(subject),
		usingQueue(string(queue))+" (sid "+strconv.Quote(string(sid))+")")
}

// TooManyTokens is for a SUB whose subject is over max_subscription_tokens.
func TooManyTokens[S bytestring](subject S) PeerError {
	return violation("Permissions Violation for Subscription to ", string(subject), ", too many tokens")
}

// LeafLoop is for a leaf through which our own interest came back.
func LeafLoop(account string) PeerError {
	return PeerError{"Loop detected for leafnode account=" + strconv.Quote(account) +
		". Delaying attempt to reconnect for 30s", true}
}

// LeafVersion refuses a leaf below the configured minimum version.
func LeafVersion(minimum string) PeerError {
	return PeerError{"connection rejected since minimum version required is " + strconv.Quote(minimum), true}
}

// violation quotes the peer's text as nats-server's %q does, so that it can
// close neither the quotes around it nor the line.
func violation(before, quoted, after string) PeerError {
	b := make([]byte, 0, len(before)+len(quoted)+len(after)+2)
	b = append(b, before...)
	b = strconv.AppendQuote(b, quoted)
	return PeerError{string(append(b, after...)), false}
}

func usingQueue(queue string) string {
	if queue == "" {
		return ""
	}
	return " using queue " + strconv.Quote(queue)
}
