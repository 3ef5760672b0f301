package transport

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"gnatsd-ev/internal/certificate"
)

var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// eachVersion runs a test with both versions of TLS.
func eachVersion(t *testing.T, f func(*testing.T, uint16)) {
	for _, v := range versions {
		t.Run(tls.VersionName(v), func(t *testing.T) { f(t, v) })
	}
}

func newAcceptor(verify bool) *Acceptor { return NewAcceptor(serverConfig(verify), NewGate(2)) }

// talk has the client shake hands, say what it has to say and end its half, and then read to the
// end. It sends what it has read, and nil at last.
func (l *link) talk(say []byte) (heard chan []byte, failed chan error) {
	heard, failed = make(chan []byte, 1), make(chan error, 1)
	go func() {
		defer l.client.Close()
		if _, err := l.client.Write(say); err != nil {
			failed <- err
			heard <- nil
			return
		}
		l.client.CloseWrite()
		b, err := io.ReadAll(l.client)
		if err != nil {
			failed <- err
		}
		heard <- b
	}()
	return heard, failed
}

// carry feeds what comes from the client, in pieces as cut says, until the server's side ends.
func (l *link) carry(cut func(b []byte) [][]byte) error {
	for b := range l.toServer {
		for _, piece := range cut(b) {
			if err := l.feed(piece); err != nil {
				return err
			}
			if l.err != nil {
				return l.err
			}
		}
	}
	return io.ErrUnexpectedEOF
}

func whole(b []byte) [][]byte { return [][]byte{b} }

func bytewise(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

// answer is the server's side of talk: it says words and the end.
func (l *link) answer(words ...[]byte) {
	l.t.Helper()
	for _, w := range words {
		sealed, err := l.tls.Seal(nil, w)
		if err != nil {
			l.t.Fatal(err)
		}
		l.toClient(sealed)
	}
	l.toClient(l.tls.Farewell(nil))
}

func TestBothWaysHoweverCut(t *testing.T) {
	say := bytes.Repeat([]byte("from the client "), 10_000)
	hear := [][]byte{[]byte("a word"), bytes.Repeat([]byte("and a large one "), 4_000)}
	for name, cut := range map[string]func([]byte) [][]byte{"whole": whole, "bytewise": bytewise} {
		eachVersion(t, func(t *testing.T, v uint16) {
			for _, room := range []int{1 << 16, 100} {
				say := say
				if name == "bytewise" || room == 100 {
					say = say[:20_000]
				}
				l := newLink(t, newAcceptor(false), clientConfig(v))
				l.dst = l.dst[:room]
				heard, failed := l.talk(say)
				if err := l.carry(cut); err != io.EOF {
					t.Fatalf("%s: the server's side ended with %v", name, err)
				}
				if !bytes.Equal(l.got, say) {
					t.Errorf("%s: got %d bytes that differ from the %d said", name, len(l.got), len(say))
				}
				go l.answer(hear...)
				if got := <-heard; !bytes.Equal(got, bytes.Join(hear, nil)) {
					t.Errorf("%s: the client got %d bytes that differ; failed: %d", name, len(got), len(failed))
				}
				l.acceptor.gate.Wait()
			}
		})
	}
}

// A handshake and what follows it, cut once at every byte: both what comes with its end and what comes behind.
func TestCutAtEveryByte(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		for at, total := 1, 2; at < total; at++ {
			l := newLink(t, newAcceptor(false), clientConfig(v))
			l.talk([]byte("CONNECT {}\r\nPING\r\n"))
			seen := 0
			err := l.carry(func(b []byte) [][]byte {
				from := seen
				seen += len(b)
				if from < at && at < seen {
					return [][]byte{b[:at-from], b[at-from:]}
				}
				return whole(b)
			})
			if err != io.EOF || string(l.got) != "CONNECT {}\r\nPING\r\n" {
				t.Fatalf("cut at %d: got %q, %v", at, l.got, err)
			}
			total = seen
			go io.Copy(io.Discard, l.wire) // the farewell
			l.tls.Farewell(nil)
			l.client.NetConn().Close()
		}
	})
}

// Many records in one read, more than the buffer for records takes: what the client says in 3,000 writes arrives
// at once, together with its end, and is opened bit by bit.
func TestManyRecordsInOneRead(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		l := newLink(t, newAcceptor(false), clientConfig(v))
		shaken := make(chan struct{})
		go func() {
			defer l.client.NetConn().Close()
			l.client.Handshake()
			close(shaken)
			for i := range 3000 {
				fmt.Fprintf(l.client, "%d\n", i)
			}
			l.client.CloseWrite()
		}()
		for !l.over {
			l.feed(<-l.toServer)
		}
		<-shaken
		var all []byte
		for b := range l.toServer {
			all = append(all, b...)
		}
		l.dst = l.dst[:100]
		if err := l.feed(all); err != io.EOF {
			t.Errorf("ended with %v", err)
		}
		if want := 3000; strings.Count(string(l.got), "\n") != want || !strings.HasSuffix(string(l.got), "2999\n") {
			t.Errorf("got %d lines, want %d", strings.Count(string(l.got), "\n"), want)
		}
	})
}

func TestClientCertificates(t *testing.T) {
	stranger := certificate.NewAuthority("stranger").Issue("stranger")
	known := authority().Issue("known")
	for _, c := range []struct {
		name string
		cert []tls.Certificate
		want string // of the error, empty for none
	}{
		{"none", nil, "didn't provide a certificate"},
		{"of a stranger", []tls.Certificate{stranger}, "unknown authority"},
		{"of a known one", []tls.Certificate{known}, ""},
	} {
		eachVersion(t, func(t *testing.T, v uint16) {
			config := clientConfig(v)
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if c.cert == nil {
					return new(tls.Certificate), nil
				}
				return &c.cert[0], nil
			}
			l := newLink(t, newAcceptor(true), config)
			heard, failed := l.talk([]byte("hello"))
			err := l.carry(whole)
			if c.want == "" {
				if err != io.EOF || len(l.tls.State().VerifiedChains) != 1 {
					t.Errorf("%s: %v", c.name, err)
				}
				go l.answer()
				<-heard
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
			l.wire.Close()
			<-heard
			if err := <-failed; !strings.Contains(err.Error(), "remote error: tls:") {
				t.Errorf("%s: the client was not told why: %v", c.name, err)
			}
		})
	}
}

// What is no TLS is told from what is broken TLS: monitors and load balancers do the former.
func TestNoTLS(t *testing.T) {
	l := newLink(t, newAcceptor(false), clientConfig(0))
	l.feed([]byte("CONNECT {}\r\n"))
	if e, ok := errors.AsType[tls.RecordHeaderError](l.err); !ok || e.Conn == nil {
		t.Errorf("ended with %v", l.err)
	}
}

// A changed byte ends the connection, with an alert for the peer and the same error from then on.
func TestChangedByte(t *testing.T) {
	eachVersion(t, func(t *testing.T, v uint16) {
		l := newLink(t, newAcceptor(false), clientConfig(v))
		heard, failed := l.talk([]byte("hello"))
		for !l.over {
			l.feed(<-l.toServer)
		}
		if v == tls.VersionTLS13 && len(l.got) > 0 {
			t.Skip("the word came with the handshake")
		}
		b := <-l.toServer
		b[len(b)-1] ^= 1
		err := l.feed(b)
		if err == nil || !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("ended with %v", err)
		}
		if again := l.feed(nil); again != err {
			t.Errorf("and then %v", again)
		}
		l.wire.Close()
		<-heard
		if err := <-failed; !strings.Contains(err.Error(), "bad record MAC") {
			t.Errorf("the client was told %v", err)
		}
	})
}

// A handshake whose connection goes away ends, in whatever state it is: before it has begun, while it waits for
// input, while it waits at the gate; and what nobody needs is not computed.
func TestAbort(t *testing.T) {
	a := NewAcceptor(serverConfig(false), NewGate(1))
	l := newLink(t, a, clientConfig(0))
	l.tls.Abort()
	l.tls.Abort()

	l = newLink(t, a, clientConfig(0))
	go l.client.Handshake()
	hello := <-l.toServer
	l.feed(hello[:10])
	if l.tls.shaking.began {
		t.Error("a goroutine waits for the rest of a record")
	}
	l.feed(hello[10:])
	if l.over {
		t.Error("a hello was a handshake")
	}
	l.tls.Abort()
	a.gate.Wait() // nobody takes it back, and so it is not given back: that would wait for ever here
	if over, err := l.tls.Taken(); !over || err != errAborted {
		t.Errorf("over: %v, %v", over, err)
	}

	l = newLink(t, a, clientConfig(0))
	a.gate.Enter()
	go l.client.Handshake()
	l.tls.Open(nil, <-l.toServer)
	l.tls.Abort()
	a.gate.Leave()
	a.gate.Wait()
	if over, err := l.tls.Taken(); !over || err != errAborted || len(l.tls.pipe.out) > 0 {
		t.Errorf("over: %v, %v, %d bytes computed", over, err, len(l.tls.pipe.out))
	}
}

// Silent peers hold no place at the gate: others go by.
func TestSilentPeersHoldNoPlace(t *testing.T) {
	a := NewAcceptor(serverConfig(false), NewGate(1))
	for range 50 {
		l := newLink(t, a, clientConfig(0))
		go l.client.Handshake()
		l.feed(<-l.toServer) // the server has answered and waits
	}
	l := newLink(t, a, clientConfig(0))
	heard, _ := l.talk([]byte("hello"))
	if err := l.carry(whole); err != io.EOF {
		t.Errorf("ended with %v", err)
	}
	go l.answer()
	<-heard
}

// A panic in a handshake ends that handshake.
func TestPanicInAHandshake(t *testing.T) {
	config := serverConfig(false)
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("on purpose") }
	l := newLink(t, NewAcceptor(config, NewGate(1)), clientConfig(0))
	go l.client.Handshake()
	l.feed(<-l.toServer)
	if l.err == nil || !strings.Contains(l.err.Error(), "panic: on purpose") {
		t.Errorf("ended with %v", l.err)
	}
}

// If this fails Go has changed what tls.Conn is made of: see lend.go. Without it everything works, and
// idle connections keep up to 17 KB each.
func TestBuffersAreFound(t *testing.T) {
	if !lendable {
		t.Error("tls.Conn has no rawInput, input and hand of the known types")
	}
	if _, ok := findBuffers(reflect.TypeFor[struct{ rawInput, hand bytes.Buffer }]()); ok {
		t.Error("buffers were found in what has none")
	}
}

// exchange shakes hands, and then the client says n bytes.
func (l *link) exchange(n int) {
	l.t.Helper()
	go l.client.Write(bytes.Repeat([]byte("w"), n))
	for len(l.got) < n {
		if err := l.feed(<-l.toServer); err != nil || l.err != nil {
			l.t.Fatal(err, l.err)
		}
	}
}

// An idle connection holds no input buffer, whatever it has read, and what it has of a record costs that much.
func TestIdleHoldsNoBuffer(t *testing.T) {
	a := newAcceptor(false)
	l := newLink(t, a, clientConfig(0))
	l.exchange(100_000)
	l.got = nil
	raw := field[bytes.Buffer](l.tls.conn, found.raw)
	if raw.Cap() != 0 || l.tls.lent != nil || l.tls.pipe.in != nil || l.tls.pipe.out != nil {
		t.Errorf("%d bytes for records are kept, lent %v", raw.Cap(), l.tls.lent != nil)
	}
	go l.client.Write(bytes.Repeat([]byte("w"), 10_000))
	record := <-l.toServer
	for _, b := range bytewise(record[:3_000]) {
		l.feed(b)
		if raw.Cap() > 2*raw.Len()+64 {
			t.Fatalf("%d bytes are kept of %d", raw.Cap(), raw.Len())
		}
	}
	l.feed(record[3_000:])
	if len(l.got) != 10_000 || raw.Cap() != 0 {
		t.Errorf("got %d bytes, %d are kept", len(l.got), raw.Cap())
	}
}

// Records go in and out without allocating, but for what crypto/tls itself allocates for a read.
func TestRecordsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the detector allocates, and empties pools at random")
	}
	l := newLink(t, newAcceptor(false), clientConfig(0))
	l.exchange(64)
	word, dst := bytes.Repeat([]byte("w"), 128), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := l.tls.Seal(dst, word); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("sealing allocates %v times", n)
	}
	var records [][]byte
	for range 1100 {
		go l.client.Write(word)
		records = append(records, <-l.toServer)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if k, _, err := l.tls.Open(l.dst, records[0]); err != nil || k != len(word) {
			t.Fatal(k, err)
		}
		records = records[1:]
	}); n > 1 {
		t.Errorf("opening allocates %v times", n)
	}
}

// BenchmarkIdle tells what an idle connection takes of the heap on the server's side.
func BenchmarkIdle(b *testing.B) {
	for _, verify := range []bool{false, true} {
		b.Run(fmt.Sprintf("verify=%v", verify), func(b *testing.B) {
			const count = 300
			a := newAcceptor(verify)
			config := clientConfig(0)
			config.Certificates = []tls.Certificate{authority().Issue("client")}
			for b.Loop() {
				var keep []*TLS
				before := heap()
				for range count {
					l, end := openLink(b, a, config)
					l.exchange(64)
					end()
					keep = append(keep, l.tls)
				}
				b.ReportMetric(float64(heap()-before)/count, "B/connection")
				runtime.KeepAlive(keep)
			}
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
