package loop

import "golang.org/x/sys/unix"

func setNotSentLowat(fd, bytes int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, bytes)
}

// choosePortLate has the port chosen by connect, which knows the peer: chosen by
// bind it would be taken for every peer, and for a minute longer than the connection.
func choosePortLate(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}
