package parser

import "strings"

// The limits of every vector: small, so that limits can be read off the table.
const (
	vectorLineMax    = 64
	vectorPayloadMax = 1024
)

// A vector is a stream and what must come of it. When kind is not 0, the last
// byte of in is the one that makes it wrong: no error before, whatever behind.
type vector struct {
	name string
	in   string
	ops  string    // the operations as describe writes them, joined by "; "
	kind ErrorKind // 0: no error
	rest int       // bytes at the end that are less than an operation

	// How nats-server 2.15.2 ends when it does not end like us; recorded from it with
	// the same limits. "" means like us: open, closed with the same -ERR, or closed silently.
	nats string
}

const (
	natsOpen   = "open"
	natsSilent = "closed"
)

func repeat(s string, count int) string { return strings.Repeat(s, count) }

var vectors = []vector{
	// Words.
	{name: "ping", in: "PING\r\n", ops: "PING"},
	{name: "ping lf", in: "PING\n", ops: "PING"},
	{name: "ping any case", in: "pInG\r\nping\r\nPiNg\n", ops: "PING; PING; PING"},
	{name: "ping tail", in: "PING foo bar\r\n", ops: "PING"},
	{name: "ping no separator", in: "PINGfoo\r\n", ops: "PING"},
	{name: "ping bare cr", in: "PING\rx\r\r\n", ops: "PING"},
	{name: "pong", in: "PONG\r\npong\n", ops: "PONG; PONG"},
	{name: "ok", in: "+OK\r\n+ok what ever\n", ops: "+OK; +OK"},
	{name: "err", in: "-ERR 'Some Text'\r\n", ops: "-ERR a='Some Text'", nats: natsSilent},
	{name: "err blanks and cr", in: "-err \t x \ry\r\n", ops: "-ERR a=x \ry", nats: natsSilent},
	{name: "err empty", in: "-ERR \r\n", ops: "-ERR", nats: natsSilent},
	{name: "info", in: "INFO {}\r\ninfo{}\r\nINFO\t{} \n", ops: "INFO a={}; INFO a={}; INFO a={} "},
	{name: "connect", in: "CONNECT {}\r\n", ops: "CONNECT a={}"},
	{name: "connect no separator", in: "connect{\"echo\":true}\n", ops: `CONNECT a={"echo":true}`},
	{name: "connect blanks", in: "CONNECT \t  {} \r\n", ops: "CONNECT a={} "},
	{name: "connect bare cr", in: "CONNECT {\r}\r\n", ops: "CONNECT a={\r}"},
	{name: "connect cr cr", in: "CONNECT {}\r\r\n", ops: "CONNECT a={}\r"},
	{name: "connect empty", in: "CONNECT\r\n", ops: "CONNECT", nats: natsSilent}, // the JSON is wrong: not ours to say
	{name: "connect not json", in: "CONNECTx\r\n", ops: "CONNECT a=x", nats: natsSilent},
	{name: "connect empty lf", in: "CONNECT \n", ops: "CONNECT"}, // nats-server waits for more

	// PUB.
	{name: "pub", in: "PUB foo 5\r\nhello\r\n", ops: "PUB s=foo p=hello"},
	{name: "pub reply", in: "PUB foo bar 5\r\nhello\r\n", ops: "PUB s=foo r=bar p=hello"},
	{name: "pub empty", in: "PUB foo 0\r\n\r\n", ops: "PUB s=foo p="},
	{name: "pub lf line", in: "PUB foo 2\nhi\r\n", ops: "PUB s=foo p=hi"},
	{name: "pub any case", in: "pub foo 2\r\nhi\r\nPuB foo 2\r\nho\r\n", ops: "PUB s=foo p=hi; PUB s=foo p=ho"},
	{name: "pub blanks", in: "PUB \t foo\t \tbar  2 \t\r\nhi\r\n", ops: "PUB s=foo r=bar p=hi"},
	{name: "pub crlf inside", in: "PUB foo 8\r\n\r\nPING\r\n\r\n", ops: "PUB s=foo p=\r\nPING\r\n"},
	{name: "pub any bytes", in: "PUB f\x00o\x01\xff 3\r\n\x00\r\xff\r\n", ops: "PUB s=f\x00o\x01\xff p=\x00\r\xff"},
	{name: "pub wildcard and odd subjects", in: "PUB foo.* 0\r\n\r\nPUB ..> 0\r\n\r\n", ops: "PUB s=foo.* p=; PUB s=..> p="},
	{name: "pub then ping", in: "PUB a 1\r\nx\r\nPING\r\n", ops: "PUB s=a p=x; PING"},
	{name: "pub largest", in: "PUB a 1024\r\n" + repeat("x", 1024) + "\r\n", ops: "PUB s=a p=" + repeat("x", 1024)},
	{name: "pub too large", in: "PUB a 1025\r\n", kind: PayloadTooLarge},
	{name: "pub one argument", in: "PUB foo\r\n", kind: BadArguments},
	{name: "pub no argument", in: "PUB \r\n", kind: BadArguments},
	{name: "pub four arguments", in: "PUB a b c 1\r\n", kind: BadArguments},
	{name: "pub six arguments", in: "PUB a b c d e 1\r\n", kind: BadArguments},
	{name: "pub no blank", in: "PUB\r", kind: UnknownOperation},
	{name: "pub no blank lf", in: "PUB\n", kind: UnknownOperation},
	{name: "pub glued", in: "PUBf", kind: UnknownOperation},
	{name: "pub nul is no blank", in: "PUB\x00", kind: UnknownOperation},
	{name: "pub lf first", in: "PUB \n", kind: BadArguments, nats: natsOpen},
	{name: "pub vertical tab is no blank", in: "PUB a\v1\r\n", kind: BadArguments},
	{name: "pub payload too long", in: "PUB foo 2\r\nhix", kind: UnknownOperation},
	{name: "pub payload lf only", in: "PUB foo 2\r\nhi\n", kind: UnknownOperation},
	{name: "pub payload cr x", in: "PUB foo 2\r\nhi\rx", kind: UnknownOperation},
	{name: "pub payload cr cr lf", in: "PUB foo 2\r\nhi\r\r", kind: UnknownOperation},
	{name: "pub empty without crlf", in: "PUB foo 0\r\nP", kind: UnknownOperation},

	// A CR inside a line: TOB-NATS-5 and its relatives.
	{name: "cr in pub size", in: "PUB abc\r 10\r\n", kind: UnknownOperation, nats: natsOpen},
	{name: "cr without lf", in: "PUB abc\r 10", rest: 11},
	{name: "cr before size", in: "PUB abc \r10\r\n", kind: UnknownOperation, nats: natsSilent},
	{name: "cr in size", in: "PUB abc 1\r0\r\n", kind: UnknownOperation, nats: natsSilent},
	{name: "cr in subject", in: "PUB a\rc 10\n", kind: UnknownOperation, nats: natsOpen},
	{name: "cr first", in: "PUB \rabc 10\r\n", kind: UnknownOperation, nats: natsOpen},
	{name: "cr behind too many", in: "PUB a b c d e \r1\n", kind: UnknownOperation, nats: natsSilent},
	{name: "cr cr lf", in: "PUB abc 10\r\r\n", kind: UnknownOperation, nats: natsSilent},
	{name: "cr blank lf", in: "PUB abc 10\r \n", kind: UnknownOperation, nats: natsSilent},
	{name: "cr in hpub", in: "HPUB abc\r 2 10\r\n", kind: UnknownOperation, nats: natsOpen},
	{name: "cr in sub", in: "SUB foo\r1\r\n", kind: UnknownOperation, nats: natsOpen},
	{name: "cr cr in sub", in: "SUB foo 1\r\r\n", kind: UnknownOperation, nats: natsOpen},
	{name: "cr in unsub", in: "UNSUB \r1\r\n", kind: UnknownOperation, nats: natsOpen},
	{name: "cr behind unsub", in: "UNSUB 1\r\r\n", kind: UnknownOperation, nats: natsOpen},

	// Sizes.
	{name: "size leading zeros", in: "PUB a 000000003\r\nabc\r\n", ops: "PUB s=a p=abc"},
	{name: "size 00", in: "PUB a 00\r\n\r\n", ops: "PUB s=a p="},
	{name: "size ten digits", in: "PUB a 0000000003\r\n", kind: BadArguments},
	{name: "size minus one", in: "PUB a -1\r\n", kind: BadArguments},
	{name: "size minus zero", in: "PUB a -0\r\n", kind: BadArguments},
	{name: "size plus", in: "PUB a +5\r\n", kind: BadArguments},
	{name: "size hex", in: "PUB a 0x10\r\n", kind: BadArguments},
	{name: "size float", in: "PUB a 1.0\r\n", kind: BadArguments},
	{name: "size exponent", in: "PUB a 1e2\r\n", kind: BadArguments},
	{name: "size underscore", in: "PUB a 1_0\r\n", kind: BadArguments},
	{name: "size word", in: "PUB a five\r\n", kind: BadArguments},
	{name: "size wide digit", in: "PUB a \uff11\r\n", kind: BadArguments},
	{name: "size slash", in: "PUB a /\r\n", kind: BadArguments},
	{name: "size colon", in: "PUB a :\r\n", kind: BadArguments},
	{name: "size 999999999", in: "PUB a 999999999\r\n", kind: PayloadTooLarge},
	{name: "size 1000000000", in: "PUB a 1000000000\r\n", kind: BadArguments},
	{name: "size 2^31", in: "PUB a 2147483648\r\n", kind: BadArguments},
	{name: "size 2^32+1", in: "PUB a 4294967297\r\n", kind: BadArguments},
	{name: "size 2^63", in: "PUB a 9223372036854775808\r\n", kind: BadArguments},
	{name: "size 2^64+5", in: "PUB a 18446744073709551621\r\n", kind: BadArguments},

	// HPUB.
	{name: "hpub", in: "HPUB foo 12 17\r\nNATS/1.0\r\n\r\nhello\r\n", ops: "HPUB s=foo h=12 p=NATS/1.0\r\n\r\nhello"},
	{name: "hpub reply", in: "hpub foo bar 2 4\r\nabcd\r\n", ops: "HPUB s=foo r=bar h=2 p=abcd"},
	{name: "hpub header only", in: "HPUB foo 4 4\nabcd\r\n", ops: "HPUB s=foo h=4 p=abcd"},
	{name: "hpub no header", in: "HPUB foo INBOX.22 0 5\r\nHELLO\r\n", ops: "HPUB s=foo r=INBOX.22 p=HELLO"},
	{name: "hpub nothing", in: "HPUB foo 0 0\r\n\r\n", ops: "HPUB s=foo p="},
	{name: "hpub header larger", in: "HPUB foo 5 4\r\n", kind: BadArguments},
	{name: "hpub too large", in: "HPUB foo 5 1025\r\n", kind: PayloadTooLarge},
	{name: "hpub header larger and too large", in: "HPUB foo 9999 1025\r\n", kind: BadArguments},
	{name: "hpub bad header size", in: "HPUB foo -1 4\r\n", kind: BadArguments},
	{name: "hpub bad total size", in: "HPUB foo 1 4x\r\n", kind: BadArguments},
	{name: "hpub two arguments", in: "HPUB foo 4\r\n", kind: BadArguments},
	{name: "hpub five arguments", in: "HPUB a b c 1 1\r\n", kind: BadArguments},
	{name: "hpub terminator", in: "HPUB foo 2 4\r\nabcde", kind: UnknownOperation},

	// SUB and UNSUB.
	{name: "sub", in: "SUB foo 1\r\nSUB foo 2\r\n", ops: "SUB s=foo i=1; SUB s=foo i=2"},
	{name: "sub queue", in: "sub foo.> workers abc\r\n", ops: "SUB s=foo.> q=workers i=abc"},
	{name: "sub blanks", in: "SUB\t foo \t 1 \t\n", ops: "SUB s=foo i=1"},
	{name: "sub odd subjects are not our business", in: "SUB foo..bar 1\r\n", ops: "SUB s=foo..bar i=1"},
	{name: "sub one argument", in: "SUB foo\r\n", kind: BadArguments},
	{name: "sub no argument", in: "SUB \r\n", kind: BadArguments},
	{name: "sub four arguments", in: "SUB a b c d\r\n", kind: BadArguments},
	{name: "sub no blank", in: "SUB\r", kind: UnknownOperation},
	{name: "sub lf first", in: "SUB \n", kind: BadArguments, nats: natsOpen},
	{name: "unsub", in: "UNSUB 1\r\nunsub 1 5\r\n", ops: "UNSUB i=1; UNSUB i=1 m=5"},
	{name: "unsub odd max", in: "UNSUB 1 0\nUNSUB 1 -1\nUNSUB 1 x\nUNSUB 1 1000000000\n",
		ops: "UNSUB i=1; UNSUB i=1; UNSUB i=1; UNSUB i=1"},
	{name: "unsub largest max", in: "UNSUB 1 999999999\r\n", ops: "UNSUB i=1 m=999999999"},
	{name: "unsub blanks", in: "UNSUB  \t 1\t\t5 \r\n", ops: "UNSUB i=1 m=5"},
	{name: "unsub no argument", in: "UNSUB \r\n", kind: BadArguments},
	{name: "unsub three arguments", in: "UNSUB 1 2 3\r\n", kind: BadArguments},

	// No words.
	{name: "empty line", in: "\r", kind: UnknownOperation},
	{name: "empty line lf", in: "\n", kind: UnknownOperation},
	{name: "empty line between", in: "PING\r\n\r", ops: "PING", kind: UnknownOperation},
	{name: "blank first", in: " ", kind: UnknownOperation},
	{name: "first byte", in: "x", kind: UnknownOperation},
	{name: "second byte", in: "PX", kind: UnknownOperation},
	{name: "third byte", in: "PUN", kind: UnknownOperation},
	{name: "last byte", in: "CONNECX", kind: UnknownOperation},
	{name: "http", in: "G", kind: UnknownOperation},
	{name: "tls hello", in: "\x16", kind: UnknownOperation},
	{name: "bit five is no case", in: "\x0b", kind: UnknownOperation},
	{name: "cr is no minus", in: "PING\r\n\r", ops: "PING", kind: UnknownOperation},
	{name: "high bit", in: "\xd0", kind: UnknownOperation},
	{name: "msg", in: "M", kind: UnknownOperation},
	{name: "hmsg", in: "HM", kind: UnknownOperation, nats: natsOpen},
	{name: "rmsg", in: "R", kind: UnknownOperation},
	{name: "ls+", in: "L", kind: UnknownOperation},
	{name: "a+", in: "A", kind: UnknownOperation},
	{name: "ok misspelled", in: "+OX", kind: UnknownOperation},
	{name: "err no blank", in: "-ERR\r", kind: UnknownOperation},

	// Control lines at the limit of 64.
	{name: "line at limit", in: "SUB " + repeat("a", 62) + " 1\r\n", ops: "SUB s=" + repeat("a", 62) + " i=1"},
	{name: "line at limit lf", in: "SUB " + repeat("a", 62) + " 1\n", ops: "SUB s=" + repeat("a", 62) + " i=1"},
	{name: "line over limit", in: "SUB " + repeat("a", 63) + " 1", kind: ControlLineTooLong},
	{name: "line over limit, no cr", in: "SUB " + repeat("a", 62) + " 1\rx", kind: ControlLineTooLong},
	{name: "line over limit, trailing blanks", in: "SUB a 1" + repeat(" ", 62), kind: ControlLineTooLong},
	{name: "leading blanks do not count", in: "SUB" + repeat(" ", 40) + repeat("a", 62) + " 1\r\n",
		ops: "SUB s=" + repeat("a", 62) + " i=1"},
	{name: "leading blanks at limit", in: "SUB" + repeat("\t", 64) + "a 1\r\n", ops: "SUB s=a i=1"},
	{name: "leading blanks over limit", in: "SUB" + repeat(" ", 65), kind: ControlLineTooLong, nats: natsOpen},
	{name: "connect at limit", in: "CONNECT {" + repeat(" ", 62) + "}\r\n", ops: "CONNECT a={" + repeat(" ", 62) + "}"},
	{name: "connect over limit", in: "CONNECT {" + repeat(" ", 64), kind: ControlLineTooLong},
	{name: "err over limit", in: "-ERR " + repeat("x", 65), kind: ControlLineTooLong},
	{name: "info over limit", in: "INFO{" + repeat(" ", 64), kind: ControlLineTooLong},
	{name: "pub over limit", in: "PUB " + repeat("a", 65), kind: ControlLineTooLong},
	{name: "hpub over limit", in: "HPUB " + repeat("a b ", 16) + "c", kind: ControlLineTooLong},
	{name: "unsub over limit", in: "UNSUB " + repeat("1", 65), kind: ControlLineTooLong},
	{name: "ping tail at limit", in: "PING" + repeat("x", 64) + "\r\n", ops: "PING"},
	{name: "ping tail over limit", in: "PING" + repeat("x", 65), kind: ControlLineTooLong, nats: natsOpen},
	{name: "ok tail over limit", in: "+OK" + repeat(" ", 65), kind: ControlLineTooLong, nats: natsOpen},
	{name: "bare cr over limit", in: "SUB \r" + repeat("a", 64), kind: ControlLineTooLong},

	// Less than an operation.
	{name: "nothing", in: ""},
	{name: "part of a word", in: "PING\r\nUNSU", ops: "PING", rest: 4},
	{name: "blanks only", in: "CONNECT  \t", rest: 10},
	{name: "part of a line", in: "SUB foo 1\r", rest: 10},
	{name: "part of a payload", in: "PUB foo 1024\r\n" + repeat("x", 1024), rest: 1038},
	{name: "payload without lf", in: "PUB foo 3\r\nfoo\r", rest: 15},
}
