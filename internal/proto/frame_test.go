package proto

import (
	"fmt"
	"math"
	"strconv"
	"testing"
)

func TestFrames(t *testing.T) {
	none := []byte(nil)
	for _, c := range []struct{ got, want string }{
		{string(AppendMSG([]byte("+"), []byte("a.b"), "7", none, 0)), "+MSG a.b 7 0\r\n"},
		{string(AppendMSG(none, "a", []byte("7"), "r.1", 1048576)), "MSG a 7 r.1 1048576\r\n"},
		{string(AppendHMSG(none, "a", "7", "", 12, 17)), "HMSG a 7 12 17\r\n"},
		{string(AppendHMSG(none, []byte("a"), []byte("7"), []byte("r"), 0, 100)), "HMSG a 7 r 0 100\r\n"},
		{string(AppendErr(none, "Stale Connection")), "-ERR 'Stale Connection'\r\n"},
		{string(ErrSubject.Append(none)), "-ERR 'Invalid Subject'\r\n"},
		// What nats-server 2.15.2 sent after a request to "help" that nobody serves.
		{string(AppendNoResponders(none, "_INBOX.1", "2", []byte("help"))),
			"HMSG _INBOX.1 2 36 36\r\nNATS/1.0 503\r\nNats-Subject: help\r\n\r\n\r\n"},
	} {
		if c.got != c.want {
			t.Errorf("\n got %q\nwant %q", c.got, c.want)
		}
	}
}

func TestAppendDecimal(t *testing.T) {
	check := func(n uint64) {
		if got, want := string(AppendDecimal([]byte("x"), n)), "x"+strconv.FormatUint(n, 10); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	for n := uint64(0); n < 20_000; n++ {
		check(n)
	}
	for power := uint64(10); power < math.MaxUint64/10; power *= 10 {
		check(power - 1)
		check(power)
		check(power + 1)
	}
	check(math.MaxUint64)
}

func TestFramesAllocateNothing(t *testing.T) {
	subject, reply, dst := []byte("orders.new"), []byte("_INBOX.abc"), make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		dst = AppendMSG(dst[:0], subject, "12", reply, 128)
		dst = AppendHMSG(dst, subject, "12", reply, 20, 128)
		dst = AppendNoResponders(dst, reply, "12", subject)
		dst = ErrStale.Append(dst)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkAppendMSG(b *testing.B) {
	dst := make([]byte, 0, 256)
	for _, size := range []int{5, 16, 128, 1048576} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			subject, sid := []byte("orders.new"), "12"
			for b.Loop() {
				dst = AppendMSG(dst[:0], subject, sid, "", size)
			}
		})
	}
}

func BenchmarkAppendHMSG(b *testing.B) {
	subject, sid, dst := []byte("orders.new"), "12", make([]byte, 0, 256)
	for b.Loop() {
		dst = AppendHMSG(dst[:0], subject, sid, "", 42, 128)
	}
}

func BenchmarkAppendDecimal(b *testing.B) {
	dst := make([]byte, 0, 32)
	for b.Loop() {
		dst = AppendDecimal(dst[:0], 12345)
	}
}
