package proto

// Outgoing frames. Everything a broker sends often is appended here, without
// allocating, into the block the caller owns.

// Frames that never change.
const (
	// CRLF ends every line and every payload.
	CRLF = "\r\n"
	// Ping asks the peer for a Pong.
	Ping = "PING\r\n"
	// Pong answers a PING.
	Pong = "PONG\r\n"
	// OK answers operations of a verbose client.
	OK = "+OK\r\n"
	// HeaderLine opens a header block that carries no status.
	HeaderLine = "NATS/1.0\r\n"
)

const (
	noRespondersHead = "NATS/1.0 503\r\nNats-Subject: "
	noRespondersTail = "\r\n\r\n"
)

// AppendMSG appends the line in front of a message of size bytes. An empty
// reply means none. The payload and CRLF are the caller's to append.
func AppendMSG[S, I, R bytestring](dst []byte, subject S, sid I, reply R, size int) []byte {
	dst = append(dst, "MSG "...)
	dst = appendRoute(dst, subject, sid, reply)
	dst = AppendDecimal(dst, uint64(size))
	return append(dst, CRLF...)
}

// AppendHMSG appends the line in front of a message with a header block of
// header bytes; total counts header block and body.
func AppendHMSG[S, I, R bytestring](dst []byte, subject S, sid I, reply R, header, total int) []byte {
	dst = append(dst, "HMSG "...)
	dst = appendRoute(dst, subject, sid, reply)
	dst = AppendDecimal(dst, uint64(header))
	dst = append(dst, ' ')
	dst = AppendDecimal(dst, uint64(total))
	return append(dst, CRLF...)
}

// AppendNoResponders appends the whole 503 that tells a requester, at its reply
// subject, that nobody listens on subject.
func AppendNoResponders[R, I, S bytestring](dst []byte, reply R, sid I, subject S) []byte {
	size := len(noRespondersHead) + len(subject) + len(noRespondersTail)
	dst = AppendHMSG(dst, reply, sid, "", size, size)
	dst = append(dst, noRespondersHead...)
	dst = append(dst, subject...)
	dst = append(dst, noRespondersTail...)
	return append(dst, CRLF...)
}

// appendRoute appends "subject sid " or "subject sid reply ".
func appendRoute[S, I, R bytestring](dst []byte, subject S, sid I, reply R) []byte {
	dst = append(dst, subject...)
	dst = append(dst, ' ')
	dst = append(dst, sid...)
	dst = append(dst, ' ')
	if len(reply) > 0 {
		dst = append(dst, reply...)
		dst = append(dst, ' ')
	}
	return dst
}

// digitPairs is "00" to "99": two digits for one division.
const digitPairs = "0001020304050607080910111213141516171819" +
	"2021222324252627282930313233343536373839" +
	"4041424344454647484950515253545556575859" +
	"6061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// AppendDecimal appends n in decimal.
func AppendDecimal(dst []byte, n uint64) []byte {
	if n < 10 {
		return append(dst, byte('0'+n))
	}
	if n < 100 {
		return append(dst, digitPairs[2*n], digitPairs[2*n+1])
	}
	var digits [20]byte // as many as the largest uint64 has
	at := len(digits)
	for n >= 100 {
		pair := 2 * (n % 100)
		n /= 100
		at -= 2
		digits[at], digits[at+1] = digitPairs[pair], digitPairs[pair+1]
	}
	if n >= 10 {
		at--
		digits[at] = byte('0' + n%10)
		n /= 10
	}
	at--
	digits[at] = byte('0' + n)
	return append(dst, digits[at:]...)
}
