package server

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"gnatsd-ev/internal/config"
)

func TestTheLeastLimitOfACgroupAndThoseAboveCounts(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a/memory.max", "536870912\n")
	write("a/b/memory.max", "max\n")
	write("c/memory.max", "1000\n")
	write("memory/d/memory.limit_in_bytes", "4096\n")
	write("memory/memory.limit_in_bytes", "9223372036854771712\n")
	for groups, want := range map[string]int64{
		"0::/a/b\n":                     512 << 20,
		"0::/\n":                        math.MaxInt64,
		"0::/c/gone\n":                  1000,
		"4:memory:/d\n1:cpu:/\n0::/a\n": 4096,
		"4:memory:/\n":                  9223372036854771712,
		"7:cpu,cpuacct:/c\n":            math.MaxInt64,
		"nonsense\n":                    math.MaxInt64,
		"":                              math.MaxInt64,
	} {
		if got := cgroupLimit(root, groups); got != want {
			t.Errorf("%q allows %d bytes, want %d", groups, got, want)
		}
	}
}

func TestTheBudgetIsAShareOfMemoryUnlessItIsGiven(t *testing.T) {
	o := config.Default()
	for memory, want := range map[int64]int64{0: pendingUnknown, 8 << 30: 2 << 30, 20 << 20: config.MaxPendingTotalMin} {
		if got := pendingTotal(o, memory); got != want {
			t.Errorf("of %d bytes the budget is %d, want %d", memory, got, want)
		}
	}
	o.MaxPayload = 32 << 20
	if got := pendingTotal(o, 512<<20); got != config.PayloadsInTotal*32<<20 {
		t.Errorf("with payloads of 32 MB the budget is %d", got)
	}
	o.MaxPendingTotal = 300 << 20
	if got := pendingTotal(o, 8<<30); got != 300<<20 {
		t.Errorf("300 MB were asked for, and it is %d", got)
	}
}

func TestWhatIsHeldForReadersGetsLessHeadroom(t *testing.T) {
	c := &collector{growth: heapGrowth, free: 10}
	for _, x := range []struct {
		held, live int64
		want       int
	}{
		{0, 100, heapGrowth}, {10, 10, heapGrowth}, {-5, 100, heapGrowth}, {100, 0, heapGrowth},
		{110, 100, heldGrowth}, {300, 100, heldGrowth}, {60, 100, (heapGrowth+heldGrowth)/2 + 1},
	} {
		if got := c.pace(x.held, x.live); got != x.want {
			t.Errorf("with %d held of %d the heap may grow by %d %%, want %d", x.held, x.live, got, x.want)
		}
	}
}

// What was cut since the last collection is garbage by now, and lived then: it must not count as memory that may
// grow threefold.
func TestWhatIsCutCountsAsHeldUntilACollection(t *testing.T) {
	c := &collector{}
	for i, x := range []struct {
		held        int64
		collections uint64
		want        int64
	}{
		{50, 1, 50}, {200, 1, 200}, {10, 1, 200}, // cut
		{20, 2, 20}, {5, 2, 20}, {0, 3, 5}, {0, 4, 0},
	} {
		if got := c.heldSince(x.held, x.collections); got != x.want {
			t.Errorf("look %d: %d bytes count as held, want %d", i, got, x.want)
		}
	}
}

func TestRoomForTheBudgetIsBounded(t *testing.T) {
	c := &collector{growth: heapGrowth, free: 10, total: 100 << 20, limit: 1 << 40}
	const bursts = 150<<20 + heldFree
	for _, x := range []struct{ held, live, want int64 }{
		{10, 100, 1 << 40}, {11, 11, bursts}, {11, 111, 300 + bursts}, {100, 50, bursts}, {11, 1 << 40, 1 << 40},
	} {
		if got := c.room(x.held, x.live); got != x.want {
			t.Errorf("with %d held of %d there is room for %d, want %d", x.held, x.live, got, x.want)
		}
	}
}
