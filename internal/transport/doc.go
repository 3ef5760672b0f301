// Package transport changes the form of bytes between a socket and those who understand them. It knows no
// word of any protocol above it, and nothing of sockets and loops: bytes in, bytes out.
//
// # TLS
//
// crypto/tls wants a net.Conn that waits. Here it gets one in memory. While the
// handshake runs, a goroutine waits in it, and it and the owner of the connection take turns: the owner
// puts in what has come from the socket, the goroutine computes until it needs more and gives the
// connection back with what is to be sent. So nothing is locked, and a handshake whose
// peer is silent holds a goroutine and no thread. The processor is shared through a Gate, as many
// handshakes compute at a time as it has places.
//
// After the handshake there is no goroutine. The conn in memory then says of a read that
// finds nothing that it would block, as a temporary error, which crypto/tls takes for
// what it is: it keeps the part of a record it has and goes on with it in the next call.
package transport
