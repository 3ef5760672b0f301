package loop

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"weak"

	"golang.org/x/sys/unix"
)

// openRing opens a ring for this test's thread, or skips where the system has none.
func openRing(t *testing.T) Batch {
	t.Helper()
	runtime.LockOSThread()
	b, err := System().OpenBatch()
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOMEM) {
		t.Skip(err) // there is none here, or it may not be used; anything else is ours
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(); runtime.UnlockOSThread() })
	return b
}

// socketPair returns two connected, non-blocking stream sockets.
func socketPair(t *testing.T) (here, there int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
	return pair[0], pair[1]
}

// readAll takes what has arrived.
func readAll(fd int) (all []byte) {
	b := make([]byte, 1<<16)
	for {
		n, err := unix.Read(fd, b)
		if err != nil || n <= 0 {
			return all
		}
		all = append(all, b[:n]...)
	}
}

// Each write of a batch has its own result, whatever the others' are: whole,
// short, refused, broken.
func TestEachWriteOfARingHasItsResult(t *testing.T) {
	b := openRing(t)
	whole, peer := socketPair(t)
	pieces, piecesPeer := socketPair(t)
	short, shortPeer := socketPair(t)
	full, _ := socketPair(t)
	broken, brokenPeer := socketPair(t)
	unix.Shutdown(brokenPeer, unix.SHUT_RDWR)
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for {
		if _, err := unix.Write(full, large); err == unix.EAGAIN {
			break
		}
	}
	for range 3 { // a ring is used again and again
		for _, w := range []struct {
			fd     int
			pieces [][]byte
		}{
			{whole, [][]byte{[]byte("hello")}}, {full, [][]byte{[]byte("no room")}}, {pieces, [][]byte{[]byte("one "), []byte("two "), []byte("three")}},
			{broken, [][]byte{[]byte("nobody there")}}, {short, [][]byte{large[:100], large[100:]}}, {-1, [][]byte{[]byte("no socket")}},
		} {
			if !b.Add(w.fd, w.pieces) {
				t.Fatal("there is no room in an empty batch")
			}
		}
		got := b.Write()
		if len(got) != 6 {
			t.Fatalf("%d results of 6 writes", len(got))
		}
		for i, want := range []Written{{N: 5}, {Err: unix.EAGAIN}, {N: 13}, {Err: unix.EPIPE}, {}, {Err: unix.EBADF}} {
			if i != 4 && got[i] != want {
				t.Errorf("write %d: %v, want %v", i, got[i], want)
			}
		}
		if got[4].Err != nil || got[4].N <= 100 || got[4].N >= len(large) {
			t.Errorf("a socket with less room took %d of %d bytes, %v", got[4].N, len(large), got[4].Err)
		}
		if s := readAll(peer); string(s) != "hello" {
			t.Errorf("one piece arrived as %q", s)
		}
		if s := readAll(piecesPeer); string(s) != "one two three" {
			t.Errorf("three pieces arrived as %q", s)
		}
		if s := readAll(shortPeer); !bytes.Equal(s, large[:got[4].N]) {
			t.Errorf("of a short write %d bytes arrived, not the %d it was", len(s), got[4].N)
		}
	}
}

// A batch takes so many writes and pieces and says when it has no room.
func TestARingSaysWhenItIsFull(t *testing.T) {
	b := openRing(t)
	here, there := socketPair(t)
	for i := range batchMax {
		if !b.Add(here, [][]byte{{byte(i)}}) {
			t.Fatalf("write %d of %d had no room", i, batchMax)
		}
	}
	if b.Add(here, [][]byte{{0xff}}) {
		t.Fatal("one write too many had room")
	}
	b.Write()
	got := readAll(there)
	for i := range batchMax {
		if i >= len(got) || got[i] != byte(i) {
			t.Fatalf("writes to one socket arrived as %v", got)
		}
	}
	many := make([][]byte, iovecsMax)
	for i := range many {
		many[i] = []byte{byte(i)}
	}
	added := 0
	for b.Add(here, many) {
		added++
	}
	if added == 0 {
		t.Fatalf("a write of %d pieces has no room in an empty batch", len(many))
	}
	b.Write()
	if n := len(readAll(there)); n != added*len(many) {
		t.Errorf("%d bytes arrived of %d writes", n, added)
	}
}

// What the kernel does not take is left to be written singly.
func TestARingThatFailsMakesNoWrite(t *testing.T) {
	b := openRing(t)
	here, there := socketPair(t)
	r := b.(*ring)
	fd := r.fd
	r.fd = -1
	b.Add(here, [][]byte{[]byte("a")})
	b.Add(here, [][]byte{[]byte("b")})
	for i, w := range b.Write() {
		if w.Err != errIntr {
			t.Errorf("write %d: %v", i, w)
		}
	}
	r.fd = fd
	b.Add(here, [][]byte{[]byte("c")})
	if w := b.Write(); len(w) != 1 || w[0] != (Written{N: 1}) {
		t.Errorf("the write after: %v", w)
	}
	if s := readAll(there); string(s) != "c" {
		t.Errorf("arrived: %q", s)
	}
}

// A ring keeps no memory of what it has written: a piece may be a message of many megabytes.
func TestARingHoldsNothingItHasWritten(t *testing.T) {
	b := openRing(t)
	here, there := socketPair(t)
	piece := make([]byte, 4<<10)
	held := weak.Make(&piece[0])
	b.Add(here, [][]byte{piece[:1<<10], piece[1<<10:]})
	b.Write()
	if n := len(readAll(there)); n != len(piece) {
		t.Fatalf("%d of %d bytes arrived", n, len(piece))
	}
	piece = nil
	runtime.GC()
	if held.Value() != nil {
		t.Error("the ring holds on to bytes that are written")
	}
}
