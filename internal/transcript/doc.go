// Package transcript reads, plays and records wire transcripts: scripted
// peers talking to a server, written so that they read as documentation.
//
// A transcript is a text file, one step a line:
//
//	# SUB is visible to the PUB behind it.
//	a> SUB greet 1
//	a> PUB greet 2 | hi
//	a< MSG greet 1 2 | hi
//	a< closed
//
// Lines that start with # are comments; the comment above an expectation is
// its reason, and a failure prints it. Empty lines end a reason's paragraph.
//
// # Sending
//
//	a> LINE            LINE and CRLF
//	a> LINE | PAYLOAD  LINE, CRLF, PAYLOAD, CRLF; a line that ends in " |" has an empty payload
//	a>> BYTES          BYTES and nothing else
//
// Bytes are written as they are but for \r \n \t \0 \\ and \xHH, and for
// {BYTES*N}, which stands for N times BYTES.
//
// # Expecting
//
//	a< LINE            the next frame of a; <word> in it stands for any run of non-blanks
//	a< LINE | PAYLOAD  the next frame of a, with its payload
//	a< INFO {"k":v}    an INFO whose listed fields have these values; "<any>" and "<absent>" are values too
//	a< closed          the server ended the connection
//	a<~ LINE           consecutive lines of this kind may arrive in any order
//	a< ?               for Record: fill in here what arrives
//
// Every frame must be expected. A peer connects at its first step, and its
// greeting is skipped unless that step expects the INFO. The server's own
// PINGs are skipped unless the file sets ping_interval. Whoever is still
// connected at the end must answer one more PING with nothing before it.
//
// # Steering
//
//	open a             connect now
//	sync a b           PING and wait for PONG, a first and b after it
//	half-close a       end our direction (FIN)
//	close a            end both
//	reset a            end both with RST
//	sleep 50ms         wait
//	! NAME VALUE       start the server with this option; see OptionNames
//	! deviation TEXT   nats-server answers otherwise, and TEXT says why
//	! cuts TEXT        nats-server answers by how the bytes are cut, and TEXT says how
package transcript
