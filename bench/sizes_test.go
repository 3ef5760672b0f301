package bench

import "testing"

func TestSizesAreRead(t *testing.T) {
	for _, c := range []struct {
		text string
		size int
		mix  string
	}{
		{"128", 128, ""}, {"1k", 1024, ""}, {"1m", 1 << 20, ""}, {"0", 0, ""},
		{"16:50,1k:45,64K:5", 64 << 10, "16:50,1024:45,65536:5"}, {"16,32:3", 32, "16:1,32:3"},
	} {
		size, mix, err := ParseSizes(c.text)
		if err != nil || size != c.size || mix.String() != c.mix {
			t.Errorf("ParseSizes(%q) = %d, %q, %v; want %d, %q", c.text, size, mix, err, c.size, c.mix)
		}
	}
	for _, bad := range []string{"", "x", "-1", "2m", "16:0", "16:x", "16:50,", "9999999999k", "16:99999999"} {
		if size, mix, err := ParseSizes(bad); err == nil {
			t.Errorf("ParseSizes(%q) = %d, %v; want an error", bad, size, mix)
		}
	}
}

func TestSizesArePickedByWeight(t *testing.T) {
	p := newPicker(0, Mix{{16, 50}, {1024, 45}, {4096, 5}}, 32)
	seen := map[int]int{}
	for range 10_000 {
		seen[p.next()]++
	}
	for size, want := range map[int]int{32: 5000, 1024: 4500, 4096: 500} {
		if n := seen[size]; n < want-want/5 || n > want+want/5 {
			t.Errorf("size %d was picked %d times of 10,000, want about %d", size, n, want)
		}
	}
	if p.max() != 4096 {
		t.Errorf("the largest is %d", p.max())
	}
}
