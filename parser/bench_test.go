package parser

import (
	"bytes"
	"testing"
)

// benchOp lives on the heap, as the Op of a loop does.
var benchOp = new(Op)

func benchmarkStream(b *testing.B, operation string) {
	const operations = 64
	stream := bytes.Repeat([]byte(operation), operations)
	p := Parser{MaxControlLine: 4096, MaxPayload: 1 << 20, Headers: true}
	b.SetBytes(int64(len(operation)))
	b.ReportAllocs()
	rest := stream
	for b.Loop() {
		n, err := p.Next(rest, benchOp)
		if n == 0 || err != nil {
			b.Fatal(n, err)
		}
		if rest = rest[n:]; len(rest) == 0 {
			rest = stream
		}
	}
}

func BenchmarkPub16(b *testing.B) { benchmarkStream(b, "PUB foo 16\r\n0123456789abcdef\r\n") }
func BenchmarkPubReply16(b *testing.B) {
	benchmarkStream(b, "PUB orders.new _INBOX.Lk3jd8sKq2.1 16\r\n0123456789abcdef\r\n")
}
func BenchmarkPub4K(b *testing.B) {
	benchmarkStream(b, "PUB orders.new 4096\r\n"+string(make([]byte, 4096))+"\r\n")
}
func BenchmarkHPub(b *testing.B) {
	benchmarkStream(b, "HPUB orders.new 22 38\r\nNATS/1.0\r\nA: bcdef\r\n\r\n0123456789abcdef\r\n")
}
func BenchmarkSub(b *testing.B)   { benchmarkStream(b, "SUB orders.new 12345\r\n") }
func BenchmarkUnsub(b *testing.B) { benchmarkStream(b, "UNSUB 12345 10\r\n") }
func BenchmarkPing(b *testing.B)  { benchmarkStream(b, "PING\r\n") }

// BenchmarkPubInPieces receives 64 KB in 64 pieces: 63 calls that must cost next to nothing.
func BenchmarkPubInPieces(b *testing.B) {
	const pieces = 64
	stream := []byte("PUB orders.new 65536\r\n" + string(make([]byte, 65536)) + "\r\n")
	p := Parser{MaxControlLine: 4096, MaxPayload: 1 << 20}
	b.ReportAllocs()
	for b.Loop() {
		for i := 1; i <= pieces; i++ {
			n, err := p.Next(stream[:len(stream)*i/pieces], benchOp)
			if err != nil || (n != 0) != (i == pieces) {
				b.Fatal(i, n, err)
			}
		}
	}
}
